"""What all that can be compared have in common: a number of images of some size, which can be read in one form."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from pgan.config import Channels
from pgan.metrics.labels import proportional_labels
from pgan.metrics.spool import spool
from pgan.prepare.square import to_square
from pgan.randomness import derive

SMALLEST, LARGEST = 4, 1024
"""Pixels per side at which images can be compared. Feature networks see about a hundred; a set of 2,000 RGB images of
1024 pixels takes 6 GB of disk."""
VALUES_AT_ONCE = 2**22
"""Pixel values that are held in memory at a time."""


@dataclass(frozen=True)
class Terms:
    """What is the same for all image sets of a comparison."""

    resolution: int
    """Pixels per side."""
    channels: Channels
    """1: all sets are grey. 3: RGB."""
    seed: int
    """Of what generators draw, and of which images are chosen."""
    frequencies: np.ndarray
    """Real images of each class, (K,) int64; (0,) where they have no classes."""
    scratch: Path
    """A folder for temporary files."""
    workers: int
    """Processes that decode pictures."""
    batch: int | None
    """Images that a generator computes at once; None: by their size."""


@dataclass(frozen=True)
class Images:
    """Images that were read."""

    pixels: np.ndarray
    """uint8 (n, C, r, r), a memory map."""
    indices: np.ndarray
    """Which images of their set they are, (n,) int64, ascending."""
    skipped: list[tuple[str, str]] = field(default_factory=list)
    """Name and reason of each image that could not be read."""

    def part(self, rows: np.ndarray, scratch: Path) -> "Images":
        """Some of them, by ascending position; what was skipped stays with the whole."""
        if len(rows) == len(self.pixels):
            return self
        return Images(spool(rows_in_chunks(self.pixels, rows), scratch), self.indices[rows])


class ImageSet(ABC):
    """A file or folder that images come from."""

    def __init__(self, path: Path, kind: str, size: int, channels: int, count: int | None) -> None:
        self.path = path
        self.kind = kind
        """What it is, in a word: `folder`."""
        self.size = size
        """Pixels per side of its images, before anything is done to them."""
        self.channels = channels
        """1 where all images are grey, else 3."""
        self.count = count
        """Images; None for a generator, which makes as many as are wanted."""

    @abstractmethod
    def read(self, wanted: np.ndarray, terms: Terms, name: str) -> Images:
        """Images in the form that the terms say.

        Args:
            wanted: ascending indices, (n,) int64.
            name: for progress bars and temporary files, without `/`.

        Raises:
            InputError: an image set or generator is not what it should be; or no image can be read.
            RunError: the disk is full, or memory ran out.
        """

    def frequencies(self) -> np.ndarray:
        """Images of each class, (K,) int64; (0,) where there are no classes."""
        return np.zeros(0, np.int64)

    @property
    def credits(self) -> list[str]:
        """What a picture of the images must say."""
        return []


def in_form(chunks: Iterable[np.ndarray], terms: Terms) -> Iterator[np.ndarray]:
    """uint8 chunks (n, C, h, w) as (n, C', r, r): the centre, resampled as `pgan prepare` does (Lanczos).

    Images that have the size keep their pixels.
    """
    for chunk in chunks:
        if chunk.shape[1] < terms.channels:
            chunk = chunk.repeat(3, axis=1)
        if chunk.shape[1:] != (terms.channels, terms.resolution, terms.resolution):
            chunk = np.stack([_square(image, terms) for image in chunk])
        yield chunk


def _square(image: np.ndarray, terms: Terms) -> np.ndarray:
    """(C, h, w) -> (C', r, r)."""
    picture = Image.fromarray(image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0)))
    picture = picture.convert("L" if terms.channels == 1 else "RGB")
    square = to_square(picture, terms.resolution, fit="crop", pad_value=0, resample="lanczos", allow_upscale=True)
    pixels = np.asarray(square)
    return pixels[None] if terms.channels == 1 else pixels.transpose(2, 0, 1)


def at_once(image: np.ndarray) -> int:
    """How many images like this one are held in memory at a time."""
    return max(1, VALUES_AT_ONCE // image.size)


def rows_in_chunks(images: np.ndarray, wanted: np.ndarray) -> Iterator[np.ndarray]:
    """Some rows of an array (N, C, h, w), which may be a memory map."""
    size = at_once(images[0])
    for i in range(0, len(wanted), size):
        yield images[wanted[i : i + size]]


def is_grey(images: np.ndarray) -> bool:
    """Whether images (n, C, h, w) have no colour."""
    return images.shape[1] == 1 or bool((images == images[:, :1]).all())


def chosen(count: int, most: int, seed: int) -> np.ndarray:
    """Ascending indices of up to `most` of `count` images: one at random from each of as many equal stretches.

    So every class of a sorted set is among them, and nothing that repeats at equal distances is met each time.
    """
    most = min(most, count)
    edges = np.arange(most + 1) * count // most
    random = np.random.default_rng(derive(seed, "compare", "images")).random(most)
    return edges[:-1] + (random * np.diff(edges)).astype(np.int64)


def labels_for(classes: int, count: int, frequencies: np.ndarray) -> list[int] | None:
    """Classes to ask a conditional generator for: as often as the data have them, or all alike where they have others.

    None without classes.
    """
    if not classes:
        return None
    if len(frequencies) == classes and frequencies.any():
        return [int(label) for label in proportional_labels(frequencies, count)]
    return [int(label) for label in torch.arange(count) % classes]
