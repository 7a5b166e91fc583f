"""Improved precision and recall (Kynkäänniemi et al. 2019, equations 1 and 2)."""

from torch import Tensor

from pgan.metrics.neighbours import centred, cover, neighbour_distance
from pgan.metrics.reals import choose
from pgan.metrics.sample import Sample
from pgan.metrics.uncertainty import mean_and_error, share_and_error


def compute(sample: Sample) -> dict[str, float]:
    """`precision` and `recall`, of at most `evaluate.precision_recall.images` images per side, with standard errors."""
    settings, real = sample.params.precision_recall, sample.real_features
    some_real = real[choose(len(real), settings.images, sample.seed, "precision")]
    return precision_recall(some_real, sample.features[: settings.images], settings.neighbours)


def precision_recall(real: Tensor, fake: Tensor, neighbours: int) -> dict[str, float]:
    """`precision`: the share of fakes within a real's neighbourhood; `recall`: the share of reals within a fake's.

    With them `precision_se` and `recall_se`; the latter takes the neighbourhoods as given.

    Args:
        real, fake: features, (N, D) and (M, D).
        neighbours: k, the neighbour that sets a neighbourhood's radius; at most N - 1 and M - 1.
    """
    real, fake = centred(real, fake)
    precision, precision_se = mean_and_error(cover(real, neighbour_distance(real, neighbours), fake)[0] > 0)
    recall, recall_se = share_and_error(*cover(fake, neighbour_distance(fake, neighbours), real), len(fake))
    return {"precision": precision, "precision_se": precision_se, "recall": recall, "recall_se": recall_se}
