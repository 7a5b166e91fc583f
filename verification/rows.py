"""Deviations, and the row of the table for each quantity."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from pgan.errors import InputError

EXCUSED = 20.0
"""Rounding excuses deviations of up to this many times the tolerance."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    quantity: str
    arrays: int
    deviation: float
    measure: str
    worst: str
    tolerance: float | None
    """None: for information."""
    missed: float = 0.0
    """Largest deviation of the arrays that are not in `unresolved`."""
    unresolved: dict[str, float] = field(default_factory=dict)
    """Deviations beyond the tolerance whose absolute size is below what float32 resolves, by array."""
    retry: bool = False
    """Whether other rounding may be tried, see `retried`."""
    plain: "Row | None" = None
    """The row as it was at first, where other rounding made the difference."""
    noise: float = 0.0
    """The relative noise with which it then held."""

    @property
    def held(self) -> bool:
        """Whether the tolerance is."""
        return self.tolerance is None or self.missed <= self.tolerance

    @property
    def excusable(self) -> bool:
        """Whether it missed its tolerance by no more than rounding may explain."""
        return self.retry and not self.held and self.missed <= EXCUSED * (self.tolerance or 0.0)

    @property
    def verdict(self) -> str:
        """The table's last cell."""
        if self.tolerance is None:
            return "–"
        if not self.held:
            return "**no**"
        return "with rounding" if self.plain else "but for those below" if self.unresolved else "yes"


def absolute(name: str, ours: Tensor, theirs: Tensor) -> float:
    """Largest difference of any element."""
    check_shape(name, theirs.shape, ours.shape)
    return float((ours - theirs).abs().max()) if ours.numel() else 0.0


def relative(name: str, ours: Tensor, theirs: Tensor) -> float:
    """Norm of the difference over the norm of theirs."""
    check_shape(name, theirs.shape, ours.shape)
    difference, size = float((ours - theirs).detach().norm()), float(theirs.norm())
    return difference / size if size else (0.0 if difference == 0 else float("inf"))


def check_shape(name: str, found: Iterable[int], wanted: Iterable[int]) -> None:
    """Nothing is broadcast: InputError that names the array."""
    found, wanted = tuple(found), tuple(wanted)
    if found != wanted:
        raise InputError(f"{name}: is of shape {found}, and should be {wanted}: not an array of these networks")


def largest(
    quantity: str,
    measure: str,
    tolerance: float | None,
    found: dict[str, float],
    unresolved: Iterable[str] = (),
    retry: bool = False,
) -> Iterator[Row]:
    """The row of a quantity, if any array of it was there."""
    if found:
        # NaN is the worst of all
        found = {name: float("inf") if np.isnan(value) else value for name, value in found.items()}
        worst = max(found, key=found.__getitem__)
        names = set(unresolved)
        missed = max((value for name, value in found.items() if name not in names), default=0.0)
        below = {name: value for name, value in found.items() if name in names}
        yield Row(quantity, len(found), found[worst], measure, worst, tolerance, missed, below, retry)
