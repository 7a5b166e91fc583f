"""losses.csv and metrics.csv: the whole experiment in two tables, for `dvc plots diff` and spreadsheets.

Both follow the chain to the final phase and have its images since `init` as a column, so that a table is one curve.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from pgan.rendering.metrics import Metrics
from pgan.rendering.phases import TrainedPhase

if TYPE_CHECKING:
    from pandas import DataFrame

RAGGED = "a row of more cells than there are columns, or of fewer"


def read_table(path: Path) -> "DataFrame":
    """A table of comma-separated values, with every cell as the text that stands there.

    Raises:
        ValueError: a row is longer or shorter than the first line.
    """
    import pandas as pd

    try:
        with path.open(encoding="utf-8", newline="") as file:  # pandas' own parser in C would fill up short rows
            table = pd.read_csv(file, dtype=object, keep_default_na=False, engine="python")
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    except pd.errors.ParserError:
        raise ValueError(RAGGED) from None
    if table.isna().any(axis=None) or not isinstance(table.index, pd.RangeIndex):
        raise ValueError(RAGGED)
    return table


def write_losses_table(chain: list[TrainedPhase], path: Path) -> None:
    """The losses.csv of all phases, one below the other, with a leading column `phase`.

    Cells are copied as text; a column that a phase does not have is empty there.
    """
    import pandas as pd

    tables = [read_table(phase.folder / "losses.csv").assign(phase=phase.name) for phase in chain]
    _write(pd.concat(tables), ["phase"], path)


def write_metrics_table(chain: list[TrainedPhase], metrics: list[Metrics], path: Path) -> None:
    """One row per phase: its end in thousands of images, and what was measured of it, where it was.

    Args:
        metrics: for each phase of the chain.
    """
    import pandas as pd

    rows = [
        {**values, "phase": phase.name, "resolution": phase.resolution, "total_kimg": phase.total_kimg}
        for phase, values in zip(chain, metrics, strict=True)
    ]
    table = pd.DataFrame(rows, dtype=object)  # objects, as a column of floats would turn 7 into 7.0
    _write(table[sorted(table)], ["phase", "resolution", "total_kimg"], path)


def _write(table: "DataFrame", first: list[str], path: Path) -> None:
    """Write a table, with these columns before the others."""
    columns = [*first, *(name for name in table if name not in first)]
    table.to_csv(path, columns=columns, index=False, lineterminator="\n")
