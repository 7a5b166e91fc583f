"""Three random digits of MNIST as the channels of one image: 1000 modes that can be counted.

The test of mode recovery in Metz et al. 2017 (arXiv 1611.02163, section 3.3.1) and Karras et al. 2018 (appendix E).
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pgan.errors import InputError
from pgan.prepare.config import MnistRgb
from pgan.prepare.sources import Payload, Source
from pgan.prepare.sources.idx import idx
from pgan.randomness import derive

SIDE = 28
"""Pixels of MNIST's images."""

MARGIN = 2
"""Black pixels on every side, which make them 32×32 (`create_mnist_rgb` in the official data-set tool)."""

MOST_DIGITS = 2**18
"""All of them are held in memory: 256 MiB. MNIST has 60,000."""

CLASSES = [f"{mode:03}" for mode in range(1000)]
"""The digits in red, green and blue."""


def mnist_rgb(path: Path, labels_path: Path | None, settings: MnistRgb, labels: bool, seed: int) -> Source:
    """RGB 32×32 images, each of three digits drawn independently; the label is 100·red + 10·green + blue.

    Image number i depends on (seed, i) and the digits alone: a larger `count` adds images to the same ones.

    Raises:
        InputError: as `idx`; or the images are not of 28×28 pixels, not digits, or too many.
    """
    digits = idx(path, labels_path, labels)
    if len(digits.names) > MOST_DIGITS:
        raise InputError(f"{path}: {len(digits.names)} digits are more than the limit of {MOST_DIGITS}")
    strange = sorted(set(digits.classes) - set("0123456789"))
    if strange:
        raise InputError(f"{path}: a label {strange[0]}, where source 'mnist-rgb' expects the digits 0 to 9")
    random = np.random.default_rng(derive(seed, "mnist-rgb"))
    drawn = random.integers(len(digits.names), size=(settings.count, 3))  # row by row: the first do not need the last

    def read(wanted: np.ndarray) -> Iterator[tuple[int, Payload]]:
        images = _padded(path, digits)  # (N, 32, 32)
        for index in wanted:
            yield index, np.stack(images[drawn[index]], axis=-1)

    return Source(
        names=range(settings.count),
        labels=_modes(digits)[drawn] @ [100, 10, 1] if labels else np.zeros(settings.count, np.int64),
        classes=CLASSES if labels else [],
        read=read,
    )


def _modes(digits: Source) -> np.ndarray:
    """The value of each digit, (N,) int64: class indices count only the digits that occur."""
    return np.array(digits.classes, np.int64)[digits.labels]


def _padded(path: Path, digits: Source) -> np.ndarray:
    """All digits, (N, 32, 32) uint8."""
    count = len(digits.names)
    images = np.zeros((count, SIDE + 2 * MARGIN, SIDE + 2 * MARGIN), np.uint8)
    for index, pixels in digits.read(np.arange(count)):
        assert isinstance(pixels, np.ndarray)
        if pixels.shape != (SIDE, SIDE):
            found = " × ".join(map(str, pixels.shape))
            raise InputError(f"{path}: images of {found} pixels; source 'mnist-rgb' expects {SIDE} × {SIDE}")
        images[index, MARGIN:-MARGIN, MARGIN:-MARGIN] = pixels
    return images
