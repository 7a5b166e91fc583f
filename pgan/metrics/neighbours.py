"""Distances to nearest neighbours among features, a few rows of the matrix at a time."""

from collections.abc import Iterator

import torch
from torch import Tensor

PAIRS_AT_ONCE = 2**24
"""Distances held in memory at a time: 128 MiB in float64."""


def centred(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Both sets in float64, moved to the mean of the first: distances do not change, and are more exact near 0."""
    centre = real.double().mean(0)
    return real.double() - centre, fake.double() - centre


def distances(points: Tensor, others: Tensor) -> Iterator[Tensor]:
    """The matrix of Euclidean distances, (N, M), in blocks of whole rows.

    Args:
        points, others: (N, D) and (M, D).
    """
    for chunk in points.split(max(1, PAIRS_AT_ONCE // len(others))):
        yield torch.cdist(chunk, others)


def nearest(points: Tensor, others: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` nearest of the others for each point, ascending: distances and indices, (N, count) each.

    Args:
        points, others: (N, D) and (M, D), `count` at most M.
    """
    found = [block.topk(count, dim=1, largest=False) for block in distances(points, others)]
    return torch.cat([each.values for each in found]), torch.cat([each.indices for each in found])


def neighbour_distance(points: Tensor, neighbours: int) -> Tensor:
    """Distance of each point to its k-th nearest other point, (N,); to the farthest where there are fewer than k."""
    rank = min(neighbours, len(points) - 1) + 1  # a point is its own nearest
    return torch.cat([block.kthvalue(rank, dim=1).values for block in distances(points, points)])


def cover(centres: Tensor, radii: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """How many balls each point lies in, and the last of them, (N,) int64 each; the last is -1 where there is none.

    Args:
        centres, radii: of the balls, (M, D) and (M,).
        points: (N, D).
    """
    counts, last, numbers = [], [], torch.arange(len(centres))
    for block in distances(points, centres):
        inside = block <= radii
        counts.append(inside.sum(1))
        last.append(torch.where(inside, numbers, -1).amax(1))
    return torch.cat(counts), torch.cat(last)
