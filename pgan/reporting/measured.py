"""What was measured: the figures that a report begins with, and the table of all phases."""

from dataclasses import dataclass

from pgan.metric_table import ARROWS, METRICS, Better, Metric, Value, values
from pgan.rendering.metrics import Metrics
from pgan.reporting.words import HEADLINES, MOST_HEADLINES, WORDS, meaning, percent
from pgan.significance import NOT_JUDGED, Figure, best_of, figure, shown


@dataclass(frozen=True)
class Headline:
    """One value of the final phase."""

    name: str
    text: str
    """The value."""
    error: str
    """`± …`; empty where it is not known."""
    better: Better | None
    meaning: str


@dataclass(frozen=True)
class Row:
    """One value of all phases."""

    name: str
    arrow: str
    cells: list[str]
    best: int | None
    """The phase that is clearly better than each other one."""
    is_doubtful: list[bool]
    """In these phases there were too few images."""


def headlines(metrics: Metrics) -> list[Headline]:
    """The most telling values of one phase."""
    chosen = [name for name in HEADLINES if name in metrics][:MOST_HEADLINES]
    known = values()
    return [_headline(known[name], metrics) for name in chosen]


def _headline(value: Value, metrics: Metrics) -> Headline:
    number, error = metrics[value.name], metrics.get(f"{value.name}_se")
    words = WORDS[value.name]
    text, _, spread = shown(Figure(number, error)).partition(" ± ")
    if words.is_share:
        text, spread = percent(number), percent(error) if error else ""
    return Headline(words.name, text, f"± {spread}" if spread else "", value.better, meaning(value.name, number))


def table(measured: list[Metrics]) -> list[Row]:
    """A row for each value that any of the phases has, in the order of the table of metrics.

    The best is marked as `pgan compare` does, among the phases that have the value.

    Args:
        measured: for each phase.
    """
    pairs = [(metric, value) for metric in METRICS for value in metric.values]
    return [_row(*pair, measured) for pair in pairs if any(pair[1].name in metrics for metrics in measured)]


def _row(metric: Metric, value: Value, measured: list[Metrics]) -> Row:
    figures = [figure(metrics, value.name) for metrics in measured]
    doubtful = [any(f"{name}_biased" in metrics for name in (metric.name, value.name)) for metrics in measured]
    is_judged = metric.name not in NOT_JUDGED and not any(doubtful) and not value.reference
    return Row(
        name=WORDS[value.name].name,
        arrow=ARROWS[value.better].strip() if is_judged or any(doubtful) else "",
        cells=["" if each is None else shown(each) for each in figures],
        best=_best(value, figures) if is_judged else None,
        is_doubtful=doubtful,
    )


def _best(value: Value, figures: list[Figure | None]) -> int | None:
    """The index of the clearly best."""
    known = [index for index, each in enumerate(figures) if each is not None]
    best = best_of(value.better, [figures[index] for index in known])
    return None if best is None else known[best]
