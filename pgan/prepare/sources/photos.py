"""Random crops of scikit-learn's two sample photographs: an RGB data set that needs no download."""

from collections.abc import Iterator

import numpy as np

from pgan.prepare.config import Photos
from pgan.prepare.sources import Payload, Source
from pgan.randomness import derive


def photos(settings: Photos, resolution: int, labels: bool, seed: int) -> Source:
    """Square RGB crops, taken from the photographs in turn; the classes are the photographs' names.

    Crop number i depends on (seed, i) alone. Its side is uniform between `min_side` of the photograph's shorter side
    (but at least `resolution` pixels) and the whole of it; its place is uniform over the photograph.
    """
    from sklearn.datasets import load_sample_images

    data = load_sample_images()
    pictures = [np.asarray(picture) for picture in data.images]  # (427, 640, 3) uint8
    classes = [str(name).rsplit("/", 1)[-1].removesuffix(".jpg") for name in data.filenames]

    def read(wanted: np.ndarray) -> Iterator[tuple[int, Payload]]:
        for index in wanted:
            random = np.random.default_rng(derive(seed, "photos", index))
            yield index, _crop(pictures[index % len(pictures)], settings, resolution, random)

    turn = np.arange(settings.count, dtype=np.int64) % len(pictures)
    return Source(
        names=range(settings.count),
        labels=turn if labels else np.zeros_like(turn),
        classes=classes if labels else [],
        read=read,
    )


def _crop(picture: np.ndarray, settings: Photos, resolution: int, random: np.random.Generator) -> np.ndarray:
    """One square of `picture`, (side, side, 3) uint8."""
    height, width, _ = picture.shape
    short = min(height, width)
    smallest = min(short, max(resolution, round(settings.min_side * short)))
    side = int(random.integers(smallest, short, endpoint=True))
    top = int(random.integers(0, height - side, endpoint=True))
    left = int(random.integers(0, width - side, endpoint=True))
    mirrored = bool(random.integers(2))
    crop = picture[top : top + side, left : left + side]
    return np.ascontiguousarray(crop[:, ::-1] if mirrored and settings.mirror else crop)
