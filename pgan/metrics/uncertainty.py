"""Standard errors of metrics: how far a value would move if other images were generated.

`<name>_se` stands beside a value in metrics.json.  All of them are of the delete-one or delete-a-group jackknife (Efron
and Stein 1981; Shao and Tu 1995), over the generated images alone: the real ones are the same for each model that is
compared.  Resampling with replacement, as the bootstrap does, would not serve: an image that is drawn twice is its own
nearest neighbour.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pgan.metrics.sample import Sample

GROUPS = 10
MOST_DIMENSIONS = 512
"""Of features for which the Fréchet distance is computed ten times more: with Inception's 2048, that takes minutes."""


def mean_and_error(values: Tensor) -> tuple[float, float]:
    """The mean of one value per generated image, (N,), and its standard error."""
    values = values.double()
    return float(values.mean()), float(values.std() / math.sqrt(len(values))) if len(values) > 1 else 0.0


def share_and_error(covered_by: Tensor, last: Tensor, images: int) -> tuple[float, float]:
    """The share of points that at least one generated image covers, and its standard error.

    Without an image, the share falls by the points that it alone covers.

    Args:
        covered_by: how many generated images cover each point, (N,) int64.
        last: the index of an image that does, (N,) int64; not read where none does.
        images: how many were generated, M.
    """
    alone = torch.bincount(last[covered_by == 1], minlength=images).double() / len(covered_by)
    error = math.sqrt((images - 1) / images * float((alone - alone.mean()).square().sum()))
    return float((covered_by > 0).double().mean()), error


def jackknife(compute: Callable[[Sample], dict[str, float]], sample: Sample, names: list[str]) -> dict[str, float]:
    """`<name>_se` for these values of a metric, which is computed again without each tenth of the images.

    Nothing where features have more than `MOST_DIMENSIONS` dimensions, or where there are fewer images than groups.
    """
    if sample.features.shape[1] > MOST_DIMENSIONS or len(sample.features) < 2 * GROUPS:
        return {}
    found = [compute(sample.without(group, GROUPS)) for group in range(GROUPS)]
    values = {name: torch.tensor([each[name] for each in found]) for name in names if name in found[0]}
    return {f"{name}_se": math.sqrt((GROUPS - 1) * float(each.var(correction=0))) for name, each in values.items()}
