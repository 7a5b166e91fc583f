"""Density and coverage (Naeem et al. 2020, equations 3 and 4): precision and recall that outliers cannot inflate."""

import torch
from torch import Tensor

from pgan.metrics.neighbours import centred, distances, neighbour_distance
from pgan.metrics.reals import choose
from pgan.metrics.sample import Sample
from pgan.metrics.uncertainty import mean_and_error, share_and_error


def compute(sample: Sample) -> dict[str, float]:
    """`density` and `coverage`, of at most `evaluate.density_coverage.images` images per side, with standard errors."""
    settings, real = sample.params.density_coverage, sample.real_features
    some_real = real[choose(len(real), settings.images, sample.seed, "density")]
    return density_coverage(some_real, sample.features[: settings.images], settings.neighbours)


def density_coverage(real: Tensor, fake: Tensor, neighbours: int) -> dict[str, float]:
    """`density`: reals' neighbourhoods that a fake is in, over k; `coverage`: the share of them that hold any fake.

    Only the reals have neighbourhoods, so that a fake outlier cannot cover what lies around it.  For two sets from one
    distribution, the expected density is 1.  The expected coverage of N reals and M fakes is
    1 - Π (N - i)/(N + M - i) over i = 1 … k, which is near 1 - 2⁻ᵏ for N = M.  Neither depends on the distribution.
    With them `density_se` and `coverage_se`.

    Args:
        real, fake: features, (N, D) and (M, D).
        neighbours: k, the neighbour that sets a neighbourhood's radius; at most N - 1.
    """
    real, fake = centred(real, fake)
    radii = neighbour_distance(real, neighbours)
    fakes_in, last = torch.zeros(len(real), dtype=torch.int64), torch.full((len(real),), -1)
    neighbourhoods, done = [], 0
    for block in distances(fake, real):
        inside = block <= radii
        neighbourhoods.append(inside.sum(1))
        fakes_in += inside.sum(0)
        numbers = torch.arange(done, done := done + len(block))
        last = torch.maximum(last, torch.where(inside, numbers[:, None], -1).amax(0))
    density, density_se = mean_and_error(torch.cat(neighbourhoods).double() / neighbours)
    coverage, coverage_se = share_and_error(fakes_in, last, len(fake))
    return {"density": density, "density_se": density_se, "coverage": coverage, "coverage_se": coverage_se}
