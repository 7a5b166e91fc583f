"""The table of an ablation: means over seeds, beside published figures, in four forms."""

import csv
import io
import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from stages.ablations.results import Result
from stages.ablations.rows import Ablation

LATEX = {letter: f"\\{letter}" for letter in "&%$#_{}"} | {"é": r"\'e"}
LATEX |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
"""What means something else to LaTeX, and how to have it."""


@dataclass(frozen=True)
class Column:
    """A measured quantity."""

    key: str
    """Its name in metrics.json, in a published row and in the CSV file."""
    title: str
    digits: int
    """Significant ones."""


@dataclass(frozen=True)
class Value:
    """A mean over seeds."""

    mean: float
    deviation: float | None
    """Between seeds (the sample's); None for one seed."""
    count: int


@dataclass(frozen=True)
class Line:
    """A row of the table."""

    key: str
    label: str
    values: dict[str, Value]
    """By the columns' keys, as far as measured."""
    published: dict[str, float]
    seconds: Value | None
    """Of training."""
    partly: bool
    """Whether the time of some phases is not known."""


@dataclass(frozen=True)
class Table:
    """Everything that the files say."""

    ablation: Ablation
    columns: list[Column]
    lines: list[Line]
    results: list[Result]
    phases: dict[str, int]
    """Row → its number of phases."""
    made: str
    """Of what images, how long, and with what changes."""


def make_table(ablation: Ablation, results: list[Result], phases: dict[str, int], made: str) -> Table:
    """Aggregate the results; rows without any are left out."""
    measured = [column for column in _columns(results) if any(column.key in r.metrics for r in results)]
    keys = [key for key in ablation.rows if any(result.row == key for result in results)]
    lines = [_line(ablation, key, [r for r in results if r.row == key], measured, phases[key]) for key in keys]
    return Table(ablation, measured, lines, results, phases, made)


def _columns(results: list[Result]) -> list[Column]:
    """The paper's: SWD ×10³ per level, from fine to coarse, and on average, MS-SSIM; and the Fréchet distance."""
    levels = {int(name.removeprefix("swd_")) for r in results for name in r.metrics if name.startswith("swd_")}
    swd = [Column(f"swd_{level}", f"SWD {level}", 3) for level in sorted(levels, reverse=True)]
    return [*swd, Column("swd", "SWD average", 3), Column("ms_ssim", "MS-SSIM", 4), Column("frechet", "Fréchet", 3)]


def _line(ablation: Ablation, key: str, results: list[Result], columns: list[Column], phases: int) -> Line:
    values = {}
    for column in columns:
        found = [result.metrics[column.key] for result in results if column.key in result.metrics]
        if found:
            values[column.key] = mean(found)
    times = [result.seconds for result in results if result.seconds is not None]
    partly = any(result.timed < phases for result in results)
    row = ablation.rows[key]
    return Line(key, row.label, values, row.published, mean(times) if times else None, partly)


def mean(numbers: list[float]) -> Value:
    """Of one number or more."""
    deviation = statistics.stdev(numbers) if len(numbers) > 1 else None
    return Value(statistics.fmean(numbers), deviation, len(numbers))


# --- forms


def markdown(table: Table) -> str:
    """For people: the table, what it is, and where each number is from."""
    published = _published(table)
    header = ["row", *(c.title for c in table.columns), "time", *(f"{c.title}, published" for c in published)]
    body = [
        [
            line.label,
            *(_text(line.values.get(c.key), c.digits, " ± ") for c in table.columns),
            _time(line),
            *(f"{line.published[c.key]:g}" if c.key in line.published else "–" for c in published),
        ]
        for line in table.lines
    ]
    return "\n".join(
        [
            f"# {table.ablation.title}",
            "",
            *_piped(header, body),
            "",
            *_notes(table),
            "",
            "Each number's origin:",
            "",
            *_piped(*_origins(table)),
            "",
        ]
    )


def _notes(table: Table) -> list[str]:
    notes = [f"Reproduces: {table.ablation.source}.", f"Ours: {table.made}."]
    notes.append("SWD ×10³. Mean ± standard deviation over seeds, where there are several.")
    notes.append("Time: of training, phases that rows share counted in each.")
    if any(line.partly for line in table.lines):
        notes.append("≥: some phases came from DVC's cache of earlier work, and are not counted.")
    if table.ablation.published_source:
        notes.append(f"Published: {table.ablation.published_source}.")
    return [" ".join(notes)]


def _origins(table: Table) -> tuple[list[str], list[list[str]]]:
    body = [
        [r.row, str(r.seed), f"`{r.experiment}`", f"`{r.commit[:10]}`", f"`{r.run}`" if r.run else "–"]
        for r in table.results
    ]
    return ["row", "seed", "DVC experiment", "commit", "MLflow run"], body


def comma_separated(table: Table) -> str:
    """For programs: one line per row and seed, and one per row with the published figures."""
    text = io.StringIO()
    keys = [column.key for column in table.columns]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["row", "seed", *keys, "seconds", "phases_timed", "dvc_experiment", "commit", "mlflow_run"])
    for r in table.results:
        numbers = [_number(r.metrics.get(key)) for key in keys]
        writer.writerow([r.row, r.seed, *numbers, _number(r.seconds), r.timed, r.experiment, r.commit, r.run or ""])
    for line in table.lines:
        if line.published:
            numbers = [_number(line.published.get(key)) for key in keys]
            writer.writerow([line.key, "published", *numbers, "", "", "", "", ""])
    return text.getvalue()


def latex(table: Table) -> str:
    """A tabular for a paper, with booktabs' rules."""
    published = _published(table)
    titles = [*(c.title for c in table.columns), "time", *(f"{c.title} (pub.)" for c in published)]
    rows = []
    for line in table.lines:
        cells = [_text(line.values.get(c.key), c.digits, r" \pm ") for c in table.columns]
        numbers = [f"${cell}$" if cell != "–" else "--" for cell in cells]
        theirs = [f"${line.published[c.key]:g}$" if c.key in line.published else "--" for c in published]
        rows.append(
            " & ".join([_escaped(line.label), *numbers, _time(line).replace("≥ ", r"$\geq$ "), *theirs]) + r" \\"
        )
    return "\n".join(
        [
            f"% {table.made}",
            *(f"% {r.row} seed {r.seed}: DVC {r.experiment} ({r.commit[:10]}), MLflow {r.run}" for r in table.results),
            rf"\begin{{tabular}}{{l{'r' * len(titles)}}}",
            r"\toprule",
            " & ".join(["", *map(_escaped, titles)]) + r" \\",
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def _published(table: Table) -> list[Column]:
    """The columns for which somebody published a figure."""
    return [c for c in table.columns if any(c.key in line.published for line in table.lines)]


def _text(value: Value | None, digits: int, between: str) -> str:
    if value is None:
        return "–"
    text = _rounded(value.mean, digits)
    return text if value.deviation is None else f"{text}{between}{_rounded(value.deviation, 2)}"


def _rounded(number: float, digits: int) -> str:
    """With so many significant digits, never as a power of ten."""
    if number == 0 or not math.isfinite(number):
        return f"{number:g}"
    return f"{number:.{max(0, digits - 1 - math.floor(math.log10(abs(number))))}f}"


def _number(value: float | None) -> str:
    return "" if value is None else repr(value)


def _time(line: Line) -> str:
    if line.seconds is None:
        return "–"
    minutes, seconds = divmod(round(line.seconds.mean), 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s"
    return f"≥ {text}" if line.partly else text


def _piped(header: list[str], body: Iterable[list[str]]) -> list[str]:
    """A Markdown table."""
    rule = ["---", *("---:" for _ in header[1:])]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in (header, rule, *body)]


def _escaped(text: str) -> str:
    """As LaTeX needs it."""
    return "".join(LATEX.get(letter, letter) for letter in text)
