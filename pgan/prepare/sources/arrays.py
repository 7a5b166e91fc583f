"""A source whose images are already in memory."""

from collections.abc import Iterator, Sequence

import numpy as np

from pgan.prepare.sources import Payload, Source


def from_arrays(images: Sequence[np.ndarray] | np.ndarray, labels: np.ndarray, classes: list[str]) -> Source:
    """A source of images (H, W) or (H, W, 3) uint8; no classes where `classes` is empty."""

    def read(wanted: np.ndarray) -> Iterator[tuple[int, Payload]]:
        for index in wanted:
            yield index, images[index]

    kept = labels.astype(np.int64) if classes else np.zeros(len(images), np.int64)
    return Source(names=range(len(images)), labels=kept, classes=classes, read=read)
