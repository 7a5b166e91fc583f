"""Generated images beside the training images that are nearest to them, for a picture: are they copies?

nearest.npy    uint8 (n, 1 + k, C, r, r): a generated image, then its nearest real ones, ascending by distance
nearest.json   `Nearest`, without the images
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from pgan.files import whole_file
from pgan.metrics.config import Evaluate, Features
from pgan.metrics.outputs import significant, write_json
from pgan.metrics.reals import choose, real_chunks
from pgan.metrics.sample import Sample
from pgan.networks.network import Generator

IMAGES, NUMBERS = "nearest.npy", "nearest.json"


@dataclass(frozen=True)
class Row:
    """One generated image."""

    generated: int
    """Its number among all generated images, from 0."""
    closest: bool
    """Whether it is shown because no other is nearer to a real image."""
    real: list[int]
    """Numbers of the real images in the pyramid, the nearest first."""
    distances: list[float]
    """To these, in the feature space."""


@dataclass(frozen=True, eq=False)
class Nearest:
    """What a picture of nearest real images needs."""

    images: np.ndarray
    """uint8 (n, 1 + k, C, r, r)."""
    rows: list[Row]
    """For each of the n."""
    searched: int
    """Generated images among which the closest were found."""
    real_images: int
    """Real images among which the nearest were searched."""
    between_reals: float
    """Median distance from a real image to the nearest other one."""


def nearest_reals(sample: Sample, features: Features) -> Nearest:
    """The generated images that are nearest to a real one, and the first of the others.

    Args:
        sample: with a feature network.
        features: the section `features`, which says whose features are kept.
    """
    near = sample.nearness
    shown = min(sample.params.memorisation.shown, len(near.fake))
    order = near.of_fakes[:, 0].argsort(stable=True)
    closest = order[: (shown + 1) // 2]
    others = torch.arange(shown)
    others = others[~torch.isin(others, closest)][: shown - len(closest)]
    numbers = torch.cat([closest, others])
    kept = choose(sample.meta.count, features.real_images, sample.seed, "features")
    reals = kept[near.indices[numbers].numpy()]
    rows = [
        Row(
            int(number),
            i < len(closest),
            reals[i].tolist(),
            [significant(value) for value in near.of_fakes[number].tolist()],
        )
        for i, number in enumerate(numbers)
    ]
    return Nearest(
        _images(sample, numbers.numpy(), reals),
        rows,
        searched=len(near.fake),
        real_images=len(near.real),
        between_reals=significant(float(near.of_reals.quantile(0.5))),
    )


def nothing(generator: Generator, params: Evaluate) -> Nearest:
    """Where there is no feature space, or where `memorisation` is not asked for."""
    r = generator.resolution
    images = np.zeros((0, 1 + params.memorisation.nearest, generator.channels, r, r), np.uint8)
    return Nearest(images, [], searched=0, real_images=0, between_reals=0.0)


def write_nearest(nearest: Nearest, folder: Path) -> None:
    """Write both files."""
    with whole_file(folder / IMAGES) as part, part.open("wb") as file:
        np.save(file, nearest.images)
    numbers = {key: value for key, value in vars(nearest).items() if key != "images"}
    write_json(numbers | {"rows": [asdict(row) for row in nearest.rows]}, folder / NUMBERS)


def _images(sample: Sample, numbers: np.ndarray, reals: np.ndarray) -> np.ndarray:
    """(n, 1 + k, C, r, r); the reals mirrored as when their features were computed."""
    where = sample.reals
    chunks = real_chunks(where.pyramid, sample.resolution, reals.ravel(), where.mirror, sample.seed, sample.batch)
    beside = np.concatenate([sample.generated[:0], *chunks]).reshape(*reals.shape, *sample.generated.shape[1:])
    return np.concatenate([sample.generated[numbers][:, None], beside], axis=1)
