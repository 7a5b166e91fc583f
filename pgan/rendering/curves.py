"""losses.png: the critic's scores, the generator's loss and the gradient penalty over all phases, from losses.csv."""

import difflib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import get_named_colors_mapping, is_color_like
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatterSciNotation, NullFormatter
from scipy.ndimage import gaussian_filter1d

from pgan.errors import InputError, shown
from pgan.rendering.phase_axis import BRANCH, KIMG, Span, branches_key, house_style, mark_phases, name_phases
from pgan.rendering.tables import read_table
from pgan.untrusted.inputs import check_file

SCORES = {"critic_real": "critic on reals", "critic_fake": "critic on fakes", "generator_loss": "generator loss"}
PENALTY = {"gradient_penalty": "gradient penalty"}
CURVES = SCORES | PENALTY
"""Columns of losses.csv that are drawn, with their names in the legend."""


@dataclass(frozen=True)
class Losses:
    """One phase's losses.csv."""

    phase: str
    grows: bool
    """Whether the phase fades a resolution in: such phases are shaded."""
    branch: bool
    """Whether the phase lies beside the chain to the final phase: such phases are dashed."""
    start: float
    """Thousands of real images since `init` when the phase began."""
    total_kimg: np.ndarray
    """(rows,) thousands of real images since `init`."""
    curves: dict[str, np.ndarray]
    """(rows,) for each of `CURVES`; NaN where there is no finite value."""

    @property
    def end(self) -> float:
        """Thousands of real images since `init` in the last row."""
        return float(self.total_kimg[-1])


def read_losses(path: Path, phase: str, grows: bool = False, branch: bool = False) -> Losses:
    """Read a losses.csv with at least the columns kimg, total_kimg and `SCORES`.

    Where the column of `PENALTY` is missing, the loss has no gradient penalty: the curve is all gap. An empty cell,
    "nan" or "inf" is a gap in the curve: a loss that the phase does not have, or that has no bound.

    Raises:
        InputError: no such file, a column is missing, no rows, or a cell that is no number; kimg must be finite.
    """
    again = f"train the phase '{phase}' again"
    try:
        check_file(path)
        table = read_table(path)
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(f"{path}: no such file; {again}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a table of comma-separated values; {again}") from None
    except ValueError as error:
        raise InputError(f"{path}: {error}; {again}") from None
    for column in ("kimg", "total_kimg", *SCORES):
        if column not in table:
            raise InputError(f"{path}: no column '{column}'; {again}")
    if table.empty:
        raise InputError(f"{path}: no rows; {again}")
    table = table.assign(**{name: "" for name in PENALTY if name not in table})
    columns = {
        name: np.array(
            [_number(cell, f"{path}, row {i}: {name}", again) for i, cell in enumerate(table[name], start=1)]
        )
        for name in ("kimg", "total_kimg", *CURVES)
    }
    kimg, total = columns.pop("kimg"), columns.pop("total_kimg")
    if not (np.isfinite(kimg).all() and np.isfinite(total).all() and (np.diff(total) >= 0).all()):
        raise InputError(f"{path}: total_kimg: expected finite numbers that do not descend; {again}")
    return Losses(phase, grows, branch, float(total[0] - kimg[0]), total, columns)


def check_color(value: str, where: str) -> None:
    """Raises InputError, beginning with `where`, unless `value` is a colour that matplotlib knows."""
    if not is_color_like(value) or value.lower() == "none":
        near = difflib.get_close_matches(value.lower(), get_named_colors_mapping(), n=1, cutoff=0.6)
        hint = f"; did you mean '{near[0]}'?" if near else ";"
        raise InputError(f"{where}: '{value}' is no colour{hint} use a name such as green, or '#rrggbb' in quotes")


def write_losses_picture(phases: list[Losses], path: Path, colors: dict[str, str], smoothing: float, dpi: int) -> None:
    """Draw the curves over the images since `init`: what was logged faintly, and smoothed over it.

    The critic's scores and the generator's loss share one panel; the gradient penalty, some orders of magnitude below
    them, has its own with a logarithmic axis, unless no phase has one. Extreme values run out of the panel instead of
    flattening the rest.

    Args:
        phases: at least one, and at least one that is no branch.
        colors: a colour for each of `CURVES`.
        smoothing: standard deviation of the Gaussian, as a fraction of the horizontal axis.

    Raises:
        InputError: there is no finite value in any column.
    """
    if not any(_finite(phases, name).size for name in CURVES):
        raise InputError(f"{phases[0].phase} … {phases[-1].phase}: losses.csv holds no finite value; train again")
    with house_style():
        figure = _figure(phases, colors, smoothing)
        figure.savefig(path, dpi=dpi, format="png", metadata={"Software": None})


def smooth(values: np.ndarray, total_kimg: np.ndarray, width: float) -> np.ndarray:
    """Gaussian mean over the neighbours that are there; gaps stay gaps.

    Args:
        values: (rows,), NaN for gaps.
        total_kimg: (rows,), ascending, spaced about evenly.
        width: standard deviation, in kimg.

    Returns:
        (rows,).
    """
    length = float(total_kimg[-1] - total_kimg[0])
    if width <= 0 or length <= 0:
        return values
    sigma = width / length * (len(values) - 1)
    there = np.isfinite(values)
    weight = gaussian_filter1d(there.astype(float), sigma, mode="constant")
    total = gaussian_filter1d(np.where(there, values, 0.0), sigma, mode="constant")
    return np.where(there, total / np.where(there, weight, 1.0), np.nan)


def _figure(phases: list[Losses], colors: dict[str, str], smoothing: float) -> Figure:
    chain = [phase for phase in phases if not phase.branch]
    spans = [Span(phase.phase, phase.grows, phase.start, phase.end) for phase in chain]
    start, end = min(phase.start for phase in chain), max(phase.end for phase in phases)
    end = end if end > start else start + 1.0
    figure = Figure(figsize=(10, 6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = [SCORES, PENALTY] if any(_finite(phases, name).size for name in PENALTY) else [SCORES]
    rows = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=(3, 2)[: len(panels)])[:, 0]
    for axes, names in zip(rows, panels, strict=True):
        for name, label in names.items():
            _draw_curve(axes, phases, name, label, colors[name], smoothing * (end - start))
        mark_phases(axes, spans)
        if axes.lines:
            axes.legend(*_legend(axes, phases), loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    scores, last = rows[0], rows[-1]
    scores.set_xlim(start, end + 0.005 * (end - start))  # the last point whole
    scores.set_ylim(_limits(np.concatenate([_finite(chain, name) for name in SCORES])))
    scores.axhline(0, color="0.5", linewidth=0.8, zorder=1)
    scores.set_ylabel("score, loss")
    _name_phases(scores, spans, end - start)
    if last is not scores:
        _scale_penalty(last, _finite(chain, "gradient_penalty"))
        last.set_ylabel("penalty")
    last.set_xlabel(KIMG)
    return figure


def _draw_curve(axes: Axes, phases: list[Losses], name: str, label: str, color: str, width: float) -> None:
    """One curve, phase by phase: the losses jump where a phase begins, and smoothing must not hide that."""
    for phase in phases:
        values = phase.curves[name]
        if not np.isfinite(values).any():
            continue
        style: dict[str, Any] = {"color": color, "solid_capstyle": "round"}
        if phase.branch:
            style |= {"linestyle": BRANCH, "alpha": 0.6}
        else:
            axes.plot(phase.total_kimg, values, color=color, alpha=0.2, linewidth=0.8, zorder=2)
        if np.isfinite(values).sum() == 1:
            style |= {"marker": "o", "markersize": 4}
        drawn = any(line.get_label() == label for line in axes.lines)
        smoothed = smooth(values, phase.total_kimg, width)
        axes.plot(phase.total_kimg, smoothed, linewidth=1.6, label=None if drawn else label, zorder=3, **style)


def _legend(axes: Axes, phases: list[Losses]) -> tuple[list[Any], list[str]]:
    handles, labels = axes.get_legend_handles_labels()
    if any(phase.branch for phase in phases):
        handle, label = branches_key()
        handles, labels = [*handles, handle], [*labels, label]
    return handles, labels


def _name_phases(axes: Axes, spans: list[Span], length: float) -> None:
    """Each name above the middle of its phase."""
    inches_per_kimg, inches_per_letter = 7.0 / length, 0.075
    fits = all(inches_per_letter * (len(s.phase) + 1) <= inches_per_kimg * (s.end - s.start) for s in spans)
    name_phases(axes, {span.phase: (span.start + span.end) / 2 for span in spans}, slanted=not fits)


def _scale_penalty(axes: Axes, values: np.ndarray) -> None:
    positive = values[values > 0]
    if not positive.size:
        return
    low, high = np.percentile(positive, (0.5, 99.5))
    axes.set_yscale("log")
    axes.set_ylim(low / 1.5, high * 1.5)
    axes.yaxis.set_major_formatter(LogFormatterSciNotation(minor_thresholds=(2, 0.4)))
    if high / low > 30:
        axes.yaxis.set_minor_formatter(NullFormatter())


def _limits(values: np.ndarray) -> tuple[float, float]:
    """What 99 % of the values need, with a margin."""
    if not values.size:
        return -1.0, 1.0
    low, high = (float(x) for x in np.percentile(values, (0.5, 99.5)))
    margin = 0.08 * (high - low) or 1.0
    return low - margin, high + margin


def _finite(phases: list[Losses], name: str) -> np.ndarray:
    values = np.concatenate([phase.curves[name] for phase in phases])
    return values[np.isfinite(values)]


def _number(cell: str, where: str, again: str) -> float:
    """A cell as a float, NaN for whatever cannot be drawn."""
    try:
        value = float(cell) if cell else math.nan
    except ValueError:
        raise InputError(f"{where}: expected a number, found {shown(cell)}; {again}") from None
    return value if math.isfinite(value) else math.nan
