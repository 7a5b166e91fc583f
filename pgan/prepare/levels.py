"""The pyramid over one batch of images."""

import numpy as np


def halve(images: np.ndarray) -> np.ndarray:
    """Means of 2×2 pixels: (N, C, r, r) float -> (N, C, r/2, r/2)."""
    rows = images[:, :, 0::2] + images[:, :, 1::2]  # (N, C, r/2, r)
    return (rows[..., 0::2] + rows[..., 1::2]) * np.float32(0.25)


def pyramid(images: np.ndarray, base: int) -> list[np.ndarray]:
    """All levels of (N, C, r, r) uint8 images, from `base` up to r.

    Each level is the mean of 2×2 pixels of the one above it *before* that was rounded. Each is rounded once, halves to
    even, as the official data-set tool does.  The means are exact in float32 down to r/256.
    """
    levels = [images]
    means = images.astype(np.float32)
    while means.shape[-1] > base:
        means = halve(means)
        levels.append(np.rint(means).astype(np.uint8))
    return levels[::-1]
