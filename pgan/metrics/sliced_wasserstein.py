"""Sliced Wasserstein distance between patches of Laplacian pyramids (Karras et al. 2018, section 5).

Each level of the pyramid is a band of spatial frequencies; a level's distance says how well the generator matches the
variation of the real images at that scale.  Definitions follow the paper's official metric code.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pgan.metrics.filters import correlate
from pgan.metrics.progress import counted
from pgan.metrics.reals import choose, real_chunks
from pgan.metrics.sample import Sample, chunks
from pgan.metrics.spool import spool
from pgan.randomness import derive, torch_generator

ImageSet = Callable[[], Iterable[np.ndarray]]
"""Gives a set of images from its beginning, in uint8 chunks (n, C, H, W)."""
PATCH = 7
"""Pixels a side of a patch."""
BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
"""The pyramid's filter, along each axis."""
SMALLEST_LEVEL = 16
"""Pixels: the pyramid is not taken further down than this."""
PROJECTED_VALUES = 2**26
"""Projections held in memory at a time, per side: 256 MiB."""
CELLS = 2**18
"""Of the grid on which distribution functions are compared."""
NO_WIDTH = 1e-30
"""Normalised values that lie so close together are all the same."""


def compute(sample: Sample) -> dict[str, float]:
    """`swd_<r>` for each level and their mean, `swd`: the distance to as many real images."""
    fakes, reals, seed, batch = sample.images("swd"), sample.reals, sample.seed, sample.at_once
    indices = choose(sample.meta.count, len(fakes), seed, "swd")
    return swd_metrics(
        real=partial(real_chunks, reals.pyramid, sample.resolution, indices, reals.mirror, seed, batch),
        fake=partial(chunks, fakes, batch),
        per_image=sample.params.swd.patches,
        directions=sample.params.swd.directions,
        seed=seed,
        folder=sample.scratch,
    )


def levels(resolution: int) -> list[int]:
    """The pyramid's resolutions, from the image's own downwards: halved while that gives 16 or more, at least one.

    Empty below 7 pixels, where no patch fits and the distance is not defined.
    """
    if resolution < PATCH:
        return []
    found = [resolution]
    while found[-1] % 2 == 0 and found[-1] // 2 >= SMALLEST_LEVEL:
        found.append(found[-1] // 2)
    return found


def laplacian_pyramid(images: Tensor, count: int) -> list[Tensor]:
    """`count` levels: differences between successive blurs, and the last blur itself (Burt & Adelson 1983).

    Args:
        images: (N, C, H, W), H and W divisible by 2^(count - 1).
    """
    pyramid = [images.float()]
    for _ in range(count - 1):
        pyramid.append(_blur(pyramid[-1])[:, :, ::2, ::2])
        spread = torch.zeros_like(pyramid[-2])
        spread[:, :, ::2, ::2] = pyramid[-1]
        pyramid[-2] = pyramid[-2] - 4 * _blur(spread)
    return pyramid


def _blur(images: Tensor) -> Tensor:
    """The 5 × 5 binomial filter, the border mirrored without repeating the edge."""
    padded = F.pad(images, (2, 2, 2, 2), mode="reflect")
    return correlate(correlate(padded, BINOMIAL, 2), BINOMIAL, 3)


def patches(images: np.ndarray, per_image: int, random: np.random.Generator) -> np.ndarray:
    """Patches at random places, (N · per_image, C · 49) float32.

    Args:
        images: one level, (N, C, H, W) float32.
    """
    windows = np.lib.stride_tricks.sliding_window_view(images, (PATCH, PATCH), axis=(2, 3))
    place = random.integers(0, windows.shape[2:4], size=(len(images), per_image, 2))
    image = np.arange(len(images))[:, None]
    taken = windows[image, :, place[..., 0], place[..., 1]]  # (N, per_image, C, 7, 7)
    return taken.reshape(len(images) * per_image, -1)


def level_patches(
    chunks: Iterable[np.ndarray], resolution: int, level: int, per_image: int, seed: int, name: str
) -> Iterator[np.ndarray]:
    """Patches of one pyramid level of a set of images; `chunks` are uint8 (n, C, resolution, resolution).

    Places depend on `seed`, the set's `name` and the level, not on how the set is cut into chunks.
    """
    random = np.random.default_rng(derive(seed, "patches", name, level))
    index = levels(resolution).index(level)
    count = min(index + 2, len(levels(resolution)))  # a level needs the next one down, unless it is the last
    for images in chunks:
        pyramid = laplacian_pyramid(torch.from_numpy(images), count)
        yield patches(pyramid[index].numpy(), per_image, random)


def sliced_wasserstein(first: np.ndarray, second: np.ndarray, channels: int, directions: int, seed: int) -> float:
    """Mean over random directions of the L1 distance between the sorted projections of two sets of patches.

    Each channel is normalised over its set to mean 0 and standard deviation 1.

    Args:
        first, second: patches, (N, channels · 49) float32, the same N.
        directions: number of random projections.
        seed: of the directions.
    """
    random = torch_generator("cpu", seed, "directions")
    unit = F.normalize(torch.randn(directions, first.shape[1], generator=random))  # (directions, F)
    sides = [(side, *_channel_statistics(side, channels)) for side in (first, second)]
    distances = []
    for group in unit.split(max(1, PROJECTED_VALUES // len(first))):
        distances += transport_distances(*(_projections(*side, group) for side in sides))
    return float(np.mean(distances))


def _channel_statistics(patches: np.ndarray, channels: int, rows: int = 2**14) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel over all patches, (channels,) float64 each."""
    total, squares = np.zeros(channels), np.zeros(channels)
    for i in range(0, len(patches), rows):
        chunk = patches[i : i + rows].reshape(-1, channels, PATCH * PATCH).astype(np.float64)
        total += chunk.sum((0, 2))
        squares += np.square(chunk).sum((0, 2))
    count = len(patches) * PATCH * PATCH
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 0))
    return mean, np.where(std > 0, std, 1.0)  # a constant channel is 0 after the mean is taken off


def _projections(
    patches: np.ndarray, mean: np.ndarray, std: np.ndarray, directions: Tensor, rows: int = 2**10
) -> Tensor:
    """Projections of the normalised patches, (directions, N) float32.

    The normalisation is folded into the directions: (x - mean) / std · d = x · (d / std) - mean · (d / std).
    """
    scaled = directions.double() * torch.from_numpy(np.repeat(1 / std, PATCH * PATCH))
    shift = (scaled @ torch.from_numpy(np.repeat(mean, PATCH * PATCH))).float()[:, None]
    scaled = scaled.float()
    projected = torch.empty(len(directions), len(patches))
    for i in range(0, len(patches), rows):
        torch.mm(scaled, torch.from_numpy(patches[i : i + rows]).T, out=projected[:, i : i + rows])
    return projected.sub_(shift)


def transport_distances(first: Tensor, second: Tensor) -> list[float]:
    """Mean |a₍ᵢ₎ - b₍ᵢ₎| of the sorted values, for each row of two float32 (directions, N).

    Raises:
        ValueError: they are of different shapes, so that nothing could be paired.
    """
    if first.shape != second.shape:
        raise ValueError(f"{tuple(first.shape)} against {tuple(second.shape)} values")
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        return list(pool.map(_transport_distance, first, second))


def _transport_distance(first: Tensor, second: Tensor) -> float:
    """Computed as what it equals, the area between the two distribution functions, ∫|F - G|.

    That needs counting instead of sorting, and on a grid of `CELLS` is twenty times as fast.  Every value moves
    by up to half a cell, to either side alike. The error of the mean is about the size of float32's.
    """
    low = float(torch.minimum(first.min(), second.min()))
    width = float(torch.maximum(first.max(), second.max())) - low
    if width < NO_WIDTH:
        return 0.0
    counts = [((side - low).mul_(CELLS / width).int()).bincount(minlength=CELLS + 1) for side in (first, second)]
    area = int((counts[0] - counts[1]).cumsum(0).abs_().sum())
    return area * width / CELLS / len(first)


def swd_metrics(
    real: ImageSet, fake: ImageSet, per_image: int, directions: int, seed: int, folder: Path
) -> dict[str, float]:
    """`swd_<r>` for each level and their mean, `swd`, all times 1000 as in the paper; empty below 7 pixels.

    Args:
        real, fake: each call gives the whole set, in uint8 chunks (n, C, r, r). Both have the same number of images.
        per_image: patches per image and level.
        directions: random projections per level.
        seed: of places and directions.
        folder: for temporary files of per_image · 196 · C bytes per image and side.
    """
    channels, resolution = next(iter(real())).shape[1:3]
    found = {}
    for level in levels(resolution):
        sides = []
        for name, images in (("real", real), ("fake", fake)):
            parts = counted(images(), None, f"SWD, {name} images, {level} pixels")
            sides.append(spool(level_patches(parts, resolution, level, per_image, seed, name), folder))
        found[f"swd_{level}"] = 1e3 * sliced_wasserstein(
            sides[0], sides[1], channels, directions, derive(seed, "swd", level)
        )
    if found:
        found["swd"] = float(np.mean(list(found.values())))
    return found
