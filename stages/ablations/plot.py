"""The table as a picture: metrics by row, ours with the spread between seeds, beside the published ones."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from stages.ablations.table import Column, Table

SHOWN = ("swd", "ms_ssim", "frechet")
OURS, THEIRS = "tab:blue", "tab:gray"


def draw(table: Table, path: Path) -> None:
    """Write a PNG picture: a panel for each quantity, a bar for each row."""
    columns = [column for column in table.columns if column.key in SHOWN]
    figure = Figure(figsize=(4.5 * len(columns), 0.5 * len(table.means) + 2), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(columns), sharey=True, squeeze=False)[0]
    for panel, column in zip(panels, columns, strict=True):
        _panel(panel, column, table)
    figure.suptitle(f"{table.ablation.title}\n{table.made}", fontsize=10, wrap=True)
    figure.savefig(path, dpi=110, format="png")


def _panel(panel: Axes, column: Column, table: Table) -> None:
    places = np.arange(len(table.means))
    means, spread = (numbers[column.key].fillna(0.0) for numbers in (table.means, table.deviations))
    panel.barh(places - 0.2, means, 0.4, xerr=spread, color=OURS, label="ours")
    if column.key in table.published:
        panel.barh(places + 0.2, table.published[column.key].fillna(0.0), 0.4, color=THEIRS, label="published")
    panel.set_title(f"{column.title} ×10³" if column.key == "swd" else column.title)
    panel.set_yticks(places, table.labels)
    if not panel.yaxis_inverted():
        panel.invert_yaxis()
    panel.legend(loc="lower right", fontsize=8)
