"""How busy the machine is while a stage works: processors, memory, disk, network, and GPUs where pynvml is installed.

MLflow's own measurements, under the names for which its pages have a tab. Its thread for them is not used: it would
give up at the first failure of a server.
"""

import contextlib
import os
import time

from mlflow import MlflowClient
from mlflow.entities import Metric
from mlflow.environment_variables import MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING, MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL
from mlflow.system_metrics.metrics.base_metrics_monitor import BaseMetricsMonitor
from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

from stages.tracking.names import SYSTEM

INTERVAL_SECONDS = 10.0
"""MLflow's own."""
SHARE = 0.002
"""The pause grows with the run: a week of training has a few thousand points of each, and not a hundred thousand."""


class Machine:
    """Logs its state to one run, now and then."""

    def __init__(self, client: MlflowClient, run: str) -> None:
        self._client, self._run = client, run
        self._began = self._last = time.monotonic()
        self._monitors: list[BaseMetricsMonitor] = []
        self._step = -1

    def log(self) -> None:
        """Log a point of each measurement, if it is time. MLflow's variables for its own measurements hold."""
        now = time.monotonic()
        pause = MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL.get() or INTERVAL_SECONDS + SHARE * (now - self._began)
        if os.environ.get(MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING.name) and not MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING.get():
            return
        if not self._monitors:
            self._start()
        elif now - self._last >= pause:
            self._last = now
            self._client.log_batch(self._run, metrics=self._measure())

    def _start(self) -> None:
        """From here on the load of the processors is measured, which is a mean over time."""
        self._monitors = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
        with contextlib.suppress(Exception):  # no pynvml, or no GPU
            self._monitors.append(GPUMonitor())
        self._monitors[0].collect_metrics()
        self._monitors[0].clear_metrics()
        held = [name for name in self._client.get_run(self._run).data.metrics if name.startswith(SYSTEM)]
        points = self._client.get_metric_history(self._run, held[0]) if held else []
        self._step = max((point.step for point in points), default=-1)

    def _measure(self) -> list[Metric]:
        self._step += 1
        now, found = int(time.time() * 1000), []
        for monitor in self._monitors:
            monitor.collect_metrics()
            values = monitor.aggregate_metrics()
            found += [Metric(f"{SYSTEM}{name}", float(value), now, self._step) for name, value in values.items()]
            monitor.clear_metrics()
        return found
