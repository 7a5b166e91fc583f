"""Which set is best in what, and where the difference may be chance."""

import math
from collections.abc import Collection
from dataclasses import dataclass

from pgan.comparing.measuring import Figure, figure
from pgan.comparing.settings import MEASURED
from pgan.metric_table import METRICS, Value

ERRORS = 2
"""Standard errors of a difference from which on it counts: about 95 % confidence."""
NOT_JUDGED = ("memorisation",)
"""Metrics in which a set is not better for a lower value: images far from the data are no copies either."""


@dataclass(frozen=True)
class Row:
    """One value of all sets."""

    value: Value
    metric: str
    """The name in `evaluate.metrics`."""
    figures: list[Figure | None]
    is_doubtful: bool
    """It is not to be trusted with so few images."""
    is_judged: bool
    """Whether a set can be called the best in it."""
    best: int | None
    """The set that is clearly better than each of the others."""


def rows(metrics: list[dict[str, float]], doubtful: Collection[str]) -> list[Row]:
    """The values that any of the sets has, in the order of the table of metrics.

    Args:
        metrics: of each set, as `measuring.figures` gives them.
        doubtful: metrics and values that are not to be trusted with so few images: no set is called the best in them.
    """
    found = []
    for metric in METRICS:
        for value in metric.values if metric.name in MEASURED else ():
            figures = [figure(each, value.name) for each in metrics]
            is_doubtful = metric.name in doubtful or value.name in doubtful
            judged = not is_doubtful and value.better is not None and metric.name not in NOT_JUDGED
            if any(figures):
                best = best_of(value, figures) if judged else None
                found.append(Row(value, metric.name, figures, is_doubtful, judged, best))
    return found


def best_of(value: Value, figures: list[Figure | None]) -> int | None:
    """The set that is better than each other one by more than `ERRORS` standard errors of the difference.

    None where there is no such set, or where errors are not known or no direction is better.
    """
    known = [each for each in figures if each is not None]
    if len(known) < max(2, len(figures)) or value.better is None:
        return None
    sign = 1 if value.better == "higher" else -1
    best = max(range(len(known)), key=lambda i: sign * known[i].value)
    others = known[:best] + known[best + 1 :]
    return best if all(_differ(known[best], other) for other in others) else None


def _differ(one: Figure, other: Figure) -> bool:
    if one.error is None or other.error is None:
        return False
    return abs(one.value - other.value) > ERRORS * math.hypot(one.error, other.error)


def summary(found: list[Row], names: list[str]) -> str:
    """In a sentence: which set is clearly better in what; empty for a single one."""
    if len(names) < 2:
        return ""
    parts = []
    for number, name in enumerate(names):
        if values := [row.value.name for row in found if row.best == number]:
            parts.append(f"{name} is clearly better in {listed(values)}")
    judged = [row for row in found if row.is_judged and all(each and each.error is not None for each in row.figures)]
    if undecided := [row.value.name for row in judged if row.best is None]:
        parts.append(f"no clear difference in {listed(undecided)}")
    return "; ".join(parts)


def listed(texts: list[str]) -> str:
    """Words as a sentence lists them."""
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
