"""The sliced Wasserstein distance as it is defined, written for clarity in NumPy and SciPy.

The tests compare the values of `pgan.metrics.sliced_wasserstein` with it, and `benchmarks/sliced_wasserstein.py` the
speed.  The places of patches and the directions of projections are arguments, so that both can use the same.

Karras et al. 2018 (arXiv 1710.10196), section 5: a Laplacian pyramid (Burt & Adelson 1983, 5 × 5 binomial filter,
mirrored border); 7 × 7 patches of each level, every channel normalised over the set; the L1 distance between the sorted
projections, averaged over random directions.
"""

import numpy as np
import torch
from scipy.ndimage import convolve

from pgan.randomness import derive, torch_generator

PATCH = 7
BINOMIAL = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]).astype(np.float32) / 256
DIRECTIONS_AT_ONCE = 128
"""As in the paper, 4 × 128: all at once would not fit in memory."""


def drawn(
    seed: int, levels: list[int], patches: tuple[int, int], directions: tuple[int, int]
) -> tuple[list[tuple[np.ndarray, np.ndarray]], list[np.ndarray]]:
    """What `swd_metrics` draws for that seed, by level: places of (N, P) patches of either set, (D, F) directions."""
    places, units = [], []
    for level in levels:
        free = level - PATCH + 1
        generators = [np.random.default_rng(derive(seed, "patches", name, level)) for name in ("real", "fake")]
        first, second = (random.integers(0, (free, free), size=(*patches, 2)) for random in generators)
        places.append((first, second))
        normal = torch.randn(directions, generator=torch_generator("cpu", derive(seed, "swd", level), "directions"))
        units.append((normal / normal.norm(dim=1, keepdim=True)).numpy())
    return places, units


def laplacian_pyramid(images: np.ndarray, levels: int) -> list[np.ndarray]:
    """Images (N, C, H, W) as `levels` bands of frequency, the finest first, float32."""
    pyramid = [images.astype(np.float32)]
    for _ in range(levels - 1):
        pyramid.append(blur(pyramid[-1])[:, :, ::2, ::2])
        pyramid[-2] = pyramid[-2] - enlarged(pyramid[-1])
    return pyramid


def enlarged(images: np.ndarray) -> np.ndarray:
    """Twice the size: zeros between the pixels, then the filter, whose sum is 1, times 4."""
    n, c, h, w = images.shape
    spread = np.zeros((n, c, 2 * h, 2 * w), np.float32)
    spread[:, :, ::2, ::2] = images
    return 4 * blur(spread)


def blur(images: np.ndarray) -> np.ndarray:
    """The 5 × 5 binomial filter."""
    return convolve(images, BINOMIAL[None, None], mode="mirror")


def cut(images: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The patches whose upper left corners are `places` (N, P, 2), rows and columns: (N · P, C · 49)."""
    windows = np.lib.stride_tricks.sliding_window_view(images, (PATCH, PATCH), axis=(2, 3))
    image = np.arange(len(images))[:, None]
    return windows[image, :, places[..., 0], places[..., 1]].reshape(places.shape[0] * places.shape[1], -1)


def normalised(patches: np.ndarray, channels: int) -> np.ndarray:
    """Every channel of the set with mean 0 and standard deviation 1."""
    x = patches.reshape(len(patches), channels, PATCH * PATCH)
    x = x - x.mean((0, 2), keepdims=True, dtype=np.float64).astype(np.float32)
    x = x / x.std((0, 2), keepdims=True, dtype=np.float64).astype(np.float32)
    return x.reshape(len(patches), -1)


def distance(first: np.ndarray, second: np.ndarray, directions: np.ndarray) -> float:
    """Mean L1 distance of the sorted projections of normalised patches (N, F) on unit vectors (D, F)."""
    gaps = []
    for i in range(0, len(directions), DIRECTIONS_AT_ONCE):
        some = directions[i : i + DIRECTIONS_AT_ONCE].T
        gap = np.abs(np.sort(first @ some, axis=0) - np.sort(second @ some, axis=0))
        gaps.append(gap.mean(0, dtype=np.float64))
    return float(np.concatenate(gaps).mean())


def sliced_wasserstein(
    first: np.ndarray,
    second: np.ndarray,
    places: list[tuple[np.ndarray, np.ndarray]],
    directions: list[np.ndarray],
) -> list[float]:
    """The distance at each level, the finest first, without the paper's factor of 1000.

    Args:
        first, second: sets of images, (N, C, H, W) uint8.
        places: of the patches of each level, (N, P, 2) for either set.
        directions: of each level, unit vectors (D, C · 49).
    """
    channels, found = first.shape[1], []
    pyramids = [laplacian_pyramid(images, len(places)) for images in (first, second)]
    for level, corners in enumerate(places):
        sides = [normalised(cut(pyramid[level], own), channels) for pyramid, own in zip(pyramids, corners, strict=True)]
        found.append(distance(*sides, directions[level]))
    return found
