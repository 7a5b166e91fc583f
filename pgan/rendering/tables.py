"""losses.csv and metrics.csv: the whole experiment in two tables, for `dvc plots diff` and spreadsheets.

Both follow the chain to the final phase and have its images since `init` as a column, so that a table is one curve.
"""

import csv
from pathlib import Path
from typing import Any

from pgan.rendering.metrics import Metrics
from pgan.rendering.phases import Phase


def write_losses_table(chain: list[Phase], path: Path) -> None:
    """The losses.csv of all phases, one below the other, with a leading column `phase`.

    Cells are copied as text; a column that a phase does not have is empty there.
    """
    rows: list[dict[str, Any]] = []
    for phase in chain:
        with (phase.folder / "losses.csv").open(encoding="utf-8", newline="") as file:
            rows += [{**row, "phase": phase.name} for row in csv.DictReader(file)]
    names = dict.fromkeys(name for row in rows for name in row)
    _write(path, ["phase", *(name for name in names if name != "phase")], rows)


def write_metrics_table(chain: list[Phase], metrics: list[Metrics], path: Path) -> None:
    """One row per phase: its end in thousands of images, and what was measured of it, where it was.

    Args:
        metrics: for each phase of the chain.
    """
    rows = [
        {**values, "phase": phase.name, "resolution": phase.resolution, "total_kimg": phase.total_kimg}
        for phase, values in zip(chain, metrics, strict=True)
    ]
    measured = sorted({name for values in metrics for name in values})
    _write(path, ["phase", "resolution", "total_kimg", *measured], rows)


def _write(path: Path, columns: list[str], rows: list[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
