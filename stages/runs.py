"""What is in MLflow: one parent run per resolved params.yaml, with a nested child run per stage.

A metric's step is the number of real images shown to the critic since `init`: 1000 steps are one kimg.
"""

import fcntl
import hashlib
import json
import math
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from stages.runner import Stage
from stages.tracking import read_rows

EXPERIMENT = "pgan"
POSITION = ("images", "kimg", "total_kimg")
"""Columns of losses.csv that say where a row is, not how training goes."""
CURVE = "generator_loss"
"""The curve that every kind of training has: it tells which rows a run already holds."""
TRAIN = Path("data/train")
EVALUATE = Path("data/evaluate")
FEATURES = Path("data/features")
PYRAMID = Path("data/pyramid")
RENDER = Path("data/render")


class Runs:
    """The parent and child runs of one experiment in the tracking store."""

    def __init__(self, parameters: dict[str, Any], root: Path) -> None:
        self.client, self.experiment = _connect(root)
        self.parameters = parameters
        self.identity = hashlib.sha256(json.dumps(parameters).encode()).hexdigest()[:16]
        self.parent = self._find("experiment") or self._create_parent()

    # --- children

    def child(self, stage: Stage) -> "Child":
        """A run for the stage: an unfinished one of the same parameters goes on, a finished one is replaced."""
        self._resume_parent()
        found = self._find(stage.address)
        if found and self.client.get_run(found).info.status != "FINISHED":
            self.client.update_run(found, status="RUNNING")
            return Child(self, stage, found)
        if found:
            self.client.delete_run(found)
        return Child(self, stage, self.create_child(stage))

    def create_child(self, stage: Stage) -> str:
        """A new run for the stage, under the parent."""
        run = self._create(stage.address, stage.address, {"mlflow.parentRunId": self.parent})
        self._log_params(run, _section(self.parameters, stage))
        return run

    def end(self, child: "Child", stage: Stage, status: str) -> None:
        """Log what the stage made, end its run, and bring the parent up to date."""
        if status == "FINISHED":
            child.log_outputs()
        self.client.set_terminated(child.run, status)
        if status != "FINISHED":
            self.client.set_terminated(self.parent, status)
        elif stage.name == "train":
            self._update([item for item in self._items() if item[0] == f"train.{stage.phase}"])
        elif stage.name == "render":
            self.complete()

    # --- the parent

    def complete(self) -> None:
        """Log to the parent everything that the files say and that it does not hold yet, and end it."""
        self._update(self._items())
        for key, value in _origin().items():
            self.client.set_tag(self.parent, key, value)
        self.client.set_terminated(self.parent)

    def _items(self) -> "list[Item]":
        """What belongs on the parent: a name, the file or folder, how to log it."""
        phases = list(self.parameters["phases"])
        items: list[Item] = []
        for phase in phases:
            items.append((f"train.{phase}", TRAIN / phase / "losses.csv", self._log_losses))
            items.append((f"evaluate.{phase}", EVALUATE / phase / "metrics.json", self._log_evaluation))
        items.append(("features", FEATURES / "metrics.json", self._log_numbers))
        items.append(("pyramid", PYRAMID / "meta.json", self._log_numbers))
        items.append(("checkpoint", TRAIN / phases[-1] / "checkpoint.pt", self._log_checkpoint))
        items.append(("pictures", RENDER, self._log_pictures))
        return items

    def _update(self, items: "list[Item]") -> None:
        """Log those items that the parent does not hold yet.

        The same parameters with other code or data give other files.  MLflow cannot take back a metric, so the parent
        is then made anew.
        """
        tags = self.client.get_run(self.parent).data.tags
        digests = {f"pgan.logged.{name}": _digest(path) for name, path, _ in items if path.exists()}
        if any(tags.get(tag, digest) != digest for tag, digest in digests.items()):
            self._replace_parent()
            tags = {}
        for name, path, log in items:
            tag = f"pgan.logged.{name}"
            if tag in digests and tag not in tags:
                log(path)
                self.client.set_tag(self.parent, tag, digests[tag])

    def _log_losses(self, path: Path) -> None:
        self.log_metrics(self.parent, curves(list(read_rows(path))))

    def _log_evaluation(self, path: Path) -> None:
        self.log_metrics(self.parent, numbers(json.loads(path.read_text()), _images(path.parent.name)))

    def _log_numbers(self, path: Path) -> None:
        content = {f"{path.parent.name}.{key}": value for key, value in json.loads(path.read_text()).items()}
        self.log_metrics(self.parent, numbers(content, 0))

    def _log_checkpoint(self, path: Path) -> None:
        self.client.log_artifact(self.parent, str(path), "checkpoint")

    def _log_pictures(self, folder: Path) -> None:
        self.client.log_artifacts(self.parent, str(folder), "pictures")

    def _create_parent(self) -> str:
        name = os.environ.get("DVC_EXP_NAME") or f"{self.parameters['prepare']['source']}-{self.identity[:6]}"
        run = self._create(name, "experiment", {})
        self._log_params(run, self.parameters)
        return run

    def _resume_parent(self) -> None:
        if self.client.get_run(self.parent).info.status in ("FAILED", "KILLED"):
            self.client.update_run(self.parent, status="RUNNING")

    def _replace_parent(self) -> None:
        """Start a parent anew and give it the children."""
        old, self.parent = self.parent, self._create_parent()
        for child in self.client.search_runs([self.experiment], f"tags.`mlflow.parentRunId` = '{old}'"):
            self.client.set_tag(child.info.run_id, "mlflow.parentRunId", self.parent)
        self.client.delete_run(old)

    # --- MLflow

    def log_metrics(self, run: str, metrics: list[Metric]) -> None:
        """In batches as large as MLflow takes."""
        for i in range(0, len(metrics), 1000):
            self.client.log_batch(run, metrics=metrics[i : i + 1000])

    def _log_params(self, run: str, content: dict[str, Any]) -> None:
        params = [Param(key, str(value)) for key, value in flatten(content)]
        for i in range(0, len(params), 100):
            self.client.log_batch(run, params=params[i : i + 100])

    def _create(self, name: str, stage: str, tags: dict[str, str]) -> str:
        tags = {"pgan.stage": stage, "pgan.parameters": self.identity} | _origin() | tags
        return str(self.client.create_run(self.experiment, tags=tags, run_name=name).info.run_id)

    def _find(self, stage: str) -> str | None:
        query = f"tags.`pgan.parameters` = '{self.identity}' and tags.`pgan.stage` = '{stage}'"
        found = self.client.search_runs([self.experiment], query, max_results=1)
        return str(found[0].info.run_id) if found else None


Item = tuple[str, Path, Callable[[Path], None]]


class Child:
    """The run of one stage."""

    def __init__(self, runs: Runs, stage: Stage, run: str) -> None:
        self.runs, self.stage, self.run = runs, stage, run
        history = runs.client.get_metric_history(run, CURVE)
        self._logged = {point.step: point.value for point in history}

    def log_curves(self, rows: list[dict[str, float]]) -> None:
        """Log rows of losses; those that a stage logged before it was interrupted come again, and are passed over."""
        old = [row for row in rows if _step(row) in self._logged]
        if any(row[CURVE] != self._logged[_step(row)] for row in old):  # an interrupted run of other code or data
            self.runs.client.delete_run(self.run)
            self.run, self._logged, old = self.runs.create_child(self.stage), {}, []
        new = [row for row in rows if row not in old]
        self.runs.log_metrics(self.run, curves(new))

    def log_outputs(self) -> None:
        """Log the stage's files: numbers as metrics, pictures as artifacts."""
        client = self.runs.client
        for path in sorted(self.stage.out.rglob("*")):
            if path.name == "metrics.json":
                step = _images(self.stage.phase) if self.stage.phase else 0
                self.runs.log_metrics(self.run, numbers(json.loads(path.read_text()), step))
            elif path.name in ("meta.json", "summary.json"):
                client.log_artifact(self.run, str(path))
            elif path.suffix in (".png", ".gif"):
                folder = Path("pictures") / path.parent.relative_to(self.stage.out)
                client.log_artifact(self.run, str(path), folder.as_posix())
            elif path.name == "samples.npy":
                self._log_samples(path)

    def _log_samples(self, path: Path) -> None:
        import numpy as np

        from pgan.rendering.grid import enlarged, grid, scale

        with tempfile.TemporaryDirectory() as folder:
            picture = Path(folder) / "samples.png"
            last = np.load(path)[-1]
            grid(scale(last, enlarged(last.shape[2], 48)), 8).save(picture)
            self.runs.client.log_artifact(self.run, str(picture), "pictures")


def curves(rows: list[dict[str, float]]) -> list[Metric]:
    """Rows of losses.csv as metrics."""
    return [
        metric
        for row in rows
        for metric in numbers({key: value for key, value in row.items() if key not in POSITION}, _step(row))
    ]


def numbers(content: dict[str, Any], step: int) -> list[Metric]:
    """The finite numbers of a mapping as metrics."""
    now = int(time.time() * 1000)
    return [
        Metric(key, float(value), now, step)
        for key, value in content.items()
        if isinstance(value, int | float) and math.isfinite(value)
    ]


def flatten(content: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested parameters as dotted names."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from flatten(value, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, content


def _step(row: dict[str, float]) -> int:
    return round(row["total_kimg"] * 1000)


def _images(phase: str) -> int:
    """Images since `init` at the end of a phase."""
    return round(json.loads((TRAIN / phase / "summary.json").read_text())["total_kimg"] * 1000)


def _section(parameters: dict[str, Any], stage: Stage) -> dict[str, Any]:
    """The parameters that a stage is about."""
    if stage.name == "train":
        return {"phase": parameters["phases"][stage.phase], "training": parameters["training"]}
    if stage.name == "init":
        return {"networks": parameters["networks"], "init": parameters["init"]}
    return {stage.name: parameters[stage.name]}


def _connect(root: Path) -> tuple[MlflowClient, str]:
    """A client and the experiment's id; by default in a SQLite file in the repository's root."""
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
    if uri := os.environ.get("MLFLOW_TRACKING_URI"):
        return _open(uri, name, None)
    folder = root / ".pgan"
    folder.mkdir(exist_ok=True)
    with (folder / "mlflow.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two queued experiments would both create the database
        return _open(f"sqlite:///{root / 'mlflow.db'}", name, (root / "mlartifacts").as_uri())


def _open(uri: str, name: str, artifacts: str | None) -> tuple[MlflowClient, str]:
    client = MlflowClient(uri)
    found = client.get_experiment_by_name(name)
    return client, str(found.experiment_id if found else client.create_experiment(name, artifacts))


def _origin() -> dict[str, str]:
    """Where a run comes from, as tags: git's revision, DVC's experiment."""
    revision = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    tags = {
        "mlflow.source.name": "dvc repro",
        "mlflow.source.git.commit": revision,
        "dvc.exp": os.environ.get("DVC_EXP_NAME", ""),
    }
    return {key: value for key, value in tags.items() if value}


def _digest(path: Path) -> str:
    """Of a file's content, or of a folder's files and their names."""
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            digest.update(file.name.encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
