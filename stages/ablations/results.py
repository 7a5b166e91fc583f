"""The results of finished experiments: metrics from DVC, times and run ids from MLflow."""

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pgan.errors import RunError
from stages.ablations.rows import Cell, Parameters
from stages.tracking.names import OLDER_SPEED, SPEED
from stages.tracking.stage import identity, root
from stages.tracking.tracker import settle


@dataclass(frozen=True)
class Result:
    """One run of one row."""

    row: str
    seed: int
    experiment: str
    """DVC's name."""
    commit: str
    """The commit in which DVC keeps it."""
    metrics: dict[str, float]
    """Of the last phase."""
    run: str | None
    """MLflow's id of its parent run; None where MLflow does not have it."""
    seconds: float | None
    """Of training.  Phases that came from DVC's cache count where MLflow knows their time from another run."""
    timed: int
    """How many phases have a known time."""


@dataclass(frozen=True)
class Done:
    """A finished experiment, and what MLflow knows about it."""

    cell: Cell
    name: str
    commit: str
    run: str | None
    """MLflow's id of its parent run."""
    times: dict[str, float]
    """Training time in seconds of the phases that were trained in this run, by what determines a phase."""


def read_results(done: dict[str, tuple[Cell, str]]) -> list[Result]:
    """The results of finished experiments: name → (cell, commit)."""
    settle()
    found = [Done(cell, name, commit, *_tracked(cell.parameters)) for name, (cell, commit) in done.items()]
    times = {key: seconds for each in found for key, seconds in each.times.items()}
    return [_result(each, times) for each in found]


def _result(done: Done, times: dict[str, float]) -> Result:
    parameters = done.cell.parameters
    known = [times[key] for phase in parameters["phases"] if (key := _origin(parameters, phase)) in times]
    numbers = _metrics(done.commit, parameters)
    seconds = sum(known) if known else None
    return Result(done.cell.row, done.cell.seed, done.name, done.commit, numbers, done.run, seconds, len(known))


def _origin(parameters: Parameters, phase: str) -> str:
    """Everything that determines a phase's training. Rows with the same text share the phase."""
    lineage, name = [], phase
    while name != "init":
        lineage.append(parameters["phases"][name])
        name = lineage[-1]["from"]
    shared = [parameters[key] for key in ("seed", "prepare", "networks", "init", "training")]
    return json.dumps([shared, lineage])


def _metrics(commit: str, parameters: Parameters) -> dict[str, float]:
    """The metrics of an experiment's last phase. Raises RunError if DVC's cache has lost them."""
    import dvc.api
    from dvc.exceptions import DvcException

    path = f"data/evaluate/{list(parameters['phases'])[-1]}/metrics.json"
    try:
        found = json.loads(dvc.api.read(path, rev=commit))
    except (DvcException, OSError) as error:
        advice = "get it with `dvc pull`, or remove the experiment with `dvc exp remove`"
        raise RunError(f"{path} of {commit[:10]}: not in DVC's cache ({error}); {advice}") from None
    return {key: float(value) for key, value in found.items() if isinstance(value, int | float)}


def _tracked(parameters: Parameters) -> tuple[str | None, dict[str, float]]:
    """MLflow's parent run of these parameters in this repository, and the times of the phases trained in it.

    Nothing if MLflow has none or fails: the table does not depend on it.
    """
    try:
        client, runs = _runs(parameters)
        parent = next((run.info.run_id for run in runs if run.data.tags["pgan.stage"] == "experiment"), None)
        times = {}
        for phase, settings in parameters["phases"].items():
            run = next((run for run in runs if run.data.tags["pgan.stage"] == f"train@{phase}"), None)
            if points := _speeds(client, run):
                speeds = {point.step: point.value for point in points}
                times[_origin(parameters, phase)] = training_seconds(speeds, settings["kimg"] * 1000)
        return parent, times
    except Exception:  # MLflow may fail in any way
        return None, {}


def _speeds(client: Any, run: Any) -> list[Any]:
    """The points of a phase's speed, also of a run that an older version logged."""
    names = (SPEED, OLDER_SPEED) if run is not None else ()
    found = (list(client.get_metric_history(run.info.run_id, name)) for name in names)
    return next((points for points in found if points), [])


def training_seconds(speeds: dict[int, float], images: float) -> float:
    """The time that a phase trained, without interruptions.

    Args:
        speeds: images per second since the previous point, by the number of images since `init`.
        images: shown in the phase.
    """
    steps = sorted(speeds)
    lengths = [steps[0] - (steps[-1] - images), *(b - a for a, b in pairwise(steps))]
    return sum(length / speeds[step] for length, step in zip(lengths, steps, strict=True))


def _runs(parameters: Parameters) -> tuple[Any, list[Any]]:
    """MLflow's client, and all runs of these parameters."""
    from stages.tracking.store import connect, repository

    client, experiment = connect(root())
    own = {"pgan.parameters": identity(parameters), "pgan.repository": repository(root())}
    query = " and ".join(f"tags.`{key}` = '{value}'" for key, value in own.items())
    return client, list(client.search_runs([experiment], query, max_results=1000))
