"""The real images that the generated ones are compared with, chosen and mirrored by seed, the same at every level."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pgan.data.pyramid import META, PREPARE, Meta, open_level, read_meta
from pgan.errors import InputError
from pgan.randomness import derive


@dataclass(frozen=True)
class Reals:
    """Where the real images are, and what stage `features` made of them."""

    pyramid: Path
    features: Path
    mirror: bool
    """Whether training mirrors the reals: then they are mirrored here too."""


def choose(total: int, count: int | None, seed: int, purpose: str) -> np.ndarray:
    """Ascending indices of `count` of `total` items, drawn at random without repetition; all of them for None.

    Drawn, not the first: a data set is often sorted by class.
    """
    if count is None or count >= total:
        return np.arange(total)
    return np.sort(np.random.default_rng(derive(seed, "choose", purpose)).permutation(total)[:count])


def open_reals(pyramid: Path, meta: Meta, resolution: int) -> np.ndarray:
    """All real images of one level, (N, C, r, r) uint8, as a memory map.

    Raises:
        InputError: the level is missing, or is not what the pyramid's description says.
    """
    images = open_level(pyramid, resolution)
    if images.shape[:2] != (meta.count, meta.channels):
        found = f"{len(images)} images of {images.shape[1]} channels at {resolution} pixels"
        raise InputError(f"{pyramid}: {found}, but {META} says {meta.count} of {meta.channels}; {PREPARE}")
    return images


def real_chunks(
    pyramid: Path, resolution: int, indices: np.ndarray, mirror: bool, seed: int, batch: int
) -> Iterator[np.ndarray]:
    """Real images of one level, uint8 (n, C, r, r) with n up to `batch`; with `mirror`, each flipped by a fair coin.

    An image's coin depends on the seed and its index alone, so that it falls the same at every level.

    Raises:
        InputError: as `open_reals`.
    """
    images = open_reals(pyramid, read_meta(pyramid), resolution)
    coins = np.random.default_rng(derive(seed, "mirror reals")).random(len(images)) < 0.5
    for i in range(0, len(indices), batch):
        chosen = indices[i : i + batch]
        chunk = images[chosen]
        if mirror:
            flipped = coins[chosen]
            chunk[flipped] = chunk[flipped][..., ::-1]
        yield chunk
