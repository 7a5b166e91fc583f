"""What finished experiments came to: metrics from DVC, times and run ids from MLflow."""

import json
from dataclasses import dataclass
from typing import Any

from pgan.errors import RunError
from stages.ablations.rows import Cell, Parameters
from stages.runner import root
from stages.tracking import identity, settle


@dataclass(frozen=True)
class Result:
    """One run of one row."""

    row: str
    seed: int
    experiment: str
    """DVC's name."""
    commit: str
    """That DVC keeps it in."""
    metrics: dict[str, float]
    """Of the last phase."""
    run: str | None
    """MLflow's id of its parent run; None where MLflow does not have it."""
    seconds: float | None
    """That its stages ran, as MLflow measured it, without those that came from DVC's cache."""
    trained: int
    """Phases among these stages."""


def read_result(cell: Cell, name: str, commit: str) -> Result:
    """Of an experiment that is done."""
    run, seconds, trained = _tracked(cell.parameters)
    return Result(cell.row, cell.seed, name, commit, _metrics(commit, cell.parameters), run, seconds, trained)


def _metrics(commit: str, parameters: Parameters) -> dict[str, float]:
    """The numbers of an experiment's last phase. Raises RunError where DVC's cache has lost them."""
    import dvc.api
    from dvc.exceptions import DvcException

    path = f"data/evaluate/{list(parameters['phases'])[-1]}/metrics.json"
    try:
        found = json.loads(dvc.api.read(path, rev=commit))
    except (DvcException, OSError) as error:
        raise RunError(f"{path} of {commit[:10]}: not in DVC's cache: {error}") from None
    return {key: float(value) for key, value in found.items() if isinstance(value, int | float)}


def _tracked(parameters: Parameters) -> tuple[str | None, float | None, int]:
    """The parent run of these parameters in this repository, the seconds of its stages, and the phases among them.

    Nothing where MLflow has none, or cannot be asked: the table does not depend on it.
    """
    settle()
    try:
        runs = _runs(parameters)
    except Exception:  # MLflow may fail in any way
        return None, None, 0
    parent = next((run.info.run_id for run in runs if run.data.tags["pgan.stage"] == "experiment"), None)
    stages = [run for run in runs if run.info.status == "FINISHED" and "mlflow.parentRunId" in run.data.tags]
    seconds = sum(run.info.end_time - run.info.start_time for run in stages) / 1000 if stages else None
    return parent, seconds, sum(run.data.tags["pgan.stage"].startswith("train@") for run in stages)


def _runs(parameters: Parameters) -> list[Any]:
    from stages.store import connect, repository

    client, experiment = connect(root())
    own = {"pgan.parameters": identity(parameters), "pgan.repository": repository(root())}
    query = " and ".join(f"tags.`{key}` = '{value}'" for key, value in own.items())
    return list(client.search_runs([experiment], query, max_results=1000))
