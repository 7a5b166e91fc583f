"""`pgan new`, then `dvc repro`: the whole graph without an edit, for kinds of images that people have."""

import struct
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from miniature import UNTRACKED, new_repository
from PIL import Image
from zygote import Zygote

from pgan.untrusted.strict_yaml import parse

NARROW = ("--width", "4", "--latent", "4", "--kimg", "0.2", "--resolution")


def photo(number: int, size: int = 32) -> bytes:
    """A PNG of soft spots."""
    spots = np.random.default_rng(number).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    file = BytesIO()
    Image.fromarray(spots).resize((size, size), Image.Resampling.BICUBIC).save(file, "PNG")
    return file.getvalue()


def flat(raw: Path) -> str:
    """40 photographs, and things that are none, in a folder with an unusual name."""
    folder = raw / "Füße & 猫 (50 %)"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number}.png").write_bytes(photo(number))
    (folder / "cut.png").write_bytes(photo(0)[:300])
    (folder / "film.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    return str(folder)


def tree(raw: Path) -> str:
    """Two classes of 60 photographs."""
    for number in range(120):
        path = raw / "tree" / f"class {number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo(number))
    return str(raw / "tree")


def archive(raw: Path) -> str:
    """A zip of large images outside of the repository."""
    path = raw.parents[2] / "large.zip"
    with zipfile.ZipFile(path, "w") as file:
        for number in range(20):
            file.writestr(f"{number}.png", photo(number, 256))
    return str(path)


def idx(raw: Path) -> str:
    """Twelve hundred labelled digits of 28×28 pixels, grey."""
    random = np.random.default_rng(0)
    labels = np.arange(1200, dtype=np.uint8) % 3
    images = np.zeros((1200, 28, 28), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4:24, 6 + 5 * label : 10 + 5 * label] = random.integers(150, 256, (20, 4))
    (raw / "train-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 0x803, *images.shape) + images.tobytes())
    (raw / "train-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, 1200) + labels.tobytes())
    return str(raw / "train-images-idx3-ubyte")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "resolution", "space"),
    [(flat, 16, "imagenet"), (tree, 16, "imagenet"), (archive, 32, "imagenet"), (idx, 28, "classifier")],
)
def test_images_become_pictures_without_an_edit(
    make: Callable[[Path], str], resolution: int, space: str, zygote: Zygote, tmp_path: Path
) -> None:
    pipeline = new_repository(tmp_path / "repository", zygote)
    raw = pipeline.path / "data/raw"
    pipeline.run("python", "-m", "pgan", "new", make(raw), *NARROW, str(resolution), "--yes")
    content = pipeline.parameters()
    assert content["features"]["space"] == space
    assert "render" in pipeline.repro(**UNTRACKED)
    data = pipeline.path / "data"
    for phase in content["phases"]:
        metrics = parse((data / "evaluate" / phase / "metrics.json").read_text())
        assert all(np.isfinite(value) for value in metrics.values()), phase
    assert (data / "render/samples.png").is_file()
    assert pipeline.repro(**UNTRACKED) == []
