"""The tracker beside a stage: live, out of the way, and right about how the stage ended."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from miniature import ROOT, Pipeline
from mlruns import children, has_run, history, parents, runs
from workplace import wait_until
from zygote import Zygote

from stages.tracking.stage import Stage
from stages.tracking.tracker import Tracker

SECONDS = 120
"""Longest wait for what should come at once: the machine may be busy."""
INIT = ("python", "-m", "stages.init")
TRAIN = ("python", "-m", "stages.train", "stabilize_8")

SLEEP = """
import time
from stages.runner import run
from stages.tracking.stage import Stage

def work():
    print("on", flush=True)
    time.sleep(300)

run(Stage("init"), work)
"""


def test_a_stage_is_logged_while_it_works(
    empty_store: Path, zygote: Zygote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(empty_store / "mlflow.db", tmp_path)
    monkeypatch.setattr(sys, "executable", str(zygote.folder / "python"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    live = Path("data/logs/one.csv")
    live.parent.mkdir(parents=True)
    live.write_text("an earlier run's")
    parameters: dict[str, Any] = {"prepare": {"source": "digits"}, "phases": {"one": {}}, "training": {}}
    here = Pipeline(tmp_path, dict(os.environ))
    with Tracker(Stage("train", "one", out=Path("data/train/one"), live=live), parameters, tmp_path):
        live.write_text("total_kimg,generator_loss\n0.1,5\n0.2,6\n0.3,7")  # the last line is still being written
        wait_until(lambda: has_run(here, "train@one"))
        child = children(here)["train@one"]
        wait_until(lambda: bool(history(here, child, "loss/generator")))
        assert history(here, child, "loss/generator") == [(100, 5.0), (200, 6.0)]
        assert children(here)["train@one"].info.status == "RUNNING"
    assert children(here)["train@one"].info.status == "FINISHED"


@pytest.mark.parametrize("trouble", ["no server", "silent server", "broken database"])
def test_a_stage_succeeds_without_mlflow(pipeline: Pipeline, trouble: str) -> None:
    environment = {}
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        if trouble == "no server":
            environment["MLFLOW_TRACKING_URI"] = "http://127.0.0.1:9"
        elif trouble == "silent server":
            environment["MLFLOW_TRACKING_URI"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
            environment["MLFLOW_HTTP_REQUEST_TIMEOUT"] = "2"
        else:
            (pipeline.path / "mlflow.db").write_text("no database" * 1000)
        began = time.monotonic()
        output = pipeline.run(*INIT, **environment).stdout
    assert time.monotonic() - began < SECONDS
    lines = output.strip().splitlines()
    assert len(lines) == 1, output
    assert lines[0].startswith("warning: init: MLflow tracking failed")
    assert "python -m stages.tracking.report" in lines[0]


def test_what_mlflow_missed_is_completed_later(pipeline: Pipeline) -> None:
    pipeline.change("render.hold_ms", 1000)
    assert pipeline.repro(MLFLOW_TRACKING_URI="http://127.0.0.1:9") == ["render"]
    assert runs(pipeline) == []
    pipeline.run("python", "-m", "stages.tracking.report")
    (parent,) = parents(pipeline)
    assert parent.info.status == "FINISHED"
    assert parent.data.params["render.hold_ms"] == "1000"
    assert len(history(pipeline, parent, "quality/frechet")) == 3
    assert history(pipeline, parent, "loss/generator")[-1][0] == 240


def test_a_stage_that_fails_is_marked(pipeline: Pipeline) -> None:
    pipeline.change("training.divergence_limit", 1e-9)
    done = pipeline.run(*TRAIN, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout
    wait_until(lambda: [run.info.status for run in parents(pipeline)] == ["FAILED"])
    assert children(pipeline)["train@stabilize_8"].info.status == "FAILED"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_stage_that_is_killed_is_marked_and_goes_on(pipeline: Pipeline, number: signal.Signals) -> None:
    pipeline.change("phases.stabilize_8.kimg", 4.0)
    process = pipeline.start(*TRAIN)
    wait_until(lambda: has_run(pipeline, "train@stabilize_8"))
    process.send_signal(number)
    output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == (143 if number == signal.SIGTERM else -signal.SIGKILL), output
    wait_until(lambda: [run.info.status for run in parents(pipeline)] == ["KILLED"])
    first = children(pipeline)["train@stabilize_8"]
    assert first.info.status == "KILLED"
    if number == signal.SIGKILL:
        return
    pipeline.run(*TRAIN)
    again = children(pipeline)["train@stabilize_8"]
    assert (again.info.run_id, again.info.status) == (first.info.run_id, "FINISHED")
    steps = [step for step, _ in history(pipeline, again, "loss/generator")]
    assert (
        len(steps)
        == len(set(steps))
        == len((pipeline.path / "data/train/stabilize_8/losses.csv").open().readlines()) - 1
    )


def test_a_stage_that_is_terminated_before_its_work_ends_like_one_interrupted(pipeline: Pipeline) -> None:
    (pipeline.path / "sleep.py").write_text(SLEEP)
    process = pipeline.start("python", "-m", "sleep")
    assert process.stdout is not None
    assert process.stdout.readline() == "on\n"
    process.terminate()
    output, _ = process.communicate(timeout=SECONDS)
    assert (process.returncode, output) == (143, "")
    wait_until(lambda: [run.info.status for run in runs(pipeline)] == ["KILLED"] * 2)


def test_a_tracker_loads_no_torch() -> None:
    """It would take seconds of the processors that train, in each stage."""
    code = "import stages.tracking.runs, sys; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
