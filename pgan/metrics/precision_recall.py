"""Improved precision and recall (Kynkäänniemi et al. 2019, equations 1 and 2)."""

from collections.abc import Iterator

import torch
from torch import Tensor

from pgan.metrics.reals import choose
from pgan.metrics.sample import Sample

PAIRS_AT_ONCE = 2**24
"""Distances held in memory at a time: 128 MiB in float64."""


def compute(sample: Sample) -> dict[str, float]:
    """`precision` and `recall`, of at most `evaluate.precision_recall.images` images per side."""
    settings, real = sample.params.precision_recall, sample.real_features
    some_real = real[choose(len(real), settings.images, sample.seed, "precision")]
    precision, recall = precision_recall(some_real, sample.features[: settings.images], settings.neighbours)
    return {"precision": precision, "recall": recall}


def precision_recall(real: Tensor, fake: Tensor, neighbours: int) -> tuple[float, float]:
    """Precision: the share of fakes within a real's neighbourhood; recall: the share of reals within a fake's.

    Args:
        real, fake: features, (N, D) and (M, D).
        neighbours: k, the neighbour that sets a neighbourhood's radius; at most N - 1 and M - 1.
    """
    centre = real.double().mean(0)  # distances do not change, and are more exact near the origin
    real, fake = real.double() - centre, fake.double() - centre
    precision = _share_covered(fake, real, neighbour_distance(real, neighbours))
    recall = _share_covered(real, fake, neighbour_distance(fake, neighbours))
    return precision, recall


def neighbour_distance(points: Tensor, neighbours: int) -> Tensor:
    """Distance of each point to its k-th nearest other point, (N,); k is at most N - 1."""
    rank = min(neighbours, len(points) - 1) + 1  # a point is its own nearest
    return torch.cat([d.kthvalue(rank, dim=1).values for d in _distances(points, points)])


def _share_covered(points: Tensor, centres: Tensor, radii: Tensor) -> float:
    """The share of the points that lie within the radius of at least one centre."""
    return float(torch.cat([(d <= radii).any(1) for d in _distances(points, centres)]).double().mean())


def _distances(points: Tensor, others: Tensor) -> Iterator[Tensor]:
    """Rows of the matrix of Euclidean distances, a few at a time."""
    for chunk in points.split(max(1, PAIRS_AT_ONCE // len(others))):
        yield torch.cdist(chunk, others)
