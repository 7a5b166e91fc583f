"""Kernel inception distance (Bińkowski et al. 2018): unbiased squared MMD with a cubic polynomial kernel."""

import math

import torch
from torch import Tensor

from pgan.metrics.sample import Sample
from pgan.randomness import torch_generator

ROWS = 1024
"""Of the kernel matrix that are held in memory at a time."""
MOST = 4096
"""Images per side from which the standard error is estimated; more would hardly change it."""


def compute(sample: Sample) -> dict[str, float]:
    """`kid`, `kid_std`: the estimate's standard deviation between subsets, and `kid_se`: its standard error."""
    settings, real, fake = sample.params.kid, sample.real_features, sample.features
    mean, deviation = kernel_distance(real, fake, settings.subsets, settings.subset_size, sample.seed)
    error = math.hypot(sampling_error(real, fake), deviation / math.sqrt(settings.subsets))
    return {"kid": mean, "kid_std": deviation, "kid_se": error}


def kernel_distance(real: Tensor, fake: Tensor, subsets: int, subset_size: int, seed: int) -> tuple[float, float]:
    """Mean and standard deviation of the unbiased estimate over random subsets; may be slightly negative.

    Args:
        real, fake: features, (N, D) and (M, D); at least 2 rows each.
        subsets: number of random subsets.
        subset_size: rows per subset and side; at most N and M.
        seed: of the subsets.
    """
    from torchmetrics.image.kid import poly_mmd

    size = min(subset_size, len(real), len(fake))
    random = torch_generator("cpu", seed, "kid")
    estimates = []
    for _ in range(subsets):
        x = real[torch.randperm(len(real), generator=random)[:size]].double()
        y = fake[torch.randperm(len(fake), generator=random)[:size]].double()
        estimates.append(poly_mmd(x, y))  # degree 3, gamma 1/D, coefficient 1, as in the paper
    values = torch.stack(estimates)
    return float(values.mean()), float(values.std(correction=0))


def sampling_error(real: Tensor, fake: Tensor) -> float:
    """The standard error of the unbiased estimate from all images, over other sets of M fakes.

    The delta method: a fake adds to the estimate twice the difference of its mean kernel with the fakes and with the
    reals (the first-order projection of a U-statistic, Hoeffding 1948).

    Args:
        real, fake: features, (N, D) and (M, D); the first `MOST` of each are used.
    """
    x, y = real[:MOST].double(), fake[:MOST].double()
    parts = [_kernel(rows, y).mean(1) - _kernel(rows, x).mean(1) for rows in y.split(ROWS)]
    return float(2 * torch.cat(parts).std() / math.sqrt(len(fake)))


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    """(x·y / D + 1)³ of each pair of rows."""
    return (x @ y.T / x.shape[1] + 1) ** 3
