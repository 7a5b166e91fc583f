"""The runs in MLflow: one parent run per repository and resolved params.yaml, with a nested child run per stage.

A metric's step is the number of real images shown to the critic since `init`: 1000 steps are one kimg.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run

from pgan.errors import redacted
from pgan.untrusted.inputs import read_json
from stages.tracking import dataset
from stages.tracking.contents import Contents, Item
from stages.tracking.folders import FOLDERS, images
from stages.tracking.ledger import Ledger
from stages.tracking.live import read_rows
from stages.tracking.machine import Machine
from stages.tracking.models import Models
from stages.tracking.names import of_data, of_evaluation
from stages.tracking.pictures import Pictures, live, recorded
from stages.tracking.points import Clash, Points, curves, numbers
from stages.tracking.stage import Stage, identity
from stages.tracking.store import alone, connect, repository

NOTE = "mlflow.note.content"
"""The tag that MLflow's pages show as the run's description, as Markdown."""
CONTEXTS = {"train": "training", "features": "evaluation", "evaluate": "evaluation"}
"""What a stage uses the images for."""


class Runs:
    """The parent and child runs of one experiment in the tracking store."""

    def __init__(self, parameters: dict[str, Any], root: Path) -> None:
        self.parameters, self.identity, self.root = parameters, identity(parameters), root
        with alone(root):  # otherwise two trackers would both create the store, the experiment or the parent
            self.client, self.experiment = connect(root)
            self.repository = repository(root)
            self.parent = self._parent(self._find("experiment"))

    # --- children

    def child(self, stage: Stage) -> "Child":
        """A run for the stage: an unfinished one of the same parameters is resumed, a finished one is replaced."""
        self._resume_parent()
        found = self._find(stage.address)
        if found and found.info.status != "FINISHED":
            self.client.update_run(found.info.run_id, status="RUNNING")
            self._log_params(found, _section(self.parameters, stage))
            return Child(self, stage, found.info.run_id)
        if found:
            self.client.delete_run(found.info.run_id)
        return Child(self, stage, self.create_child(stage))

    def create_child(self, stage: Stage) -> str:
        """A new run for the stage, under the parent."""
        run = self._create(stage.address, stage.address, {"mlflow.parentRunId": self.parent})
        self._log_params(run, _section(self.parameters, stage))
        context, found = CONTEXTS.get(stage.name), dataset.describe(self.parameters)
        if context and found:
            found.log(self.client, run.info.run_id, context)
        return str(run.info.run_id)

    def end(self, child: "Child", stage: Stage, status: str) -> None:
        """Log the stage's outputs, update the parent, and then end the run, as only an open run is tried again."""
        if status != "FINISHED":
            self._terminate(child.run, status)
            self._terminate(self.parent, status)
            return
        child.log_outputs()
        if stage.name == "render":
            self.complete()
        elif stage.phase:
            self._update(lambda contents: contents.after(stage.name, stage.phase or ""))
        self._terminate(child.run, status)

    # --- the parent

    def complete(self) -> None:
        """Log everything in the files that MLflow lacks, and end the runs that are still open.

        Call this when every stage is up to date.  If a child is open then, MLflow missed the end of its stage.
        """
        from stages.tracking.description import describe  # here, because other trackers do not need what it imports

        for run in self._children():
            if run.info.status != "FINISHED":
                self._finish(run)
        self._update(Contents.items)
        self._ledger().forget_older()
        for key, value in _origin().items():
            self.client.set_tag(self.parent, key, value)
        self.client.set_tag(self.parent, NOTE, describe(self.parameters, self.parent, _revision()))
        self._terminate(self.parent, "FINISHED")

    def _finish(self, run: Run) -> None:
        name, _, phase = run.data.tags["pgan.stage"].partition("@")
        child = Child(self, Stage(name, phase or None, FOLDERS[name] / phase), run.info.run_id)
        child.log_outputs()
        self._terminate(child.run, "FINISHED")

    def _update(self, choose: "Callable[[Contents], list[Item]]") -> None:
        """Log the items that the parent lacks.

        The same parameters with other code or data give other files.  MLflow cannot delete a metric.  So a new parent
        then replaces the old one.
        """
        try:
            self._log_missing(choose(self._contents()))
        except Clash:
            self._replace_parent()
            self._log_missing(choose(self._contents()))

    def _contents(self) -> Contents:
        return Contents(self.client, self.experiment, self.parent, self.parameters)

    def _ledger(self) -> Ledger:
        return Ledger(self.root, self.client, self.parent)

    def _log_missing(self, items: list[Item]) -> None:
        """Log the items that the parent lacks. Raises Clash if it has others in their place."""
        ledger = self._ledger()
        digests = {item.name: item.digest() for item in items if item.exists()}
        if ledger.contradicts(digests):
            raise Clash
        missing = [item for item in items if item.name in digests and ledger.lacks(item.name)]
        if missing:
            points = Points(self.client, self.parent)
        for item in missing:
            item.log(points)
            ledger.add(item.name, digests[item.name])

    def _parent(self, found: Run | None) -> str:
        """The run of the whole experiment, created if it was not found."""
        name = os.environ.get("DVC_EXP_NAME") or f"{self.parameters['prepare']['source']}-{self.identity[:6]}"
        run = found or self._create(name, "experiment", {})
        self._log_params(run, self.parameters)
        return str(run.info.run_id)

    def _resume_parent(self) -> None:
        if self.client.get_run(self.parent).info.status in ("FAILED", "KILLED"):
            self.client.update_run(self.parent, status="RUNNING")

    def _replace_parent(self) -> None:
        """Create a new parent and give it the children."""
        old, children = self.parent, self._children()
        self.parent = self._parent(None)
        for child in children:
            self.client.set_tag(child.info.run_id, "mlflow.parentRunId", self.parent)
        Models(self.client, self.experiment, old).delete()
        self.client.delete_run(old)

    def _children(self) -> list[Run]:
        return list(self.client.search_runs([self.experiment], f"tags.`mlflow.parentRunId` = '{self.parent}'"))

    # --- MLflow

    def _log_params(self, run: Run, content: dict[str, Any]) -> None:
        """Log the parameters that the run lacks: a new run lacks all, and after a failure a run may lack some."""
        params = [Param(key, redacted(str(value))) for key, value in flatten(content) if key not in run.data.params]
        for i in range(0, len(params), 100):
            self.client.log_batch(run.info.run_id, params=params[i : i + 100])

    def _create(self, name: str, stage: str, tags: dict[str, str]) -> Run:
        own = {"pgan.stage": stage, "pgan.parameters": self.identity, "pgan.repository": self.repository}
        return self.client.create_run(self.experiment, tags=own | _origin() | tags, run_name=name)

    def _find(self, stage: str) -> Run | None:
        return find(self.client, self.experiment, self.identity, self.repository, stage)

    def _terminate(self, run: str, status: str) -> None:
        """End a run, but not before its start: the clock may have been set back."""
        began = self.client.get_run(run).info.start_time
        self.client.set_terminated(run, status, max(began, int(time.time() * 1000)))


def find(client: MlflowClient, experiment: str, identity: str, repository: str, stage: str) -> Run | None:
    """The newest run of these parameters in this repository: of a stage, or of the whole `experiment`."""
    wanted = {"pgan.parameters": identity, "pgan.repository": repository, "pgan.stage": stage}
    query = " and ".join(f"tags.`{key}` = '{value}'" for key, value in wanted.items())
    found = client.search_runs([experiment], query, max_results=1)
    return found[0] if found else None


class Child:
    """The run of one stage."""

    def __init__(self, runs: Runs, stage: Stage, run: str) -> None:
        self.runs, self.stage = runs, stage
        self._seen: list[Metric] = []
        self._log_to(run)

    def _log_to(self, run: str) -> None:
        client = self.runs.client
        self.run, self._points, self._pictures = run, Points(client, run), Pictures(client, run)
        self._machine = Machine(client, run)

    def log_curves(self, rows: list[dict[str, float]]) -> None:
        """Log rows of losses. Rows that were logged before an interruption are repeated, and skipped."""
        self._log(curves(rows))

    def log_outputs(self) -> None:
        """Log the stage's files: numbers as metrics, pictures as artifacts."""
        files = sorted(self.stage.out.rglob("*"))
        for path in files:
            if path.name == "metrics.json":
                self._log(_measured(self.stage, read_json(path)))
            elif path.name == "losses.csv" and self.stage.name == "train":
                self.log_curves(list(read_rows(path)))
        for path in files:  # after the metrics, which may replace the run
            self._log_artifact(path)
        if self.stage.name == "train" and (self.stage.out / "samples.npy").is_file():
            self._pictures.add_grids(recorded(self.stage.out))

    def log_live_pictures(self) -> None:
        """Log the grids of samples that the stage has drawn so far."""
        if self.stage.pictures is not None:
            self._pictures.add_grids(live(self.stage.pictures))

    def log_machine(self) -> None:
        """Log how busy the machine is, if it is time."""
        self._machine.log()

    def _log(self, metrics: list[Metric]) -> None:
        self._seen += metrics
        try:
            self._points.add(metrics)
        except Clash:  # an interrupted run of other code or data
            self.runs.client.delete_run(self.run)
            self._log_to(self.runs.create_child(self.stage))
            self._points.add(self._seen)

    def _log_artifact(self, path: Path) -> None:
        if path.name in ("meta.json", "summary.json"):
            self.runs.client.log_artifact(self.run, str(path))
        elif path.suffix in (".png", ".gif", ".html"):
            folder = Path("pictures") / path.parent.relative_to(self.stage.out)
            self.runs.client.log_artifact(self.run, str(path), folder.as_posix())


def flatten(content: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested parameters as dotted names."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from flatten(value, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, content


def _measured(stage: Stage, content: dict[str, Any]) -> list[Metric]:
    """What a metrics.json says, of a phase or of the data."""
    if stage.phase:
        return numbers(content, images(stage.phase), of_evaluation)
    return numbers(content, 0, lambda key: of_data(stage.name, key))


def _section(parameters: dict[str, Any], stage: Stage) -> dict[str, Any]:
    """The parameters that a child run shows."""
    if stage.name == "train":
        return {"phase": parameters["phases"][stage.phase], "training": parameters["training"]}
    if stage.name == "init":
        return {"networks": parameters["networks"], "init": parameters["init"]}
    return {stage.name: parameters[stage.name]}


def _origin() -> dict[str, str]:
    """Where a run comes from, as tags: git's revision, DVC's experiment."""
    tags = {
        "mlflow.source.name": "dvc repro",
        "mlflow.source.git.commit": _revision(),
        "dvc.exp": os.environ.get("DVC_EXP_NAME", ""),
    }
    return {key: value for key, value in tags.items() if value}


def _revision() -> str:
    """The commit of git; empty if git is not installed, as DVC works without it."""
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, encoding="ascii", check=False)
    except OSError:
        return ""
    return done.stdout.strip()
