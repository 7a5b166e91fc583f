"""The classes that evaluated images are asked for: as often as the data have them.

A Fréchet distance compares distributions. Labels dealt evenly over classes that are not equally frequent would put a
perfect generator far from the data.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pgan.data.pyramid import Meta, open_labels
from pgan.errors import InputError


def class_frequencies(pyramid: Path, meta: Meta) -> np.ndarray:
    """Images of each class in the data, (K,) int64; K is 0 where the pyramid has no classes.

    Raises:
        InputError: the labels do not fit the pyramid's description.
    """
    if not meta.classes:
        return np.zeros(0, np.int64)
    labels = open_labels(pyramid)
    if len(labels) != meta.count or labels.max() >= len(meta.classes):
        raise InputError(
            f"{pyramid}: labels.npy does not fit its {meta.count} images of {len(meta.classes)} classes; "
            "make the pyramid again with `pgan prepare`"
        )
    return np.bincount(labels, minlength=len(meta.classes))


def proportional_labels(frequencies: np.ndarray, count: int) -> Tensor:
    """`count` labels in the proportions of the data, (count,) int64.

    Among the first n labels, for every n, each class is within one image of its share of n (Tijdeman 1980, "The
    chairman assignment problem"). Of the classes that are owed enough, the rule takes the one that is due first.
    Where all are equally frequent, this is 0, 1, …, K - 1, 0, 1, ….

    Args:
        frequencies: images of each class in the data, (K,) int64, not all 0.
    """
    present = np.flatnonzero(frequencies)
    if len(present) == 1:
        return torch.full((count,), int(present[0]))
    weights = frequencies[present]  # whole numbers throughout: ties must not depend on rounding
    total, parts = weights.sum(), 2 * len(present) - 2  # a class is owed enough at 1 / parts of an image
    given = np.zeros_like(weights)
    labels = np.empty(count, np.int64)
    for n in range(count):
        owed = (weights * (n + 1) - given * total) * parts >= total
        due = np.where(owed, ((given + 1) * parts - 1) / weights, np.inf)
        chosen = due.argmin()
        given[chosen] += 1
        labels[n] = present[chosen]
    return torch.from_numpy(labels)
