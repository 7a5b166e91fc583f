"""Whether a generator copies its training images (Meehan, Chaudhuri and Dasgupta 2020).

The test compares distances to the nearest training image: of generated images, and of new real images.  No image has to
be kept out of training for it: a training image is as far from the nearest *other* one as a new image would be.
"""

import math

import torch
from torch import Tensor

from pgan.metrics.nearness import Nearness
from pgan.metrics.neighbours import nearest
from pgan.metrics.sample import Sample
from pgan.metrics.sizes import CELL, NEAR
from pgan.metrics.uncertainty import mean_and_error
from pgan.randomness import torch_generator


def compute(sample: Sample) -> dict[str, float]:
    """What `copying` says of `evaluate.memorisation.images` images of each kind; all real images are searched."""
    found = copying(sample.nearness, sample.params.memorisation.cells, sample.seed)
    if "near_copies" not in found:
        sample.note(f"near_copies is left out: over {NEAR:.0%} of the real images have an exact copy among the others")
    return found


def copying(near: Nearness, cells: int, seed: int) -> dict[str, float]:
    """How near fakes are to the training images, compared with how near these are to each other.

    Args:
        cells: parts of the feature space for `copying_ct`: each image belongs to the nearest of as many reals, drawn at
            random.  The paper takes k-means; the test is valid for any partition.
        seed: of the partition.

    Returns:
        `copying`, with `copying_se`: the probability that a fake is nearer to a training image than a new real image
        is, ties counted half.  1/2 for new images, 1 for copies, and less than 1/2 for images that lie off the data.
        `copying_ct`: the paper's C_T, a z-score; below -3 there is copying, above 3 images lie off the data.  Its
        size grows with the number of images, and it finds copying in a part of the data, too.
        `near_copies`, with `near_copies_se`: the share of fakes nearer to a training image than 1 % of the reals are;
        0.01 for new images.  Left out where that 1 % has distance 0.
    """
    of_fakes, of_reals = near.of_fakes[:, 0].contiguous(), near.of_reals
    fake_cells, real_cells = _cells([near.fake, near.real[near.some]], near.real, cells, seed)
    share, error = mean_and_error(_nearer_than(of_fakes, of_reals))
    found = {"copying": share, "copying_se": error, "copying_ct": _c_t(of_fakes, of_reals, fake_cells, real_cells)}
    limit = of_reals.quantile(NEAR)
    if limit > 0:
        found["near_copies"], found["near_copies_se"] = mean_and_error(of_fakes < limit)
    return found


def _nearer_than(of_fakes: Tensor, of_reals: Tensor) -> Tensor:
    """For each fake the share of reals that are farther from the data than it is, (M,); ties count half."""
    reals = of_reals.sort().values
    up_to = torch.searchsorted(reals, of_fakes, right=True) + torch.searchsorted(reals, of_fakes)
    return 1 - up_to.double() / (2 * len(reals))


def _cells(sets: list[Tensor], real: Tensor, cells: int, seed: int) -> list[Tensor]:
    """The cell of each row, by set."""
    centres = real[torch.randperm(len(real), generator=torch_generator("cpu", seed, "cells"))[:cells]]
    return [nearest(points, centres, 1)[1][:, 0] for points in sets]


def _c_t(of_fakes: Tensor, of_reals: Tensor, fake_cells: Tensor, real_cells: Tensor) -> float:
    """C_T (section 3): the mean z-score of the cells, each weighted by its share of the reals.

    Cells with few images of either kind are left out; where that leaves none, all images are one cell.
    """
    scores, weights = [], []
    for cell in range(int(real_cells.max()) + 1):
        fakes, reals = of_fakes[fake_cells == cell], of_reals[real_cells == cell]
        if min(len(fakes), len(reals)) >= CELL:
            scores.append(_z_score(fakes, reals))
            weights.append(len(reals))
    if not scores:
        return _z_score(of_fakes, of_reals)
    return sum(score * weight for score, weight in zip(scores, weights, strict=True)) / sum(weights)


def _z_score(of_fakes: Tensor, of_reals: Tensor) -> float:
    """The Mann-Whitney U in standard deviations from its mean, corrected for ties; negative where fakes are nearer."""
    m, n = len(of_fakes), len(of_reals)
    u = m * n * float(1 - _nearer_than(of_fakes, of_reals).mean())
    ties = torch.cat([of_fakes, of_reals]).unique(return_counts=True)[1].double()
    variance = m * n / 12 * (m + n + 1 - float((ties**3 - ties).sum()) / ((m + n) * (m + n - 1)))
    return (u - m * n / 2) / math.sqrt(variance) if variance > 0 else 0.0
