"""The classifier that judges the preset mnist-progressive, on MNIST's test images: about two minutes."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from pgan.metrics.classifier import load_classifier

MNIST = Path(__file__).parents[3] / "shared" / "data" / "mnist"


def read(name: str, header: int) -> np.ndarray:
    """The bytes of an IDX file behind its header."""
    return np.frombuffer(gzip.decompress((MNIST / name).read_bytes()), np.uint8, offset=header)


@pytest.mark.campaign
@pytest.mark.skipif(not MNIST.is_dir(), reason="needs ../shared/data/mnist beside the repository")
def test_it_names_98_5_percent_of_the_test_images(tmp_path: Path) -> None:
    def pgan(*arguments: str) -> None:
        subprocess.run([sys.executable, "-m", "pgan", *arguments], cwd=tmp_path, check=True)

    (tmp_path / "data").mkdir()
    (tmp_path / "data/raw").symlink_to(MNIST)
    pgan("preset", "mnist-progressive")
    pgan("prepare")
    pgan("features")
    images = torch.from_numpy(read("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28).copy())
    labels = torch.from_numpy(read("t10k-labels-idx1-ubyte.gz", 8).astype(np.int64))
    classifier = load_classifier(tmp_path / "data/features/classifier.pt", torch.device("cpu"))
    with torch.no_grad():
        named = torch.cat([classifier(batch)[1].argmax(1) for batch in images.split(500)])
    accuracy = (named == labels).float().mean().item()
    print(json.dumps({"accuracy": accuracy}))
    assert len(labels) == 10_000
    assert accuracy >= 0.985
