"""Every preset from images to pictures, with narrow networks and phases of a step."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from command_line import pgan
from PIL import Image

from pgan.presets.catalogue import names, read_preset
from pgan.strict_yaml import parse

TOP = 32
"""Pixels: larger phases are left out, as one more doubling shows nothing new and costs four times as much."""
TINY: dict[str, dict[str, Any]] = {
    "training": {"samples": 4, "sample_frames": 2, "log_every_kimg": 0.001, "compile": "never"},
    "evaluate": {
        "images": 16,
        "batch": 8,
        "precision_recall": {"neighbours": 3, "images": 16},
        "kid": {"subsets": 2, "subset_size": 8},
        "inception_score": {"splits": 2},
        "swd": {"images": 16, "patches": 4, "directions": 8},
        "ms_ssim": {"pairs": 8},
    },
    "render": {
        "rows": 2,
        "columns": 2,
        "tile": 16,
        "frames_per_phase": 2,
        "interpolation": {"latents": 2, "frames_between": 2, "walkers": 2},
    },
}


DIGITS = "train-images-idx3-ubyte"
WIDTHS: dict[str, dict[str, Any]] = {
    "progressive": {"latent_size": 4, "fmap_base": 32, "fmap_max": 4},
    "dcgan": {"latent_size": 4, "width": 2},
    "fish": {"latent_size": 4, "width": 4},
}


def tiny(content: dict[str, Any], images: Path, top: int = TOP) -> dict[str, Any]:
    """A preset's parameters, made small, for two classes of images in a folder, or digits where it needs those."""
    for section, values in TINY.items():
        content[section] |= values
    content["networks"] |= WIDTHS[content["networks"].get("architecture", "progressive")]
    content["phases"] = {
        name: phase | {"kimg": 0.008, "batch": 8}
        for name, phase in content["phases"].items()
        if phase["resolution"] <= top or phase["kind"] == "fixed"
    }
    last = max(phase["resolution"] for phase in content["phases"].values())
    own: dict[str, Any] = {"source": "folder", "path": str(images)}
    if content["prepare"]["source"] == "mnist-rgb":
        own = {"path": str(images / DIGITS), "mnist_rgb": {"count": 24}}
    content["prepare"] |= own | {"resolution": last, "allow_upscale": True}
    content["evaluate"]["target_resolution"] = last
    content["features"]["classifier"] |= {"resolution": 8, "width": 2, "epochs": 1, "batch": 8}
    return content


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of noise; beside them two digits as IDX files, which a folder passes over."""
    folder = tmp_path_factory.mktemp("images")
    random = np.random.default_rng(0)
    for i in range(24):
        path = folder / f"class{i % 2}" / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path)
    (folder / DIGITS).write_bytes(struct.pack(">IIII", 0x803, 2, 28, 28) + random.bytes(2 * 28 * 28))
    (folder / DIGITS.replace("images-idx3", "labels-idx1")).write_bytes(struct.pack(">II", 0x801, 2) + bytes([3, 7]))
    return folder


@pytest.mark.parametrize("name", [name for name in names() if not name.endswith("gpu")])  # batches and rates alone
def test_a_preset_runs_from_images_to_pictures(
    name: str, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PGAN_WORKERS", "1")
    content = tiny(parse(read_preset(name).text), images)
    Path("params.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    phases = list(content["phases"])
    run("check")
    run("prepare")
    run("init")
    run("features")
    for phase in phases:
        run("train", phase)
        metrics = f"data/evaluate/{phase}/metrics.json"
        run("evaluate", "--checkpoint", f"data/train/{phase}/checkpoint.pt", "--out", metrics)
    run("render")
    numbers = parse(Path(metrics).read_text())
    assert all(np.isfinite(value) for value in numbers.values())
    assert "swd" in numbers
    assert ("modes" in numbers) == (name == "mnist-rgb-modes")
    assert Path("data/render/samples.png").is_file()
    assert len(list(Path("data/render/phases").glob("*.gif"))) == len(phases)


def run(*arguments: str) -> None:
    """A command that succeeds."""
    result = pgan(*arguments)
    assert result.exit_code == 0, (arguments, result.output, result.exception)
