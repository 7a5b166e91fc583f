"""Which of the attributes of drawn images a generator shows: every value, every pair of values, and how evenly.

Half of the real images train a linear classifier for each attribute, on their features.  It then reads the other half
and the generated images.  What it finds in both is compared, so that what it misreads counts the same for both.
"""

import csv
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import scipy.special

from pgan.data.pyramid import ATTRIBUTES, STYLE
from pgan.errors import InputError
from pgan.metrics.sample import Sample
from pgan.randomness import derive

FEWEST = 10
"""Training images of a value; a rarer one cannot be learned, and is left out."""
SHRINKAGE = 0.01
"""Of the covariance, so that it can be inverted where features are constant."""
Values = np.ndarray
"""An attribute's value for each image, (N,) of str; empty where the image's style has no such attribute."""


def compute(sample: Sample) -> dict[str, float]:
    """What `attribute_metrics` finds; attributes that the features do not show are named on stderr."""
    table = read_attributes(sample.reals.features, len(sample.real_features))
    order = np.random.default_rng(derive(sample.seed, "attributes")).permutation(len(sample.real_features))
    found, unread = attribute_metrics(sample.real_features.numpy(), table, sample.features.numpy(), order)
    if unread:
        sample.note(f"attributes that cannot be read from the features are left out: {', '.join(unread)}")
    return found


def read_attributes(folder: Path, count: int) -> dict[str, Values]:
    """The attributes of the real images in a folder of features, each together with the image's style.

    Raises:
        InputError: there is no such table, or not one row for each of `count` images.
    """
    path = folder / ATTRIBUTES
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, strict=True))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; the metric 'attributes' needs images of source avatars") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a table ({error}); make it again with `pgan features`") from None
    if len(rows) != count or not rows or any(None in row or None in row.values() for row in rows):
        raise InputError(f"{path}: expected {count} rows of equal length; make it again with `pgan features`")
    names = [name for name in rows[0] if name != STYLE]
    return {STYLE: np.array([row.get(STYLE, "") for row in rows])} | {
        name: np.array([row[name] and f"{row.get(STYLE, '')}: {row[name]}" for row in rows]) for name in names
    }


def attribute_metrics(
    real: np.ndarray, table: dict[str, Values], fake: np.ndarray, order: np.ndarray
) -> tuple[dict[str, float], list[str]]:
    """The metrics, and the names of the attributes that the features do not show.

    Args:
        real, fake: features, (N, D) and (M, D).
        table: attribute -> its value for each real image.
        order: a permutation of the reals; the first half trains, as many of the others as there are fakes are read.

    Returns:
        `attribute_accuracy`: the mean share of values that are read rightly, over the attributes that are used.
        `attribute_values`, `attribute_pairs`: of the values found in the real images, and of the pairs of values of two
        attributes, the share that the fakes show as well.
        `attribute_kl`: KL(fakes ‖ reals) of an attribute's values in nats, the mean over the attributes.
    """
    train, rest = np.array_split(order, 2)
    rest, fake = rest[: len(fake)], fake[: len(rest)]
    readings = {
        name: _read(values[train], values[rest], real[train], real[rest], fake) for name, values in table.items()
    }
    used = [reading for reading in readings.values() if reading is not None]
    unread = [name for name, reading in readings.items() if reading is None]
    if not used:
        return {}, unread
    return {
        "attribute_accuracy": float(np.mean([reading.accuracy for reading in used])),
        "attribute_values": _shown(used, 1),
        "attribute_pairs": _shown(used, 2),
        "attribute_kl": float(np.mean([_divergence(reading) for reading in used])),
    }, unread


@dataclass(frozen=True, eq=False)
class Reading:
    """What a classifier reads of one attribute."""

    accuracy: float
    """Share of the reals that are read rightly, of those whose style has the attribute."""
    reals: Values
    fakes: Values


def _read(
    train: Values, truth: Values, real_train: np.ndarray, real_rest: np.ndarray, fake: np.ndarray
) -> Reading | None:
    """Train and read; None where it makes more than half the mistakes of always guessing the commonest value."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    values, counts = np.unique(train, return_counts=True)
    known, has = np.isin(train, values[counts >= FEWEST]), truth != ""
    if len(np.unique(train[known])) < 2 or not has.any():
        return None
    classifier = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=SHRINKAGE).fit(real_train[known], train[known])
    reals = classifier.predict(real_rest)
    accuracy = float((reals == truth)[has].mean())
    guess = np.unique(truth[has], return_counts=True)[1].max() / has.sum()
    return Reading(accuracy, reals, classifier.predict(fake)) if 1 - accuracy <= (1 - guess) / 2 else None


def _shown(readings: list[Reading], together: int) -> float:
    """The share of values (`together` = 1), or pairs of values (2), in the reals that the fakes show, too."""
    shown = total = 0
    for chosen in combinations(readings, together):
        wanted, found = (_distinct([getattr(reading, side) for reading in chosen]) for side in ("reals", "fakes"))
        shown, total = shown + len(wanted & found), total + len(wanted)
    return shown / total if total else 1.0


def _distinct(columns: list[Values]) -> set[tuple[str, ...]]:
    """The rows that occur; a row of a style that lacks one of the attributes does not count."""
    return {row for row in zip(*(column.tolist() for column in columns), strict=True) if all(row)}


def _divergence(reading: Reading) -> float:
    """KL(fakes ‖ reals); a value that the reals lack counts as if it occurred once in them."""
    values, where = np.unique(np.concatenate([reading.reals, reading.fakes]), return_inverse=True)
    reals, fakes = (np.bincount(part, minlength=len(values)) for part in np.split(where, [len(reading.reals)]))
    expected = np.maximum(reals, 1) / np.maximum(reals, 1).sum()
    return max(0.0, float(scipy.special.rel_entr(fakes / fakes.sum(), expected).sum()))
