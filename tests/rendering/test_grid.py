"""Scaling and grids."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgan.rendering.grid import GROUND, columns_by_class, enlarged, fitted, gap_of, grid, scale


@given(base=st.integers(2, 9), doublings=st.integers(0, 7), target=st.integers(4, 300))
def test_every_resolution_of_a_pyramid_reaches_the_size_of_the_last(base: int, doublings: int, target: int) -> None:
    size = fitted(base * 2**doublings, target)
    for k in range(doublings + 1):
        r = base * 2**k
        assert scale(np.zeros((1, 1, r, r), np.uint8), size).shape == (1, 1, size, size)


@pytest.mark.parametrize(
    ("resolution", "target", "up", "fit"),
    [(4, 64, 64, 64), (28, 64, 56, 56), (64, 64, 64, 64), (256, 64, 256, 64), (28, 10, 28, 7), (225, 64, 225, 225)],
)
def test_tile_sizes(resolution: int, target: int, up: int, fit: int) -> None:
    assert (enlarged(resolution, target), fitted(resolution, target)) == (up, fit)


def test_enlarging_repeats_pixels_and_shrinking_undoes_it() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 4), np.uint8)
    large = scale(images, 12)
    assert (large[:, :, 3:6, 9:12] == images[:, :, 1:2, 3:4]).all()
    assert (scale(large, 4) == images).all()


def test_shrinking_takes_the_mean() -> None:
    image = np.array([[0, 100], [200, 255]], np.uint8)[None, None]
    assert scale(image, 1).item() == 139  # 138.75


def test_a_size_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple"):
        scale(np.zeros((1, 1, 4, 4), np.uint8), 6)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_grid_goes_row_by_row(channels: int) -> None:
    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * 40 + np.zeros((5, channels, 8, 8), np.uint8)
    picture = grid(images, columns=3)
    gap = gap_of(8)
    assert picture.mode == ("L" if channels == 1 else "RGB")
    assert picture.size == (3 * 8 + 4 * gap, 2 * 8 + 3 * gap)
    pixels = np.asarray(picture).reshape(picture.height, picture.width, channels)
    for i in range(5):
        y, x = gap + i // 3 * (8 + gap), gap + i % 3 * (8 + gap)
        assert (pixels[y : y + 8, x : x + 8] == images[i].transpose(1, 2, 0)).all()
    assert (pixels[gap + 8 + gap :, 2 * (8 + gap) :] == GROUND).all()  # the empty sixth place


def test_a_grid_is_no_wider_than_its_images() -> None:
    assert grid(np.zeros((2, 1, 8, 8), np.uint8), columns=10).width == 2 * 8 + 3 * gap_of(8)


def test_columns_by_class() -> None:
    assert [columns_by_class(8, classes) for classes in (0, 3, 8, 100)] == [8, 3, 8, 8]
