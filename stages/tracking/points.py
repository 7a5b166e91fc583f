"""The points of a run's metrics, each logged once, although rows are repeated after a failure or an interruption."""

import math
import time
from collections.abc import Callable
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric

from stages.tracking.names import SPEED, SYSTEM, of_training

POSITION = ("images", "kimg", "total_kimg")
"""Columns of losses.csv that give the position of a row, and are no metrics."""


class Clash(Exception):
    """A run has other values than the new ones: it is of other code or data."""


class Points:
    """The points that a run has, and a way to add more."""

    def __init__(self, client: MlflowClient, run: str) -> None:
        self._client, self._run = client, run
        names = [name for name in client.get_run(run).data.metrics if not name.startswith(SYSTEM)]
        points = (point for name in names for point in client.get_metric_history(run, name))
        self.held = {(point.key, point.step): point for point in points}

    def add(self, metrics: list[Metric]) -> None:
        """Log the new ones, in batches as large as MLflow takes. Raises Clash before any is logged.

        Speeds are the only ones that may differ when a row is repeated.
        """
        if any(self._value(m) != m.value for m in metrics if m.key != SPEED):
            raise Clash
        new = [m for m in metrics if (m.key, m.step) not in self.held]
        for i in range(0, len(new), 1000):
            self._client.log_batch(self._run, metrics=new[i : i + 1000])
        self.held |= {(m.key, m.step): m for m in new}

    def _value(self, metric: Metric) -> float:
        return float(self.held.get((metric.key, metric.step), metric).value)


def curves(rows: list[dict[str, float]]) -> list[Metric]:
    """Rows of losses.csv as metrics; the step is the number of real images shown since `init`."""
    return [
        metric
        for row in rows
        for metric in numbers(
            {key: value for key, value in row.items() if key not in POSITION},
            round(row["total_kimg"] * 1000),
            of_training,
        )
    ]


def numbers(content: dict[str, Any], step: int, name: Callable[[str], str]) -> list[Metric]:
    """The finite numbers of a mapping as metrics, under the names that a function makes of their keys."""
    now = int(time.time() * 1000)
    return [
        Metric(name(key), float(value), now, step)
        for key, value in content.items()
        if isinstance(value, int | float) and math.isfinite(value)
    ]
