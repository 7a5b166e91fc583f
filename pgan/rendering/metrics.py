"""metrics.png: how the generator gets better from phase to phase. Needs what `evaluate` measured and nothing else."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from pgan.errors import InputError, shown
from pgan.rendering.phase_axis import BRANCH, KIMG, Span, branches_key, house_style, mark_phases, name_phases
from pgan.rendering.phases import Phase, final_chain
from pgan.untrusted.inputs import read_json

Metrics = dict[str, float]
"""What was measured of one phase, by name."""
Curves = dict[str, dict[str, float]]
"""Metric -> phase -> value."""
LARGEST = 1e100
"""An axis can show no larger numbers."""


@dataclass(frozen=True, eq=False)
class Panel:
    """One of the small multiples."""

    title: str
    """Beside the vertical axis; the arrow says where better is."""
    metrics: dict[str, tuple[str, str]]
    """Metric -> its name in the legend and its colour."""
    log: bool = False
    """Logarithmic vertical axis."""
    limits: tuple[float, float] | None = None
    """Vertical axis, where the metric has bounds."""


MAIN, SECOND, REFERENCE = "tab:blue", "tab:orange", "0.55"
PANELS = [
    Panel(
        "Fréchet distance ↓",
        {"frechet": ("reals at the phase's size", MAIN), "frechet_target": ("reals at the target size", SECOND)},
        log=True,
    ),
    Panel("precision ↑ recall ↑", {"precision": ("precision", MAIN), "recall": ("recall", SECOND)}, limits=(0, 1)),
    Panel("SWD × 10³ ↓", {"swd": ("mean of all levels", MAIN)}),
    Panel("MS-SSIM of pairs", {"ms_ssim": ("generated", MAIN), "ms_ssim_real": ("real", REFERENCE)}),
]


def read_metrics(evaluate: Path, phase: str) -> Metrics:
    """What was measured of a phase, from its metrics.json: a flat mapping of names to finite numbers.

    Raises:
        InputError: the file is missing, is not JSON, or holds anything else.
    """
    path = evaluate / phase / "metrics.json"
    try:
        metrics = read_json(path)
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(f"{path}: no such file; evaluate the phase '{phase}' first") from None
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON: {error}; evaluate the phase '{phase}' again") from None
    if not isinstance(metrics, dict):
        raise InputError(f"{path}: expected a mapping of metrics; evaluate the phase '{phase}' again")
    for name, value in metrics.items():
        if type(value) not in (int, float) or not abs(value) < LARGEST:
            raise InputError(
                f"{path}: {name}: expected a finite number, found {shown(value)}; evaluate the phase '{phase}' again"
            )
    return metrics


def write_metrics_picture(phases: list[Phase], metrics: list[Metrics], path: Path, dpi: int) -> None:
    """Draw one panel per kind of metric that has values, each value at the end of its phase.

    The chain to the final phase is a line, with a gap where a phase has no such metric; a branch is a dashed line from
    its parent.

    Args:
        phases: at least one; the last is the final one.
        metrics: for each of the phases.
    """
    names = [phase.name for phase in phases]
    panels = {panel: _curves(panel, dict(zip(names, metrics, strict=True))) for panel in PANELS}
    panels = {panel: curves for panel, curves in panels.items() if curves}
    with house_style():
        figure = Figure(figsize=(10, 6), layout="constrained")
        FigureCanvasAgg(figure)
        if panels:
            _draw_panels(figure, panels, phases)
        else:  # said in so many words: without a feature space, small images have no metric
            figure.text(0.5, 0.5, "none of the metrics drawn here was measured", ha="center", color="0.4")
        figure.savefig(path, dpi=dpi, format="png", metadata={"Software": None})


def _curves(panel: Panel, measured: dict[str, Metrics]) -> Curves:
    """The panel's metrics that have values; NaN for a phase without one, or with one that the axis cannot show."""
    curves = {}
    for name in panel.metrics:
        values = {phase: float(metrics.get(name, math.nan)) for phase, metrics in measured.items()}
        curves[name] = {phase: math.nan if panel.log and value <= 0 else value for phase, value in values.items()}
    return {name: values for name, values in curves.items() if not all(map(math.isnan, values.values()))}


def _draw_panels(figure: Figure, panels: dict[Panel, Curves], phases: list[Phase]) -> None:
    chain = final_chain(phases)
    starts = [0.0, *(phase.total_kimg for phase in chain)]
    spans = [Span(p.name, p.grows, start, p.total_kimg) for p, start in zip(chain, starts, strict=False)]
    columns = 1 if len(panels) == 1 else 2
    cells = figure.subplots(math.ceil(len(panels) / columns), columns, squeeze=False).flatten()
    for number, (axes, (panel, curves)) in enumerate(zip(cells, panels.items(), strict=False)):
        for name, values in curves.items():
            _draw_curve(axes, phases, values, *panel.metrics[name])
        _scale(axes, panel, curves)
        axes.set_xlim(0, 1.02 * max(phase.total_kimg for phase in phases))  # the last marker whole
        axes.set_ylabel(panel.title)
        mark_phases(axes, spans)
        _add_legend(axes, with_branches=number == 0 and len(phases) > len(chain))
        if number < columns:
            name_phases(axes, {span.phase: span.end for span in spans}, slanted=True)
    for axes in cells[len(panels) :]:
        figure.delaxes(axes)
    figure.supxlabel(KIMG, fontsize=10)


def _draw_curve(axes: Axes, phases: list[Phase], values: dict[str, float], label: str, color: str) -> None:
    """The chain as a line, each branch as a dashed one from the phase that it continues."""
    chain, by_name = final_chain(phases), {phase.name: phase for phase in phases}
    style: dict[str, Any] = {"color": color, "marker": "o", "markersize": 5, "linewidth": 1.6, "zorder": 3}
    axes.plot([phase.total_kimg for phase in chain], [values[phase.name] for phase in chain], label=label, **style)
    for branch in phases:
        if branch not in chain:
            ends = [by_name[name] for name in (branch.parent, branch.name) if name in by_name]
            style |= {"linestyle": BRANCH, "markerfacecolor": "white", "markevery": [-1], "zorder": 2.5}
            axes.plot([phase.total_kimg for phase in ends], [values[phase.name] for phase in ends], **style)


def _scale(axes: Axes, panel: Panel, curves: Curves) -> None:
    """The vertical axis: within the metric's bounds, logarithmic, or from zero; markers at its ends stay whole."""
    shown = [value for values in curves.values() for value in values.values() if not math.isnan(value)]
    low, high = panel.limits or (min(0.0, *shown), max(shown))
    if panel.log:
        axes.set_yscale("log")
        for set_formatter in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
            set_formatter(LogFormatter(minor_thresholds=(2, 0.4)))
    else:
        margin = 0.05 * (high - low) or 1.0
        axes.set_ylim(low - (margin if panel.limits or low < 0 else 0.0), high + margin)


def _add_legend(axes: Axes, with_branches: bool) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if with_branches:
        handle, label = branches_key()
        handles, labels = [*handles, handle], [*labels, label]
    if len(handles) > 1:
        axes.legend(handles, labels, loc="best", framealpha=0.6, edgecolor="none", fontsize=9)
