"""The points of a run's metrics, each logged once, although rows are repeated after a failure or an interruption."""

import math
import time
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric

POSITION = ("images", "kimg", "total_kimg")
"""Columns of losses.csv that give the position of a row, and are no metrics."""
SPEED = "img_per_s"
"""The only column that may differ when a row is repeated."""


class Clash(Exception):
    """A run has other values than the new ones: it is of other code or data."""


class Points:
    """The points that a run has, and a way to add more."""

    def __init__(self, client: MlflowClient, run: str) -> None:
        self._client, self._run = client, run
        names = client.get_run(run).data.metrics
        points = (point for name in names for point in client.get_metric_history(run, name))
        self._held = {(point.key, point.step): point.value for point in points}

    def add(self, metrics: list[Metric]) -> None:
        """Log the new ones, in batches as large as MLflow takes. Raises Clash before any is logged."""
        if any(self._held.get((m.key, m.step), m.value) != m.value for m in metrics if m.key != SPEED):
            raise Clash
        new = [m for m in metrics if (m.key, m.step) not in self._held]
        for i in range(0, len(new), 1000):
            self._client.log_batch(self._run, metrics=new[i : i + 1000])
        self._held |= {(m.key, m.step): m.value for m in new}


def curves(rows: list[dict[str, float]]) -> list[Metric]:
    """Rows of losses.csv as metrics; the step is the number of real images shown since `init`."""
    return [
        metric
        for row in rows
        for metric in numbers(
            {key: value for key, value in row.items() if key not in POSITION}, round(row["total_kimg"] * 1000)
        )
    ]


def numbers(content: dict[str, Any], step: int) -> list[Metric]:
    """The finite numbers of a mapping as metrics."""
    now = int(time.time() * 1000)
    return [
        Metric(key, float(value), now, step)
        for key, value in content.items()
        if isinstance(value, int | float) and math.isfinite(value)
    ]
