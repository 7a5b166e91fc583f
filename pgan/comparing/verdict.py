"""Which set is best in what, and where the difference may be chance."""

from collections.abc import Collection
from dataclasses import dataclass

from pgan.comparing.settings import MEASURED
from pgan.metric_table import METRICS, Value
from pgan.significance import NOT_JUDGED, Figure, best_of, figure


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
                best = best_of(value.better, figures) if judged else None
                found.append(Row(value, metric.name, figures, is_doubtful, judged, best))
    return found


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
