"""A stage whose training a launcher starts."""

import signal
import sys
from pathlib import Path

import pytest
from miniature import Pipeline
from mlruns import children, has_run
from workplace import wait_until

LAUNCHER = "PGAN_LAUNCHER"
TRAIN = ("python", "-m", "stages.train", "stabilize_8")
WRAPPER = """#!/bin/sh
trap 'kill -TERM $child' TERM
trap 'kill -INT $child' INT
"$@" &
child=$!
wait $child
wait $child
"""
"""A launcher that starts one process, hands signals on, and ends as it ends."""


@pytest.fixture
def wrapper(tmp_path: Path) -> str:
    """The wrapper as a value of the variable."""
    path = tmp_path / "a launcher"
    path.write_text(WRAPPER)
    path.chmod(0o755)
    return f"'{path}'"


def test_two_processes_train_a_stage_of_the_graph(pipeline: Pipeline) -> None:
    pipeline.change("phases.stabilize_8.kimg", 0.4)
    output = pipeline.dvc("repro", "train@stabilize_8", **{LAUNCHER: "torchrun --nproc-per-node 2"})
    assert "error" not in output.lower()
    assert children(pipeline)["train@stabilize_8"].info.status == "FINISHED"
    assert pipeline.repro("train@stabilize_8") == [], "the number of processes changes no stage"
    lines = (pipeline.path / "data/logs/stabilize_8.csv").read_text().splitlines()
    assert lines[-1].startswith("400,")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_stage_and_its_launcher_end_together(
    number: signal.Signals, code: int, pipeline: Pipeline, wrapper: str
) -> None:
    """The training is told, and keeps its snapshot; of a stage that is killed, the system tells."""
    if number == signal.SIGKILL and sys.platform != "linux":
        pytest.skip("only Linux tells")
    pipeline.change("phases.stabilize_8.kimg", 400.0)
    process = pipeline.start(*TRAIN, **{LAUNCHER: wrapper})
    wait_until(lambda: has_run(pipeline, "train@stabilize_8"))
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)  # until all who could write have ended
    assert process.returncode == code, output
    name = signal.SIGTERM.name if number == signal.SIGKILL else number.name
    assert f"stopped ({name}); the same command goes on from" in output
    assert "Traceback" not in output
    assert len(list((pipeline.path / ".pgan/snapshots").iterdir())) == 1
    wait_until(lambda: children(pipeline)["train@stabilize_8"].info.status == "KILLED")


@pytest.mark.parametrize(
    ("launcher", "code", "line"),
    [
        ("nowhere/torchrun --nproc-per-node 2", 2, "error: PGAN_LAUNCHER: nowhere/torchrun: No such file or directory"),
        ("torchrun '", 2, "error: PGAN_LAUNCHER: No closing quotation"),
        ("false", 1, ""),
        ("sh -c 'exit 2'", 2, ""),
        ("sh -c 'kill -9 $$'", 1, "error: PGAN_LAUNCHER: sh was killed (SIGKILL)"),
    ],
)
def test_a_launcher_that_fails_fails_the_stage(launcher: str, code: int, line: str, pipeline: Pipeline) -> None:
    done = pipeline.run(*TRAIN, check=False, **{LAUNCHER: launcher})
    assert (done.returncode, done.stdout.strip()) == (code, line)
