"""Resizing for a feature network: PIL's filter, without rounding and without aliasing."""

import numpy as np
from PIL import Image

from pgan.metrics.resizing import clean_resize


def test_resizing_is_pils_bicubic_on_floats() -> None:
    image = np.random.default_rng(0).integers(80, 176, (1, 3, 32, 32), dtype=np.uint8)  # nothing overshoots [0, 255]
    resized = clean_resize(image, 299)
    assert resized.shape == (1, 3, 299, 299)
    assert resized.dtype == np.float32
    rounded = np.asarray(Image.fromarray(image[0].transpose(1, 2, 0)).resize((299, 299), Image.Resampling.BICUBIC))
    difference = np.abs(resized[0].transpose(1, 2, 0) - rounded)
    assert 0.3 < difference.max() < 2  # the same filter, but for PIL's rounding to whole numbers after each axis


def test_resizing_stays_within_the_range() -> None:
    board = (np.indices((1, 1, 32, 32)).sum(0) // 4 % 2 * 255).astype(np.uint8)  # its edges overshoot
    resized = clean_resize(board, 299)
    assert (resized.min(), resized.max()) == (0, 255)


def test_resizing_down_does_not_alias() -> None:
    """A fine checkerboard becomes grey; taking every few pixels would keep it black and white."""
    board = (np.indices((1, 1, 598, 598)).sum(0) % 2 * 255).astype(np.uint8)
    inner = clean_resize(board, 299)[..., 5:-5, 5:-5]
    assert np.abs(inner - 127.5).max() < 10


def test_grey_images_are_repeated_and_any_size_is_enlarged() -> None:
    for size in (1, 4, 28):
        grey = np.random.default_rng(0).integers(0, 256, (2, 1, size, size), dtype=np.uint8)
        resized = clean_resize(grey, 128)
        assert resized.shape == (2, 3, 128, 128)
        assert (resized[:, 0] == resized[:, 1]).all()
        assert (resized[:, 0] == resized[:, 2]).all()
    assert np.abs(clean_resize(np.full((1, 3, 4, 4), 77, np.uint8), 128) - 77).max() < 1e-4
