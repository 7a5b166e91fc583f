"""What losses.png and metrics.png share: their look, and the horizontal axis with the phases on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

KIMG = "thousands of real images shown to the critic"
"""What the horizontal axis counts."""
BRANCH = (0, (3, 2))
"""Line style of what lies beside the chain to the final phase."""


@dataclass(frozen=True)
class Span:
    """A phase's place on the axis, in thousands of real images since `init`."""

    phase: str
    grows: bool
    """Whether the phase fades a resolution in: such phases are shaded."""
    start: float
    end: float


@contextmanager
def house_style() -> Iterator[None]:
    """The same look, and the same bytes, whatever style the user's own matplotlibrc sets."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False})
        yield


def mark_phases(axes: Axes, chain: list[Span]) -> None:
    """Shade the phases that grow, and draw a line where a phase begins."""
    for span in chain:
        if span.grows:
            axes.axvspan(span.start, span.end, color="0.93", linewidth=0, zorder=0)
    for span in chain[1:]:
        axes.axvline(span.start, color="0.8", linewidth=0.8, zorder=1)
    axes.grid(axis="y", color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)


def name_phases(axes: Axes, places: dict[str, float], slanted: bool) -> None:
    """Write the phases' names above a panel, each at its place; slanted where they would not fit side by side."""
    names = axes.secondary_xaxis("top")
    names.set_xticks(list(places.values()), list(places))
    names.tick_params(length=0, labelcolor="0.3", labelsize=9)
    names.spines["top"].set_visible(False)
    if slanted:
        for label in names.get_xticklabels():
            label.set(rotation=45, ha="left", rotation_mode="anchor")


def branches_key() -> tuple[Line2D, str]:
    """The legend's entry for branches."""
    return Line2D([], [], color="0.4", linestyle=BRANCH), "other branches"
