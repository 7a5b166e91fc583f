"""Every preset through the real graph, from images to pictures, with narrow networks and phases of a step."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from miniature import UNTRACKED, new_repository
from PIL import Image
from zygote import Zygote

from pgan.presets.catalogue import names, read_preset
from pgan.untrusted.strict_yaml import parse

FEW = {"wcgan-gp-64": 1, "wgan-gp-fish-32": 2}
"""Presets and how many of their phases: architectures that the miniature does not have, classes, ImageNet features."""
MANY = {name: 5 for name in names() if not name.endswith("gpu")} | {"celeba-hq-1024": 17}
"""As many phases as two fades need, and once all. Those for more GPUs differ in batches and rates alone."""
STAGES = ("train", "evaluate")
"""Of each phase."""
TINY: dict[str, dict[str, Any]] = {
    "training": {"samples": 4, "sample_frames": 2, "log_every_kimg": 0.001, "compile": "never"},
    "evaluate": {
        "images": 8,
        "batch": 8,
        "precision_recall": {"neighbours": 3, "images": 8},
        "kid": {"subsets": 2, "subset_size": 8},
        "inception_score": {"splits": 2},
        "swd": {"images": 8, "patches": 4, "directions": 8},
        "ms_ssim": {"pairs": 4},
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


def tiny(content: dict[str, Any], images: Path, most: int) -> dict[str, Any]:
    """A preset's parameters, made small, for two classes: of images in a folder, or of what it is made for."""
    for section, values in TINY.items():
        content[section] |= values
    content["networks"] |= WIDTHS[content["networks"].get("architecture", "progressive")]
    if content["networks"].get("classes"):
        content["networks"]["classes"] = 2
    content["phases"] = {
        name: phase | {"kimg": 0.004, "batch": 4} for name, phase in list(content["phases"].items())[:most]
    }
    last = max(phase["resolution"] for phase in content["phases"].values())
    own: dict[str, Any] = {"source": "folder", "path": str(images)}
    if content["prepare"]["source"] == "mnist-rgb":
        own = {"path": str(images / DIGITS), "mnist_rgb": {"count": 24}}
    if content["prepare"]["source"] == "avatars":
        own = {"avatars": {"styles": ["stack", "identicon"], "count": 24}}
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


@pytest.mark.parametrize(
    ("name", "most"),
    [*FEW.items(), *(pytest.param(*item, marks=pytest.mark.slow) for item in MANY.items())],
)
def test_a_preset_runs_from_images_to_pictures(
    name: str, most: int, images: Path, zygote: Zygote, tmp_path: Path
) -> None:
    pipeline = new_repository(tmp_path / "repository", zygote)
    content = tiny(parse(read_preset(name).text), images, most)
    pipeline.write_parameters(content)
    phases = list(content["phases"])
    assert sorted(pipeline.repro(**UNTRACKED)) == sorted(
        ["prepare", "init", "features", "render"] + [f"{stage}@{phase}" for stage in STAGES for phase in phases]
    )
    data = pipeline.path / "data"
    for phase in phases:
        metrics = parse((data / "evaluate" / phase / "metrics.json").read_text())
        assert all(np.isfinite(value) for value in metrics.values()), phase
    assert "swd" in metrics
    assert ("modes" in metrics) == (name == "mnist-rgb-modes")
    assert (data / "render/samples.png").is_file()
    assert {path.stem for path in (data / "render/phases").glob("*.gif")} == set(phases)
    assert pipeline.repro(**UNTRACKED) == []
