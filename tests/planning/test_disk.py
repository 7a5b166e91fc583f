"""Predicted sizes against files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pgan.networks import checkpoint
from pgan.networks.config import Networks
from pgan.networks.sampling import pick_device
from pgan.phases import Phase
from pgan.planning.disk import pyramid_bytes, samples_bytes
from pgan.planning.weights import checkpoint_bytes
from pgan.prepare.build import build
from pgan.prepare.config import Prepare
from pgan.training.config import Training
from pgan.training.job import Job
from pgan.training.loop import PhaseRun
from pgan.training.snapshots import Snapshots


def test_a_checkpoint_and_its_pictures(
    parameters: dict[str, object], training: Training, phase_of: Callable[..., Phase], tmp_path: Path
) -> None:
    networks = Networks.model_validate(parameters["networks"])
    images = np.random.default_rng(0).integers(0, 256, (16, 1, 8, 8), dtype=np.uint8)
    phase = phase_of(8, "stabilize", kimg=0.024)
    settings = training.model_copy(update={"compile": "never", "samples": 5, "sample_frames": 3})
    job = Job("p", phase, settings, 0, images, np.zeros(16, np.int64))
    run = PhaseRun(job, checkpoint.fresh(networks, 8, 0), pick_device("cpu"))
    with Snapshots(tmp_path, "p", "key", {}) as snapshots:
        run.run(snapshots, 1000.0)
        run.write(tmp_path / "out")
    assert (tmp_path / "out/checkpoint.pt").stat().st_size == pytest.approx(checkpoint_bytes(networks, 8), rel=0.1)
    assert np.load(tmp_path / "out/samples.npy").nbytes == samples_bytes(networks, phase, settings)


def test_a_pyramid(parameters: dict[str, dict[str, object]], tmp_path: Path) -> None:
    settings = Prepare.model_validate(parameters["prepare"] | {"max_images": 100})
    build(settings, tmp_path / "pyramid")
    files = (tmp_path / "pyramid").glob("*.npy")
    assert sum(path.stat().st_size for path in files) == pytest.approx(pyramid_bytes(settings, 100), rel=0.02)
