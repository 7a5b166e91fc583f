"""MS-SSIM: the official code's figures, and properties."""

from typing import Any

import numpy as np
import pytest
import torch

from pgan.metrics.ms_ssim import SMALLEST, ms_ssim, pair_similarities


def noise(count: int, size: int, seed: int, channels: int = 1) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (count, channels, size, size), dtype=np.uint8))


@pytest.mark.parametrize("name", ["a", "b"])
@pytest.mark.parametrize("side", ["real", "fake"])
def test_is_the_official_one(official: Any, name: str, side: str) -> None:
    assert float(pair_similarities([official[f"{name}_{side}"]]).mean()) == pytest.approx(
        float(official[f"{name}_msssim_{side}"]), abs=1e-6
    )


@pytest.mark.parametrize("size", [SMALLEST, 28, 32, 64])
def test_of_an_image_with_itself_is_one(size: int) -> None:
    x = noise(3, size, 0, channels=3)
    assert torch.allclose(ms_ssim(x, x), torch.ones(3, dtype=torch.float64))


def test_is_symmetric_and_falls_with_the_difference() -> None:
    x, y = noise(4, 32, 0), noise(4, 32, 1)
    assert torch.allclose(ms_ssim(x, y), ms_ssim(y, x))
    near, far = (ms_ssim(x, x * (1 - mix) + y * mix) for mix in (0.1, 0.6))
    assert (far < near).all()
    assert (near < 1).all()


def test_of_opposites_is_zero_and_not_nan() -> None:
    x = noise(4, 32, 0)
    assert ms_ssim(x, 255 - x).tolist() == [0.0] * 4


def test_pairs_are_neighbours_and_chunks_do_not_matter() -> None:
    x = noise(8, 16, 0).numpy()
    expected = float(ms_ssim(torch.from_numpy(x[::2]), torch.from_numpy(x[1::2])).mean())
    assert float(pair_similarities([x]).mean()) == pytest.approx(expected, rel=1e-12)
    assert float(pair_similarities([x[:2], x[2:]]).mean()) == pytest.approx(expected, rel=1e-12)
