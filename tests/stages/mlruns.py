"""What the tests read from a miniature's MLflow database."""

import sqlite3
import urllib.request
from typing import Any

from miniature import Pipeline


def client(pipeline: Pipeline) -> Any:
    """Of the repository's own SQLite file."""
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{pipeline.path / 'mlflow.db'}")


def has_run(pipeline: Pipeline, address: str) -> bool:
    """Whether a stage has its run yet. MLflow's own client would make the database's tables where there are none."""
    query = "select count(*) from tags where key = 'pgan.stage' and value = ?"
    try:
        connection = sqlite3.connect(f"file:{pipeline.path / 'mlflow.db'}?mode=ro", uri=True)
        return bool(connection.execute(query, [address]).fetchone()[0])
    except sqlite3.OperationalError:
        return False


def runs(pipeline: Pipeline) -> list[Any]:
    """All runs of the experiment."""
    mlflow = client(pipeline)
    experiment = mlflow.get_experiment_by_name("pgan")
    return list(mlflow.search_runs([experiment.experiment_id])) if experiment else []


def parents(pipeline: Pipeline) -> list[Any]:
    """The runs that stand for a params.yaml as a whole."""
    return [run for run in runs(pipeline) if "mlflow.parentRunId" not in run.data.tags]


def children(pipeline: Pipeline) -> dict[str, Any]:
    """The stages' runs, by address."""
    return {run.data.tags["pgan.stage"]: run for run in runs(pipeline) if "mlflow.parentRunId" in run.data.tags}


def history(pipeline: Pipeline, run: Any, metric: str) -> list[tuple[int, float]]:
    """(step, value), ascending."""
    return sorted((point.step, point.value) for point in client(pipeline).get_metric_history(run.info.run_id, metric))


def artifacts(pipeline: Pipeline, run: Any, folder: str = "") -> set[str]:
    """Paths of all artifacts of a run."""
    found: set[str] = set()
    for file in client(pipeline).list_artifacts(run.info.run_id, folder):
        found |= artifacts(pipeline, run, file.path) if file.is_dir else {file.path}
    return found


def answers(address: str) -> bool:
    """Whether a server is there."""
    try:
        with urllib.request.urlopen(address, timeout=5):
            return True
    except OSError:
        return False
