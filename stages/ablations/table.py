"""The table of an ablation: means over seeds beside published figures, as Markdown, CSV and LaTeX."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from stages.ablations.results import Result
from stages.ablations.rows import Ablation

NONE = "–"
"""Stands for a number that was not measured, or not published."""


@dataclass(frozen=True)
class Column:
    """A measured quantity."""

    key: str
    """Its name in metrics.json, in a published row and in the CSV file."""
    title: str
    digits: int
    """Significant ones."""


@dataclass(frozen=True)
class Table:
    """Everything that the files say. The frames are indexed by the row's key, except `runs`."""

    ablation: Ablation
    made: str
    """How the runs were made: images, length, and what was set for all rows."""
    columns: list[Column]
    """What was measured."""
    runs: pd.DataFrame
    """One line per row and seed: its metrics, training time in seconds, and origin."""
    means: pd.DataFrame
    """Over seeds: of each column's key, and of `seconds`."""
    deviations: pd.DataFrame
    """Between seeds (the sample's standard deviation); NaN for one seed."""
    partly: pd.Series
    """Whether the training time of some phases is unknown."""
    published: pd.DataFrame
    """By the keys of those columns that have published figures."""

    @property
    def labels(self) -> list[str]:
        """The names of the rows."""
        return [self.ablation.rows[key].label for key in self.means.index]


def make_table(ablation: Ablation, results: list[Result], phases: dict[str, int], made: str) -> Table:
    """Aggregate the results; rows without any are left out. `phases` is the number of phases of each row."""
    columns = _columns({name for result in results for name in result.metrics})
    keys = [column.key for column in columns]
    runs = pd.DataFrame([_run(result, keys) for result in results]).astype(dict.fromkeys([*keys, "seconds"], float))
    rows = [key for key in ablation.rows if (runs["row"] == key).any()]
    numbers = runs.groupby("row")[[*keys, "seconds"]]
    partly = (runs["phases_timed"] < runs["row"].map(phases)).groupby(runs["row"]).any()
    published = pd.DataFrame([ablation.rows[key].published for key in rows], index=rows, dtype=float)
    return Table(
        ablation,
        made,
        columns,
        runs,
        means=numbers.mean().loc[rows],
        deviations=numbers.std().loc[rows],
        partly=partly.loc[rows],
        published=published.reindex(columns=keys).dropna(axis="columns", how="all"),
    )


def _columns(measured: set[str]) -> list[Column]:
    """The paper's: SWD ×10³ per level, from fine to coarse, and on average, MS-SSIM; and the Fréchet distance."""
    levels = sorted((int(name.removeprefix("swd_")) for name in measured if name.startswith("swd_")), reverse=True)
    swd = [Column(f"swd_{level}", f"SWD {level}", 3) for level in levels]
    known = [*swd, Column("swd", "SWD average", 3), Column("ms_ssim", "MS-SSIM", 4), Column("frechet", "Fréchet", 3)]
    return [column for column in known if column.key in measured]


def _run(result: Result, keys: list[str]) -> dict[str, object]:
    numbers = {key: result.metrics.get(key) for key in keys}
    origin = {"dvc_experiment": result.experiment, "commit": result.commit, "mlflow_run": result.run}
    times = {"seconds": result.seconds, "phases_timed": result.timed}
    return {"row": result.row, "seed": result.seed} | numbers | times | origin


# --- forms


def markdown(table: Table) -> str:
    """For people: the table, what it is, and the origin of each number."""
    origins = pd.DataFrame(
        {
            "row": table.runs["row"],
            "seed": table.runs["seed"],
            "DVC experiment": "`" + table.runs["dvc_experiment"] + "`",
            "commit": "`" + table.runs["commit"].str[:10] + "`",
            "MLflow run": [f"`{run}`" if isinstance(run, str) else NONE for run in table.runs["mlflow_run"]],
        }
    )
    parts = [
        f"# {table.ablation.title}",
        _piped(_cells(table)),
        _notes(table),
        "Each number's origin:",
        _piped(origins),
    ]
    return "\n\n".join(parts) + "\n"


def _notes(table: Table) -> str:
    notes = [f"Reproduces: {table.ablation.source}.", f"Ours: {table.made}."]
    notes.append("SWD ×10³. Mean ± standard deviation over seeds, where there are several.")
    notes.append("Time: of training. Phases that rows share count in each of these rows.")
    if table.partly.any():
        notes.append("≥: some phases came from DVC's cache of earlier work, and do not count.")
    if table.ablation.published_source:
        notes.append(f"Published: {table.ablation.published_source}.")
    return " ".join(notes)


def comma_separated(table: Table) -> str:
    """For programs: one line per row and seed, and one per row with the published figures."""
    published = table.published.dropna(how="all").rename_axis("row").reset_index().assign(seed="published")
    runs = table.runs.astype({"phases_timed": "Int64", "seed": object})
    return str(pd.concat([runs, published]).to_csv(index=False, lineterminator="\n"))


def latex(table: Table) -> str:
    """A tabular for a paper, with booktabs' rules."""
    cells = _cells(table)
    numbers = cells.columns.difference(["row", "time"])
    style = cells.style.hide(axis="index").format_index(escape="latex", axis="columns")
    style = style.format(escape="latex", subset=["row"]).format(_math, subset=numbers)
    style = style.format(lambda time: time.replace("≥", r"$\geq$").replace(NONE, "--"), subset=["time"])
    origins = [
        f"% {run.row} seed {run.seed}: DVC {run.dvc_experiment} ({run.commit[:10]}), MLflow {run.mlflow_run}"
        for run in table.runs.itertuples()
    ]
    tabular = style.to_latex(column_format="l" + "r" * (cells.shape[1] - 1), hrules=True)
    return "\n".join([f"% {table.made}", *origins, tabular])


# --- cells


def _cells(table: Table) -> pd.DataFrame:
    """The table as text, a column for each title."""
    cells = pd.DataFrame({"row": table.labels})
    for column in table.columns:
        pairs = zip(table.means[column.key], table.deviations[column.key], strict=True)
        cells[column.title] = [_text(mean, deviation, column.digits) for mean, deviation in pairs]
    cells["time"] = [_time(*pair) for pair in zip(table.means["seconds"], table.partly, strict=True)]
    for column in table.columns:
        if column.key in table.published:
            theirs = table.published[column.key]
            cells[f"{column.title}, published"] = [NONE if math.isnan(number) else f"{number:g}" for number in theirs]
    return cells


def _text(mean: float, deviation: float, digits: int) -> str:
    if math.isnan(mean):
        return NONE
    return _rounded(mean, digits) + ("" if math.isnan(deviation) else f" ± {_rounded(deviation, 2)}")


def _rounded(number: float, digits: int) -> str:
    """A number with this many significant digits, and never as a power of ten."""
    if number == 0 or not math.isfinite(number):
        return f"{number:g}"
    return f"{number:.{max(0, digits - 1 - math.floor(math.log10(abs(number))))}f}"


def _time(seconds: float, partly: bool) -> str:
    if math.isnan(seconds):
        return NONE
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s"
    return f"≥ {text}" if partly else text


def _math(cell: str) -> str:
    """A number as LaTeX has it."""
    return "--" if cell == NONE else "$" + cell.replace("±", r"\pm") + "$"


def _piped(cells: pd.DataFrame) -> str:
    """A Markdown table: the first column to the left, all others to the right."""
    text = cells.astype(str).replace(r"\|", r"\\|", regex=True)
    align: Iterable[str] = ["left", *["right"] * (cells.shape[1] - 1)]
    return str(text.to_markdown(index=False, colalign=align, disable_numparse=True))
