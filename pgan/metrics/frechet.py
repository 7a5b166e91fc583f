"""Fréchet distance between two sets of features (Heusel et al. 2017, equation 6)."""

import torch
from torch import Tensor

from pgan.metrics.sample import Sample


def compute(sample: Sample) -> dict[str, float]:
    """`frechet`, to the reals at the generator's resolution, and `frechet_target`, to those at the target's."""
    distance = frechet_distance(sample.real_features, sample.features)
    if sample.target == sample.resolution:
        return {"frechet": distance, "frechet_target": distance}
    return {"frechet": distance, "frechet_target": frechet_distance(sample.target_features, sample.features)}


def frechet_distance(real: Tensor, fake: Tensor) -> float:
    """‖μ₁ - μ₂‖² + tr(Σ₁ + Σ₂ - 2·(Σ₁Σ₂)^½) of the Gaussians fitted to two sets.

    Args:
        real, fake: features, (N, D) and (M, D), any float type; at least 2 rows each.
    """
    return statistics_distance(*gaussian(real), *gaussian(fake))


def gaussian(features: Tensor, rows: int = 8192) -> tuple[Tensor, Tensor]:
    """Mean (D,) and covariance (D, D), unbiased, in float64 on the CPU; `rows` bounds the memory."""
    features = features.cpu()
    mean = features.double().mean(0) if len(features) <= rows else _sum(features, rows) / len(features)
    covariance = torch.zeros(features.shape[1], features.shape[1], dtype=torch.float64)
    for chunk in features.split(rows):
        centred = chunk.double() - mean
        covariance += centred.T @ centred
    return mean, covariance / (len(features) - 1)


def _sum(features: Tensor, rows: int) -> Tensor:
    return torch.stack([chunk.double().sum(0) for chunk in features.split(rows)]).sum(0)


def statistics_distance(mean1: Tensor, covariance1: Tensor, mean2: Tensor, covariance2: Tensor) -> float:
    """The distance between two Gaussians: means (D,), covariances (D, D), float64.

    tr((Σ₁Σ₂)^½) is computed as the nuclear norm of Σ₁^½ Σ₂^½.

    torchmetrics takes the square roots of the eigenvalues of the asymmetric product Σ₁Σ₂ instead. With fewer images
    than dimensions, its zero eigenvalues come out as ±1e-16. Their roots add up to noise of 1e-8 · D, and the distance
    of a set to itself is then far from 0.
    """
    cross = torch.linalg.svdvals(_square_root(covariance1) @ _square_root(covariance2)).sum()
    distance = (mean1 - mean2).square().sum() + covariance1.trace() + covariance2.trace() - 2 * cross
    return max(0.0, float(distance))


def _square_root(covariance: Tensor) -> Tensor:
    """The symmetric root; eigenvalues below the rounding error of the largest count as the zeros that they are."""
    values, vectors = torch.linalg.eigh(covariance)
    noise = values[-1].clamp(min=0) * len(values) * torch.finfo(values.dtype).eps
    return (vectors * torch.where(values > noise, values, 0).sqrt()) @ vectors.T
