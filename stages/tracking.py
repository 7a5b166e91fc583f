"""MLflow as a sink: one parent run per resolved params.yaml, a nested child run per stage, live while it runs.

Files are the truth.  All traffic with MLflow happens in a thread of its own, so that training waits for it neither at
the start nor when a server is slow; whatever goes wrong there becomes one warning, and the run is completed from the
files when `render`, the last stage, runs, or by `python -m stages.report`.

A run's metrics have the images shown to the critic since `init` as their step: 1000 steps are one kimg.
"""

import csv
import hashlib
import json
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from pgan.config import read_yaml
from stages.runner import Stage

POLL_SECONDS = 2.0
PATIENCE_SECONDS = 60.0
"""How long a finished stage waits for MLflow to take what came out."""
EXPERIMENT = "pgan"
POSITION = ("images", "kimg", "total_kimg")
"""Columns of losses.csv that say where a row is, not how training goes."""


class Tracker:
    """The MLflow run of one stage, as a context around its work."""

    def __init__(self, stage: Stage, params: Path, root: Path) -> None:
        self._finished = threading.Event()
        self._status = "FINISHED"
        self._thread = threading.Thread(target=self._work, args=(stage, params, root), daemon=True)
        self._stage = stage

    def __enter__(self) -> "Tracker":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if kind is not None:
            code = error.code if isinstance(error, SystemExit) else 1
            stopped = kind is KeyboardInterrupt or code in (130, 143)
            self._status = "FINISHED" if code in (None, 0) else "KILLED" if stopped else "FAILED"
        self._finished.set()
        self._thread.join(PATIENCE_SECONDS if self._status == "FINISHED" else 3.0)
        if self._thread.is_alive():
            _warn(self._stage, f"no answer within {PATIENCE_SECONDS:.0f} s")

    def _work(self, stage: Stage, params: Path, root: Path) -> None:
        try:
            runs = Runs(params, root)
            child = runs.child(stage)
            for rows in _follow(stage.live, self._finished):
                runs.log_rows(child, rows)
            if self._status == "FINISHED":
                runs.log_outputs(child, stage)
                if stage.name == "train" and stage.phase:
                    runs.log_phase(stage.phase)
                if stage.name == "render":
                    runs.complete()
            runs.client.set_terminated(child, self._status)
        except Exception as error:  # MLflow may fail in any way; the stage's own work must not
            _warn(stage, " ".join(f"{type(error).__name__}: {error}".split())[:300])


class Runs:
    """The parent and child runs of one params.yaml in the tracking store."""

    def __init__(self, params: Path, root: Path) -> None:
        self.client, self.experiment = _connect(root)
        self.content = read_yaml(params)
        text = json.dumps(self.content, sort_keys=True)
        self.identity = hashlib.sha256(text.encode()).hexdigest()[:16]
        self.tags = {"pgan.parameters": self.identity, **_code_tags()}
        self.parent = self._find({"pgan.stage": "experiment"}) or self._create_parent()

    # --- runs

    def child(self, stage: Stage) -> str:
        """A run for the stage: an unfinished one of the same parameters goes on, a finished one is replaced."""
        tags = {"pgan.stage": stage.address}
        found = self._find(tags)
        if found and self.client.get_run(found).info.status != "FINISHED":
            self.client.update_run(found, status="RUNNING")
            return found
        if found:
            self.client.delete_run(found)
        tags |= self.tags | {"mlflow.parentRunId": self.parent}
        run = str(self.client.create_run(self.experiment, tags=tags, run_name=stage.address).info.run_id)
        self._log_params(run, _section(self.content, stage))
        return run

    def complete(self) -> None:
        """Log everything that the files say to the parent, once, and end it."""
        if self._outdated():
            self._replace_parent()
        for phase in self.content["phases"]:
            self.log_phase(phase)
            self._log_once(f"evaluate.{phase}", Path("data/evaluate") / phase / "metrics.json", self._log_evaluation)
        self._log_once("features", Path("data/features/metrics.json"), self._log_features)
        self._log_once("prepare", Path("data/pyramid/meta.json"), self._log_features)
        for picture in sorted(Path("data/render").rglob("*.*")):
            self._log_once(f"picture.{picture.name}", picture, self._log_picture)
        last = list(self.content["phases"])[-1]
        self._log_once("checkpoint", Path("data/train") / last / "checkpoint.pt", self._log_checkpoint)
        self.client.set_terminated(self.parent)

    # --- what is logged

    def log_rows(self, run: str, rows: list[dict[str, float]]) -> None:
        """Rows of losses.csv as metrics, each at its images since `init`."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [
            Metric(name, value, now, round(row["total_kimg"] * 1000))
            for row in rows
            for name, value in row.items()
            if name not in POSITION and math.isfinite(value)
        ]
        for i in range(0, len(metrics), 1000):
            self.client.log_batch(run, metrics=metrics[i : i + 1000])

    def log_outputs(self, run: str, stage: Stage) -> None:
        """A stage's own files: numbers as metrics, pictures as artifacts."""
        for path in sorted(stage.out.rglob("*")):
            if path.name == "metrics.json":
                step = self._images(stage.phase) if stage.phase else 0
                self._log_numbers(run, json.loads(path.read_text()), step)
            elif path.name in ("meta.json", "summary.json"):
                self.client.log_artifact(run, str(path))
            elif path.suffix in (".png", ".gif"):
                self.client.log_artifact(run, str(path), "pictures")
            elif path.name == "samples.npy":
                self._log_samples(run, path)

    def log_phase(self, phase: str) -> None:
        """A finished phase's curves, on the parent."""
        path = Path("data/train") / phase / "losses.csv"
        self._log_once(f"train.{phase}", path, lambda file: self.log_rows(self.parent, list(read_rows(file))))

    def _log_evaluation(self, path: Path) -> None:
        self._log_numbers(self.parent, json.loads(path.read_text()), self._images(path.parent.name))

    def _log_features(self, path: Path) -> None:
        numbers = json.loads(path.read_text())
        self._log_numbers(self.parent, {f"{path.parent.name}.{key}": value for key, value in numbers.items()}, 0)

    def _log_picture(self, path: Path) -> None:
        self.client.log_artifact(self.parent, str(path), "pictures")

    def _log_checkpoint(self, path: Path) -> None:
        self.client.log_artifact(self.parent, str(path), "checkpoint")

    def _log_samples(self, run: str, path: Path) -> None:
        import tempfile

        import numpy as np

        from pgan.rendering.grid import enlarged, grid, scale

        with tempfile.TemporaryDirectory() as folder:
            picture = Path(folder) / "samples.png"
            last = np.load(path)[-1]
            grid(scale(last, enlarged(last.shape[2], 48)), 8).save(picture)
            self.client.log_artifact(run, str(picture), "pictures")

    def _log_numbers(self, run: str, numbers: dict[str, Any], step: int) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [
            Metric(key, float(value), now, step)
            for key, value in numbers.items()
            if isinstance(value, int | float) and math.isfinite(value)
        ]
        self.client.log_batch(run, metrics=metrics)

    def _log_params(self, run: str, content: dict[str, Any]) -> None:
        from mlflow.entities import Param

        params = [Param(key, str(value)) for key, value in flatten(content)]
        for i in range(0, len(params), 100):
            self.client.log_batch(run, params=params[i : i + 100])

    def _log_once(self, name: str, path: Path, log: Any) -> None:
        """Log a file unless a tag of the parent says that this very content was logged."""
        if not path.is_file():
            return
        tag, digest = f"pgan.logged.{name}", _digest(path)
        if self._parent_tags().get(tag) != digest:
            log(path)
            self.client.set_tag(self.parent, tag, digest)

    def _images(self, phase: str) -> int:
        """Images since `init` at the end of a phase."""
        summary = json.loads((Path("data/train") / phase / "summary.json").read_text())
        return round(summary["total_kimg"] * 1000)

    # --- the parent

    def _create_parent(self) -> str:
        name = os.environ.get("DVC_EXP_NAME") or f"{self.content['prepare']['source']}-{self.identity[:6]}"
        tags = self.tags | {"pgan.stage": "experiment"}
        run = str(self.client.create_run(self.experiment, tags=tags, run_name=name).info.run_id)
        self._log_params(run, self.content)
        return run

    def _outdated(self) -> bool:
        """Whether the parent's curves came from other files: the same parameters, but other code or data."""
        tags = self._parent_tags()
        pairs = [(f"pgan.logged.train.{p}", Path("data/train") / p / "losses.csv") for p in self.content["phases"]]
        return any(tag in tags and tags[tag] != _digest(path) for tag, path in pairs if path.is_file())

    def _replace_parent(self) -> None:
        """MLflow cannot take back a metric: start a parent anew and give it the children."""
        old, self.parent = self.parent, self._create_parent()
        children = self.client.search_runs([self.experiment], f"tags.`mlflow.parentRunId` = '{old}'")
        for child in children:
            self.client.set_tag(child.info.run_id, "mlflow.parentRunId", self.parent)
        self.client.delete_run(old)

    def _parent_tags(self) -> dict[str, str]:
        return dict(self.client.get_run(self.parent).data.tags)

    def _find(self, tags: dict[str, str]) -> str | None:
        wanted = {"pgan.parameters": self.identity} | tags
        query = " and ".join(f"tags.`{key}` = '{value}'" for key, value in wanted.items())
        found = self.client.search_runs([self.experiment], query, max_results=1)
        return str(found[0].info.run_id) if found else None


def read_rows(path: Path) -> Iterator[dict[str, float]]:
    """The complete rows of a CSV file of numbers."""
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(line for line in file if line.endswith("\n")):
            yield {key: float(value) for key, value in row.items()}


def flatten(content: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested parameters as dotted names."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from flatten(value, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, content


def _follow(path: Path | None, finished: threading.Event) -> Iterator[list[dict[str, float]]]:
    """New rows of a growing CSV file, until `finished`, then the rest."""
    seen = 0
    if path is not None:
        path.unlink(missing_ok=True)  # an earlier run's
    while True:
        last = finished.wait(POLL_SECONDS)
        rows = list(read_rows(path)) if path is not None and path.is_file() else []
        if rows[seen:]:
            yield rows[seen:]
        seen = len(rows)
        if last:
            return


def _section(content: dict[str, Any], stage: Stage) -> dict[str, Any]:
    """The parameters that a stage is about."""
    if stage.name == "train":
        return {"phase": content["phases"][stage.phase], "training": content["training"]}
    name = "networks" if stage.name == "init" else stage.name
    return {name: content[name]}


def _connect(root: Path) -> tuple[Any, str]:
    """A client and the experiment's id; by default a SQLite file in the repository's root."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    uri = os.environ.get("MLFLOW_TRACKING_URI")
    client = MlflowClient(uri or f"sqlite:///{root / 'mlflow.db'}")
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return client, str(client.create_experiment(name, None if uri else (root / "mlartifacts").as_uri()))
        except MlflowException:  # another stage was faster
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    return client, str(found.experiment_id)


def _code_tags() -> dict[str, str]:
    """Where the run comes from: git's revision, DVC's experiment."""
    revision = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    tags = {"mlflow.source.git.commit": revision, "dvc.exp": os.environ.get("DVC_EXP_NAME", "")}
    return {key: value for key, value in tags.items() if value}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _warn(stage: Stage, reason: str) -> None:
    later = "the files are whole; `python -m stages.report` logs them later"
    print(f"warning: {stage.address}: MLflow tracking failed ({reason}); {later}", file=sys.stderr)
