"""Kernel inception distance (Bińkowski et al. 2018): unbiased squared MMD with a cubic polynomial kernel."""

import torch
from torch import Tensor

from pgan.metrics.sample import Sample
from pgan.randomness import torch_generator


def compute(sample: Sample) -> dict[str, float]:
    """`kid`, and `kid_std`: the estimate's standard deviation between subsets."""
    settings = sample.params.kid
    mean, deviation = kernel_distance(
        sample.real_features, sample.features, settings.subsets, settings.subset_size, sample.seed
    )
    return {"kid": mean, "kid_std": deviation}


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
