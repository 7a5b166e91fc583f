"""Levels of the pyramid: means of 2×2, each level rounded once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgan.prepare.levels import halve, pyramid


@given(base=st.integers(2, 7), doublings=st.integers(0, 3), channels=st.sampled_from([1, 3]), seed=st.integers(0, 99))
def test_every_level_is_the_exact_mean_rounded_once(base: int, doublings: int, channels: int, seed: int) -> None:
    side = base << doublings
    images = np.random.default_rng(seed).integers(0, 256, (2, channels, side, side), dtype=np.uint8)
    levels = pyramid(images, base)
    assert [level.shape[-1] for level in levels] == [base << k for k in range(doublings + 1)]
    for level in levels:
        factor = side // level.shape[-1]
        blocks = images.reshape(2, channels, level.shape[-1], factor, level.shape[-1], factor)
        means = blocks.astype(np.float64).mean((3, 5))
        assert np.array_equal(level, np.rint(means).astype(np.uint8))


def test_rounding_is_not_fed_on() -> None:
    # The 2×2 means are 0.75, 0.75, 0.75 and 0: rounded first they would give 0.75 -> 1; their true mean 0.5625 -> 1,
    # and for three of 0.5 (each to even: 0) the true mean 0.375 -> 0. A case that tells them apart: 0.5, 0.5, 0.5, 1.
    image = np.zeros((1, 1, 4, 4), np.uint8)
    image[0, 0, :2, :2] = [[1, 1], [0, 0]]
    image[0, 0, :2, 2:] = [[1, 1], [0, 0]]
    image[0, 0, 2:, :2] = [[1, 1], [0, 0]]
    image[0, 0, 2:, 2:] = 1
    two, four = pyramid(image, 2)
    assert np.array_equal(four, image)
    assert two.ravel().tolist() == [0, 0, 0, 1]
    assert halve(halve(image.astype(np.float32))).item() == 0.625


@pytest.mark.parametrize("value", [0, 255])
def test_flat_images_stay_flat(value: int) -> None:
    for level in pyramid(np.full((1, 3, 256, 256), value, np.uint8), 2):
        assert (level == value).all()
