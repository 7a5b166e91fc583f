"""CelebA-HQ at 1024×1024 with the official widths, on the CPU: a few steps, and pictures; about ten minutes."""

import csv
import json
import math
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from pgan.networks.config import Networks
from pgan.rendering.grid import gap_of

ROOT = Path(__file__).parents[2]
GIB = 2**30
LIMIT = 16 * GIB
"""Of a command's address space, so that a mistake costs this test rather than the machine."""
BATCH, STEPS = 4, 2
"""The batch is the preset's own."""
SHORT = {
    "init": {"resolution": 512},  # the phase before the last doubling has left such networks
    "training": {"samples": 2, "sample_frames": 2, "log_every_kimg": BATCH / 1000},
    "evaluate": {"images": 4, "swd": {"images": 4, "patches": 128, "directions": 512}},
    "render": {
        "rows": 1,
        "columns": 1,
        "interpolation": {"latents": 2, "frames_between": 1, "walkers": 1},
        "transitions": {"latents": 4, "pairs": 1},
    },
}


def pgan(folder, *arguments):
    """Run a command of its own process; its peak memory in bytes."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PGAN_WORKERS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "pgan", *arguments],
        cwd=folder,
        env=environment,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT)),
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, arguments
    return usage.ru_maxrss * 1024


def losses(folder, train="data/train"):
    with (folder / train / "grow_1024/losses.csv").open() as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def write_params(folder, recompute):
    """The preset, shortened; networks, batch and learning rate stay as they are."""
    content = yaml.safe_load((folder / "preset.yaml").read_text())
    for section, values in SHORT.items():
        content[section] |= values
    content["prepare"]["path"] = "faces"
    content["training"]["recompute"] = recompute
    content["evaluate"]["ms_ssim"]["pairs"] = 2
    phase = content["phases"]["grow_1024"]
    assert phase["batch"] == BATCH
    content["phases"] = {"grow_1024": phase | {"from": "init", "kimg": STEPS * BATCH / 1000}}
    (folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder in which images are prepared, and networks of half the size drawn."""
    folder = tmp_path_factory.mktemp("celeba-hq")
    (folder / "faces").mkdir()
    random = np.random.default_rng(0)
    for i in range(8):  # smooth patterns
        coarse = Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        coarse.resize((1024, 1024), Image.Resampling.BICUBIC).save(folder / "faces" / f"{i}.png")
    pgan(folder, "preset", "celeba-hq-1024", "--params", "preset.yaml")
    write_params(folder, recompute=False)
    for command in ("prepare", "init", "features"):
        pgan(folder, command)
    return folder


@pytest.fixture(scope="module")
def trained(place):
    """The peak memory of training."""
    return pgan(place, "train", "grow_1024")


@pytest.mark.campaign
def test_it_trains_the_official_networks_in_less_than_16_gib(place, trained):
    print(f"peak of training: {trained / GIB:.1f} GiB")  # 12.1 with one thread, 14.8 with two
    assert trained < LIMIT
    networks = Networks.model_validate(yaml.safe_load((place / "params.yaml").read_text())["networks"])
    assert [networks.feature_maps(stage) for stage in range(1, 10)] == [512, 512, 512, 512, 256, 128, 64, 32, 16]
    summary = json.loads((place / "data/train/grow_1024/summary.json").read_text())
    assert summary["steps"] == STEPS
    assert [summary[f"{name}_parameters"] for name in ("generator", "critic")] == [23_079_115, 23_087_249]
    rows = losses(place)
    assert len(rows) == STEPS
    assert all(math.isfinite(value) for row in rows for value in row.values())
    assert rows[0]["critic_fake"] != rows[1]["critic_fake"]


@pytest.mark.campaign
def test_recomputing_maps_takes_less_memory_and_changes_no_loss(place, trained):
    write_params(place, recompute=True)
    peak = pgan(
        place, "train", "grow_1024", "--out", "recomputed/grow_1024", "--parent", "data/train/init/checkpoint.pt"
    )
    write_params(place, recompute=False)
    print(f"peak with maps computed again: {peak / GIB:.1f} GiB")
    assert peak < 0.9 * trained
    first, same = losses(place)[0], losses(place, "recomputed")[0]
    assert same == pytest.approx(first, rel=1e-3)


@pytest.mark.campaign
def test_it_is_measured_and_drawn(place, trained):
    checkpoint, out = "data/train/grow_1024/checkpoint.pt", "data/evaluate/grow_1024/metrics.json"
    assert pgan(place, "evaluate", "--checkpoint", checkpoint, "--out", out) < 5 * GIB
    metrics = json.loads((place / out).read_text())
    assert {"swd_1024", "swd_16", "ms_ssim"} <= metrics.keys()
    assert all(math.isfinite(value) for value in metrics.values())

    assert pgan(place, "sample", checkpoint, "face.png", "--seeds", "0") < 3 * GIB
    assert pgan(place, "render") < 3 * GIB
    framed = 1024 + 2 * gap_of(1024)
    for picture in ("face.png", "data/render/samples.png"):
        image = Image.open(place / picture)
        assert image.size == (framed, framed)
        assert np.asarray(image).std() > 0
