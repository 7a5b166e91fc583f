"""metrics.png: how the generator gets better from phase to phase. Needs what `evaluate` measured and nothing else."""

import itertools
import math
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from pgan.errors import InputError, shown
from pgan.metric_table import ARROWS, METRICS, Metric, Panel, Value
from pgan.rendering.phase_axis import BRANCH, KIMG, Span, branches_key, house_style, mark_phases, name_phases
from pgan.rendering.phases import TrainedPhase, final_chain
from pgan.untrusted.inputs import read_json

Metrics = dict[str, float]
"""What was measured of one phase, by name."""
Curves = dict[str, dict[str, float]]
"""Metric -> phase -> value."""
LARGEST = 1e100
"""An axis can show no larger numbers."""


MAIN, SECOND, REFERENCE = "tab:blue", "tab:orange", "0.55"
"""Colours of a panel's first value, of its second, and of what was measured of the real images."""


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


def write_metrics_picture(phases: list[TrainedPhase], measured: list[Metrics], path: Path, dpi: int) -> None:
    """Draw a panel for each row of the table of metrics that has values, each value at the end of its phase.

    The chain to the final phase is a line, with a gap where a phase has no such metric; a branch is a dashed line from
    its parent.  Bars reach two standard errors to either side, where these were measured.

    Args:
        phases: at least one; the last is the final one.
        measured: for each of the phases.
    """
    by_phase = {phase.name: values for phase, values in zip(phases, measured, strict=True)}
    panels = [(metric, curves) for metric in METRICS if (curves := _curves(metric, by_phase))]
    with house_style():
        figure = Figure(figsize=(10, max(6, 2 * math.ceil(len(panels) / 2))), layout="constrained")
        FigureCanvasAgg(figure)
        if panels:
            _draw_panels(figure, panels, phases, by_phase)
        else:  # without a feature space, small images have no metric
            figure.text(0.5, 0.5, "none of the metrics drawn here was measured", ha="center", color="0.4")
        figure.savefig(path, dpi=dpi, format="png", metadata={"Software": None})


def title(metric: Metric) -> str:
    """What stands beside a panel's vertical axis, with an arrow where better is the same way for all of its values."""
    ways = {value.better for value in metric.values if not value.reference}
    return metric.panel.title + (ARROWS[ways.pop()] if len(ways) == 1 else "")


def label(metric: Metric, value: Value) -> str:
    """A value's name in the legend; with an arrow where the values differ in which way is better."""
    differ = len({value.better for value in metric.values if not value.reference}) > 1
    return value.label + (ARROWS[value.better] if differ else "")


def _curves(metric: Metric, measured: dict[str, Metrics]) -> Curves:
    """The metric's values by phase, where there are any; NaN for a phase without one, or with one off the axis."""
    curves = {}
    for value in metric.values:
        numbers = {phase: float(found.get(value.name, math.nan)) for phase, found in measured.items()}
        curves[value.name] = {phase: math.nan if metric.panel.log and n <= 0 else n for phase, n in numbers.items()}
    return {name: numbers for name, numbers in curves.items() if not all(map(math.isnan, numbers.values()))}


def _draw_panels(
    figure: Figure, panels: list[tuple[Metric, Curves]], phases: list[TrainedPhase], measured: dict[str, Metrics]
) -> None:
    chain = final_chain(phases)
    starts = [0.0, *(phase.total_kimg for phase in chain)]
    spans = [Span(p.name, p.grows, start, p.total_kimg) for p, start in zip(chain, starts, strict=False)]
    columns = 1 if len(panels) == 1 else 2
    cells = figure.subplots(math.ceil(len(panels) / columns), columns, squeeze=False).flatten()
    for number, (axes, (metric, curves)) in enumerate(zip(cells, panels, strict=False)):
        for value, color in zip(metric.values, _colors(metric), strict=True):
            if value.name in curves:
                _draw_curve(axes, phases, curves[value.name], label(metric, value), color)
                errors = {phase: found.get(f"{value.name}_se", math.nan) for phase, found in measured.items()}
                _draw_errors(axes, phases, curves[value.name], errors, color)
        _scale(axes, metric.panel)
        axes.set_xlim(0, 1.02 * max(phase.total_kimg for phase in phases))  # the last marker whole
        axes.set_ylabel(title(metric))
        mark_phases(axes, spans)
        _add_legend(axes, with_branches=number == 0 and len(phases) > len(chain))
        if number < columns:
            name_phases(axes, {span.phase: span.end for span in spans}, slanted=True)
    for axes in cells[len(panels) :]:
        figure.delaxes(axes)
    figure.supxlabel(KIMG, fontsize=10)


def _colors(metric: Metric) -> list[str]:
    """A colour for each of the metric's values."""
    others = itertools.chain((MAIN, SECOND), (f"C{number}" for number in itertools.count(2)))
    return [REFERENCE if value.reference else next(others) for value in metric.values]


def _draw_curve(axes: Axes, phases: list[TrainedPhase], values: dict[str, float], label: str, color: str) -> None:
    """The chain as a line, each branch as a dashed one from the phase that it continues."""
    chain, by_name = final_chain(phases), {phase.name: phase for phase in phases}
    style: dict[str, Any] = {"color": color, "marker": "o", "markersize": 5, "linewidth": 1.6, "zorder": 3}
    axes.plot([phase.total_kimg for phase in chain], [values[phase.name] for phase in chain], label=label, **style)
    for branch in phases:
        if branch not in chain:
            ends = [by_name[name] for name in (branch.parent, branch.name) if name in by_name]
            style |= {"linestyle": BRANCH, "markerfacecolor": "white", "markevery": [-1], "zorder": 2.5}
            axes.plot([phase.total_kimg for phase in ends], [values[phase.name] for phase in ends], **style)


def _draw_errors(
    axes: Axes, phases: list[TrainedPhase], values: dict[str, float], errors: dict[str, float], color: str
) -> None:
    """A bar for each phase that has a standard error."""
    known = [phase for phase in phases if not math.isnan(values[phase.name] + errors[phase.name])]
    if known:
        heights, bars = [values[phase.name] for phase in known], [2 * abs(errors[phase.name]) for phase in known]
        axes.errorbar([p.total_kimg for p in known], heights, bars, fmt="none", ecolor=color, elinewidth=1, capsize=3)


def _scale(axes: Axes, panel: Panel) -> None:
    """The vertical axis: within the metric's bounds, logarithmic, or from zero; markers and bars stay whole."""
    low, high = panel.limits or (min(0.0, axes.dataLim.ymin), axes.dataLim.ymax)
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
