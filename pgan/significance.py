"""Measured values with their standard errors: how they are written, and when a difference is more than chance."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

ERRORS = 2
"""Standard errors of a difference from which on it counts: about 95 % confidence."""
NOT_JUDGED = ("memorisation",)
"""Metrics in which one is not better for a lower value: images far from the data are no copies either."""
MISSING = "-"
ROUNDING = 1e-9
"""Errors that are a smaller share of their value come from rounding alone."""


@dataclass(frozen=True)
class Figure:
    """One measured value."""

    value: float
    error: float | None
    """Its standard error, where that is known."""


def figure(metrics: Mapping[str, float], name: str) -> Figure | None:
    """A value of metrics.json; None where it was not measured."""
    if name not in metrics:
        return None
    return Figure(metrics[name], metrics.get(f"{name}_se"))


def best_of(better: Literal["lower", "higher"] | None, figures: Sequence[Figure | None]) -> int | None:
    """The one that is better than each other by more than `ERRORS` standard errors of the difference.

    None where there is no such one, or where errors are not known or no direction is better.
    """
    known = [each for each in figures if each is not None]
    if len(known) < max(2, len(figures)) or better is None:
        return None
    sign = 1 if better == "higher" else -1
    best = max(range(len(known)), key=lambda i: sign * known[i].value)
    others = known[:best] + known[best + 1 :]
    return best if all(_differ(known[best], other) for other in others) else None


def shown(figure: Figure | None) -> str:
    """A value to four digits, or as far as two digits of its standard error reach: `310.2 ± 2.8`."""
    if figure is None:
        return MISSING
    if not figure.error or figure.error < abs(figure.value) * ROUNDING:
        return f"{figure.value:.4g}"
    places = max(0, 1 - math.floor(math.log10(figure.error)))
    return f"{figure.value:.{places}f} ± {figure.error:.{places}f}"


def _differ(one: Figure, other: Figure) -> bool:
    if one.error is None or other.error is None:
        return False
    return abs(one.value - other.value) > ERRORS * math.hypot(one.error, other.error)
