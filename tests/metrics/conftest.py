"""A small pyramid of digits, parameters, and the official code's fixtures."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor, nn

from pgan.data.pyramid import LABELS, Meta, level_name, write_meta

OFFICIAL = Path(__file__).parents[3] / "shared" / "fixtures" / "official" / "metrics.npz"


@pytest.fixture(scope="session")
def official() -> Any:
    """Image sets and what the official metric code computed from them."""
    if not OFFICIAL.is_file():
        pytest.skip(f"{OFFICIAL}: the official code's fixtures are not here")
    return np.load(OFFICIAL)


def make_pyramid(folder: Path, images: np.ndarray, labels: np.ndarray, classes: list[str], base: int) -> Path:
    """A pyramid of uint8 images (N, C, r, r), halved down to `base` pixels."""
    folder.mkdir(parents=True)
    levels, mean = [], images.astype(np.float64)
    while True:
        levels.append(mean.shape[-1])
        np.save(folder / level_name(levels[-1]), np.rint(mean).astype(np.uint8))
        if levels[-1] == base:
            break
        mean = sum(mean[:, :, y::2, x::2] for y in (0, 1) for x in (0, 1)) / 4
    np.save(folder / LABELS, labels.astype(np.int64))
    write_meta(folder, Meta(len(images), images.shape[1], levels[::-1], classes, "test", "0"))
    return folder


@pytest.fixture(scope="session")
def new_pyramid() -> Callable[..., Path]:
    """`make_pyramid`, for tests that need one of their own."""
    return make_pyramid


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of scikit-learn's digits at 4, 8 and 16 pixels."""
    from sklearn.datasets import load_digits

    data = load_digits()
    images = np.rint(data.images * 255 / 16).astype(np.uint8)[:, None].repeat(2, axis=2).repeat(2, axis=3)
    return make_pyramid(
        tmp_path_factory.mktemp("digits") / "pyramid", images, data.target, [str(i) for i in range(10)], 4
    )


@pytest.fixture
def noise_pyramid(tmp_path: Path) -> Path:
    """Forty random images of three channels at 8 and 16 pixels, without labels."""
    images = np.random.default_rng(0).integers(0, 256, (40, 3, 16, 16), dtype=np.uint8)
    return make_pyramid(tmp_path / "noise", images, np.zeros(40), [], 8)


class StandIn(nn.Module):
    """Mean colours of a 4 × 4 grid as features; the call is the real network's."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(48, 5)

    def forward(
        self, img: Tensor, return_features: bool = False, use_fp16: bool = False, no_output_bias: bool = False
    ) -> Tensor:
        if img.shape[1] != 3 or img.shape[2] != 299:
            raise RuntimeError("expected 3 channels of 299 pixels")
        features = torch.nn.functional.adaptive_avg_pool2d(img.to(torch.float32), 4).flatten(1)
        if return_features:
            return features
        logits = torch.matmul(features, self.head.weight.t())
        if not no_output_bias:
            logits = logits + self.head.bias
        return torch.softmax(logits / 255, 1)


@pytest.fixture(scope="session")
def save_stand_in() -> Callable[[Path, int], Path]:
    """Saves a stand-in for the Inception network, with random weights by seed, as TorchScript."""

    def save(path: Path, seed: int) -> Path:
        torch.manual_seed(seed)
        torch.jit.script(StandIn()).save(path)
        return path

    return save


@pytest.fixture(scope="session")
def sections() -> dict[str, Any]:
    """The two sections with small numbers."""
    return {
        "seed": 1,
        "training": {"mirror": False},
        "features": {
            "space": "classifier",
            "real_images": None,
            "batch": 256,
            "classifier": {
                "resolution": 16,
                "width": 8,
                "epochs": 8,
                "batch": 64,
                "lr": 0.01,
                "shift": 1,
                "held_out": 0.2,
            },
            "inception": {"path": None, "url": None, "sha256": None},
        },
        "evaluate": {
            "images": 200,
            "batch": 64,
            "target_resolution": None,
            "metrics": [
                "frechet",
                "kid",
                "precision_recall",
                "density_coverage",
                "memorisation",
                "inception_score",
                "classes",
                "swd",
                "ms_ssim",
            ],
            "kid": {"subsets": 5, "subset_size": 100},
            "precision_recall": {"neighbours": 3, "images": 200},
            "density_coverage": {"neighbours": 5, "images": 200},
            "memorisation": {"images": 200, "cells": 10},
            "inception_score": {"splits": 2},
            "classes": {"min_share": 0.01},
            "swd": {"images": 100, "patches": 16, "directions": 32},
            "ms_ssim": {"pairs": 20},
        },
    }


@pytest.fixture
def write_params(tmp_path: Path, sections: dict[str, Any]) -> Callable[..., Path]:
    """Writes a params.yaml: the small sections, but for dotted keys given by name with `__` for the dot."""

    def write(**changes: Any) -> Path:
        content = yaml.safe_load(yaml.safe_dump(sections))  # a deep copy
        for key, value in changes.items():
            *parents, last = key.split("__")
            place = content
            for parent in parents:
                place = place[parent]
            place[last] = value
        path = tmp_path / "small.yaml"
        path.write_text(yaml.safe_dump(content))
        return path

    return write
