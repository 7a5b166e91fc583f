"""Runs in a tracking store of their own, over files written by hand."""

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from miniature import ROOT, miniature_parameters
from mlflow import MlflowClient
from mlflow.system_metrics.metrics.base_metrics_monitor import BaseMetricsMonitor
from zygote import PipedChild, Zygote

from pgan.networks.checkpoint import fresh, save, state
from pgan.networks.config import Networks
from stages.tracking import machine
from stages.tracking.migrate import main as migrate
from stages.tracking.runs import Runs, flatten
from stages.tracking.stage import Stage

PARAMETERS: dict[str, Any] = {
    "prepare": {"source": "digits"},
    "phases": {"one": {"kimg": 1.0}},
    "training": {"mirror": False},
}
OUT = Path("data/train/one")
STAGE = Stage("train", "one", out=OUT, live=Path("data/logs/one.csv"))
ROWS = [{"total_kimg": k / 10, "generator_loss": float(k), "img_per_s": 5.0} for k in range(1, 5)]


@pytest.fixture(scope="module")
def store(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite store with a foreign parent in it."""
    root = tmp_path_factory.mktemp("store")
    shutil.copy(empty_store / "mlflow.db", root)
    Runs(PARAMETERS | {"seed": 1}, root)
    return root / "mlflow.db"


@pytest.fixture(autouse=True)
def root(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with the store and the files of a finished phase."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "DVC_EXP_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    shutil.copy(store, tmp_path)
    OUT.mkdir(parents=True)
    write_losses(1.0)
    (OUT / "summary.json").write_text(json.dumps({"total_kimg": 0.2}))
    (OUT / "checkpoint.pt").write_bytes(b"weights")
    metrics = Path("data/evaluate/one/metrics.json")
    metrics.parent.mkdir(parents=True)
    metrics.write_text('{"frechet": 2.5}')
    return tmp_path


def write_losses(first: float) -> None:
    """Two rows, as training writes them."""
    (OUT / "losses.csv").write_text(f"total_kimg,generator_loss\n0.1,{first}\n0.2,2.0\n")


def points(runs: Runs, run: str, metric: str = "loss/generator") -> list[tuple[int, float]]:
    """(step, value) in the order in which they were logged."""
    return [(point.step, point.value) for point in runs.client.get_metric_history(run, metric)]


def test_an_interrupted_stage_goes_on_in_the_same_run_without_doubled_rows(root: Path) -> None:
    runs = Runs(PARAMETERS, root)
    child = runs.child(STAGE)
    child.log_curves(ROWS[:3])
    runs.end(child, STAGE, "KILLED")
    assert runs.client.get_run(child.run).info.status == "KILLED"
    assert runs.client.get_run(runs.parent).info.status == "KILLED"

    again = Runs(PARAMETERS, root)
    assert again.parent == runs.parent
    resumed = again.child(STAGE)
    assert resumed.run == child.run
    assert {again.client.get_run(run).info.status for run in (again.parent, resumed.run)} == {"RUNNING"}
    resumed.log_curves(ROWS[:2])  # the snapshot's
    resumed.log_curves(ROWS[2:])
    again.end(resumed, STAGE, "FINISHED")
    assert points(again, resumed.run) == [(100, 1.0), (200, 2.0), (300, 3.0), (400, 4.0)]
    assert again.client.get_run(resumed.run).info.status == "FINISHED"


def test_an_interrupted_run_of_other_code_is_replaced(root: Path) -> None:
    runs = Runs(PARAMETERS, root)
    child = runs.child(STAGE)
    child.log_curves(ROWS[:3])
    runs.end(child, STAGE, "KILLED")
    other = [row | {"generator_loss": row["generator_loss"] + 1} for row in ROWS]
    resumed = runs.child(STAGE)
    resumed.log_curves(other)
    assert resumed.run != child.run
    assert points(runs, resumed.run) == [(100, 2.0), (200, 3.0), (300, 4.0), (400, 5.0)]
    assert runs.client.get_run(child.run).info.lifecycle_stage == "deleted"


def test_a_stage_that_runs_again_replaces_its_run(root: Path) -> None:
    runs = Runs(PARAMETERS, root)
    first = runs.child(STAGE)
    runs.end(first, STAGE, "FINISHED")
    second = runs.child(STAGE)
    assert second.run != first.run
    assert runs.client.get_run(first.run).info.lifecycle_stage == "deleted"


def test_completing_twice_logs_once(root: Path) -> None:
    runs = Runs(PARAMETERS, root)
    runs.complete()
    Runs(PARAMETERS, root).complete()
    assert points(runs, runs.parent) == [(100, 1.0), (200, 2.0)]
    assert points(runs, runs.parent, "quality/frechet") == [(200, 2.5)]
    assert runs.client.get_run(runs.parent).info.status == "FINISHED"


def write_checkpoint() -> None:
    """A real one, and small."""
    networks = Networks.model_validate(miniature_parameters()["networks"])
    save(state(fresh(networks, 4, 0)), OUT / "checkpoint.pt")


def models(runs: Runs) -> list[Any]:
    """All of the experiment."""
    return list(runs.client.search_logged_models([runs.experiment]))


def test_a_model_whose_logging_was_interrupted_is_logged_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_checkpoint()
    runs = Runs(PARAMETERS, root)

    def fail(*_: Any) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_model_artifacts", fail)
        with pytest.raises(OSError, match="full"):
            runs.complete()
    assert [model.status for model in models(runs)] == ["PENDING"]
    Runs(PARAMETERS, root).complete()
    (model,) = models(runs)
    assert (model.status, model.params["latent_size"]) == ("READY", "8")
    assert [(metric.key, metric.value) for metric in model.metrics] == [("quality/frechet", 2.5)]
    assert points(runs, runs.parent, "quality/frechet") == [(200, 2.5)]


def test_models_go_with_the_run_that_is_replaced(root: Path) -> None:
    write_checkpoint()
    runs = Runs(PARAMETERS, root)
    runs.complete()
    write_losses(7.0)
    runs.complete()
    assert [model.source_run_id for model in models(runs)] == [runs.parent]


@pytest.mark.parametrize(("speed", "logged"), [(1.0, [(200, 2.5)]), (5.0, [])])
def test_a_phase_that_took_long_is_whole_when_it_is_evaluated(
    root: Path, speed: float, logged: list[tuple[int, float]]
) -> None:
    """1000 images at one a second are longer than ten minutes."""
    log = Path("data/logs/one.csv")
    log.parent.mkdir()
    log.write_text(f"kimg,total_kimg,generator_loss,img_per_s\n1.0,1.0,2.0,{speed}\n")
    stage = Stage("evaluate", "one", out=Path("data/evaluate/one"))
    runs = Runs(PARAMETERS | {"evaluate": {}}, root)
    runs.end(runs.child(stage), stage, "FINISHED")
    assert points(runs, runs.parent, "quality/frechet") == logged


def test_a_store_from_a_backup_is_completed(root: Path) -> None:
    """The file in .pgan says that everything is logged, and the store has none of it."""
    runs = Runs(PARAMETERS, root)
    with sqlite3.connect(root / "mlflow.db") as store, sqlite3.connect(root / "backup.db") as backup:
        store.backup(backup)
        runs.complete()
        backup.backup(store)
    again = Runs(PARAMETERS, root)
    assert again.parent == runs.parent
    again.complete()
    assert points(again, again.parent) == [(100, 1.0), (200, 2.0)]


def older(runs: Runs) -> None:
    """Make the parent what an older version left: other names of metrics, and a tag for each item."""
    runs.client.log_metric(runs.parent, "generator_loss", 1.0, timestamp=7, step=100)
    runs.client.log_metric(runs.parent, "frechet", 2.5, timestamp=8, step=200)
    runs.client.log_metric(runs.parent, "features.accuracy", 0.5, timestamp=9, step=0)
    runs.client.set_tag(runs.parent, "pgan.logged.train.one", "0123456789abcdef")


def test_an_older_run_is_migrated(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = Runs(PARAMETERS, root)
    older(runs)
    migrate()
    assert capsys.readouterr().out == "1 runs of older versions brought to the present form\n"
    run = runs.client.get_run(runs.parent)
    assert {"loss/generator": 1.0, "quality/frechet": 2.5, "features/accuracy": 0.5}.items() <= run.data.metrics.items()
    (point,) = runs.client.get_metric_history(runs.parent, "quality/frechet")
    assert (point.step, point.timestamp) == (200, 8)
    assert not [tag for tag in run.data.tags if tag.startswith("pgan.logged.")]
    migrate()
    assert capsys.readouterr().out == "0 runs of older versions brought to the present form\n"
    runs.complete()
    assert points(runs, runs.parent) == [(100, 1.0), (200, 2.0)]


def test_an_older_run_of_other_files_is_replaced(root: Path) -> None:
    runs = Runs(PARAMETERS, root)
    older(runs)
    old = runs.parent
    runs.complete()
    assert runs.parent != old


def test_the_machine_is_measured_and_goes_on_after_an_interruption(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.001")
    monkeypatch.setattr(machine, "GPUMonitor", Gpu)
    runs = Runs(PARAMETERS, root)
    child = runs.child(STAGE)
    for _ in range(3):
        child.log_machine()
        time.sleep(0.01)
    found = runs.client.get_run(child.run).data.metrics
    assert 0 <= found["system/cpu_utilization_percentage"] <= 100
    assert found["system/system_memory_usage_megabytes"] > 1
    assert found["system/gpu_0_utilization_percentage"] == 50
    resumed = Runs(PARAMETERS, root).child(STAGE)
    for _ in range(2):
        resumed.log_machine()
        time.sleep(0.01)
    assert [step for step, _ in points(runs, child.run, "system/cpu_utilization_percentage")] == [0, 1, 2]


def test_the_machine_is_not_measured_where_mlflow_is_told_not_to(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "false")
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.001")
    runs = Runs(PARAMETERS, root)
    child = runs.child(STAGE)
    for _ in range(3):
        child.log_machine()
        time.sleep(0.01)
    assert runs.client.get_run(child.run).data.metrics == {}


class Gpu(BaseMetricsMonitor):
    """A GPU that is half busy."""

    def collect_metrics(self) -> None:
        self._metrics["gpu_0_utilization_percentage"].append(50)

    def aggregate_metrics(self) -> dict[str, float]:
        return {name: values[-1] for name, values in self._metrics.items()}


def test_other_files_of_the_same_parameters_make_the_parent_anew(root: Path) -> None:
    runs = Runs(PARAMETERS, root)
    child = runs.child(STAGE)
    runs.end(child, STAGE, "FINISHED")
    runs.complete()
    old = runs.parent
    write_losses(7.0)
    runs.complete()
    assert runs.parent != old
    assert points(runs, runs.parent) == [(100, 7.0), (200, 2.0)]
    assert runs.client.get_run(old).info.lifecycle_stage == "deleted"
    assert runs.client.get_run(child.run).data.tags["mlflow.parentRunId"] == runs.parent


def test_other_parameters_are_another_parent(root: Path) -> None:
    other = PARAMETERS | {"training": {"mirror": True}}
    first, second = Runs(PARAMETERS, root), Runs(other, root)
    assert first.parent != second.parent
    assert second.client.get_run(second.parent).data.params["training.mirror"] == "True"


def test_more_parameters_and_rows_than_one_request_takes(root: Path) -> None:
    many = PARAMETERS | {"training": {f"p{i}": i for i in range(250)}}
    runs = Runs(many, root)
    assert len(runs.client.get_run(runs.parent).data.params) == 252
    child = runs.child(STAGE)
    child.log_curves([{"total_kimg": k / 1000, "generator_loss": 1.0, "drift": 2.0} for k in range(1, 1001)])
    assert len(points(runs, child.run)) == 1000


def test_numbers_that_are_none_are_left_out(root: Path) -> None:
    runs = Runs(PARAMETERS, root)
    child = runs.child(STAGE)
    child.log_curves([{"total_kimg": 0.1, "generator_loss": 1.0, "img_per_s": float("nan")}])
    assert set(runs.client.get_run(child.run).data.metrics) == {"loss/generator"}


MAKE = """
import sys
from pathlib import Path
from stages.tracking.runs import Runs
Runs({"prepare": {"source": sys.argv[1]}, "phases": {}}, Path.cwd())
"""


@pytest.fixture
def make(tmp_path: Path, zygote: Zygote) -> Callable[[str], PipedChild]:
    """Starts a process that makes a store in the folder `new`, and in it a parent of images from a source."""
    (tmp_path / "new").mkdir()
    (tmp_path / "new/make.py").write_text(MAKE)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return lambda source: zygote.start_module(tmp_path / "new", environment, "make", source)


def test_two_experiments_may_make_the_store_at_once(make: Callable[[str], PipedChild], tmp_path: Path) -> None:
    both = [make(name) for name in ("digits", "photos")]
    output = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], output
    connection = sqlite3.connect(tmp_path / "new/mlflow.db")
    assert connection.execute("select count(*) from runs").fetchone() == (2,)


def test_a_store_is_made_in_one_piece(make: Callable[[str], PipedChild], tmp_path: Path) -> None:
    """MLflow killed between two of its tables never opens that file again."""
    making, new = make("digits"), tmp_path / "new"
    part = new / "mlflow.db.part"
    while not part.exists() or part.stat().st_size < 200_000:
        assert making.poll() is None
        time.sleep(0.001)
    making.kill()
    making.wait()
    assert not (new / "mlflow.db").exists()
    output, _ = (again := make("digits")).communicate()
    assert again.returncode == 0, output
    assert [path.name for path in new.glob("mlflow.db*")] == ["mlflow.db"]


def test_what_a_failure_left_out_is_logged_when_it_comes_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs(PARAMETERS, root)
    child = runs.child(STAGE)
    rows = [{"total_kimg": k / 1000, "generator_loss": 1.0, "drift": 2.0} for k in range(1, 1001)]

    log_batch = MlflowClient.log_batch

    def fail(client: MlflowClient, run: str, **content: Any) -> None:
        log_batch(client, run, **content)
        raise OSError("the answer was lost")

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_batch", fail)
        with pytest.raises(OSError, match="lost"):
            child.log_curves(rows)
    again = Runs(PARAMETERS, root)
    again.child(STAGE).log_curves(rows)
    for metric in ("loss/generator", "loss/drift"):
        assert points(runs, child.run, metric) == [(k, float(metric == "loss/drift") + 1) for k in range(1, 1001)]


def test_completing_ends_the_runs_whose_end_mlflow_missed(root: Path) -> None:
    runs = Runs(PARAMETERS, root)
    child = runs.child(STAGE)
    child.log_curves([{"total_kimg": 0.1, "generator_loss": 1.0, "img_per_s": 5.0}])
    Runs(PARAMETERS, root).complete()
    assert points(runs, child.run) == [(100, 1.0), (200, 2.0)]
    assert runs.client.get_run(child.run).info.status == "FINISHED"


def test_a_copy_of_the_repository_has_runs_of_its_own(root: Path) -> None:
    first = Runs(PARAMETERS, root)
    shutil.copytree(root, root / "copy")
    second = Runs(PARAMETERS, root / "copy")
    assert first.identity == second.identity
    assert second.parent != first.parent
    assert Runs(PARAMETERS, root).parent == first.parent


def test_a_relative_store_lies_in_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC may run a stage in a folder that it deletes afterwards, and what lies there with it."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    (tmp_path / "apart").mkdir()
    monkeypatch.chdir(tmp_path / "apart")
    runs = Runs(PARAMETERS, tmp_path / "new")
    assert (tmp_path / "new/mlflow.db").is_file()
    assert runs.client.get_run(runs.parent).info.artifact_uri.startswith((tmp_path / "new/mlartifacts").as_uri())
    assert list((tmp_path / "apart").iterdir()) == []


def test_a_run_does_not_end_before_it_began(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs(PARAMETERS, root)
    child = runs.child(STAGE)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 7200)
    runs.end(child, STAGE, "FINISHED")
    info = runs.client.get_run(child.run).info
    assert info.end_time >= info.start_time


def test_the_experiment_of_dvc_names_the_parent(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "bold-idea")
    runs = Runs(PARAMETERS, root)
    run = runs.client.get_run(runs.parent)
    assert (run.info.run_name, run.data.tags["dvc.exp"]) == ("bold-idea", "bold-idea")


def test_flatten_names_nested_parameters_with_dots() -> None:
    content = {"seed": 0, "a": {"b": {"c": [1, 2]}, "d": None}}
    assert dict(flatten(content)) == {"seed": 0, "a.b.c": [1, 2], "a.d": None}
