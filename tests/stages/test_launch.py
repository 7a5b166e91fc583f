"""A stage whose training a launcher starts."""

import os
import signal
import sys
from pathlib import Path

import pytest
from miniature import Pipeline
from mlruns import children, has_run
from workplace import wait_until

from pgan.errors import InputError, RunError
from pgan.training.command import train
from stages.launch import launch

LAUNCHER = "PGAN_LAUNCHER"
TRAIN = ("python", "-m", "stages.train", "stabilize_8")
WRAPPER = f"""#!{sys.executable}
import signal, subprocess, sys
child = subprocess.Popen(sys.argv[1:])
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, _: child.send_signal(number))
sys.exit(child.wait())
"""
"""A launcher that starts one process, hands signals on, and ends as it ends."""


@pytest.fixture
def wrapper(tmp_path: Path) -> str:
    """The wrapper as a value of the variable."""
    path = tmp_path / "a launcher"
    path.write_text(WRAPPER)
    path.chmod(0o755)
    return f"'{path}'"


@pytest.mark.slow
def test_two_processes_train_a_stage_of_the_graph(pipeline: Pipeline) -> None:
    pipeline.change("phases.stabilize_8.kimg", 0.4)
    output = pipeline.dvc("repro", "train@stabilize_8", **{LAUNCHER: "torchrun --nproc-per-node 2"})
    assert "error" not in output.lower()
    assert children(pipeline)["train@stabilize_8"].info.status == "FINISHED"
    assert pipeline.repro("train@stabilize_8") == [], "the number of processes changes no stage"
    lines = (pipeline.path / "data/logs/stabilize_8.csv").read_text().splitlines()
    assert lines[-1].startswith("400,")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_stage_and_its_launcher_end_together(
    number: signal.Signals, code: int, pipeline: Pipeline, wrapper: str
) -> None:
    """The training is told, and keeps its snapshot; of a stage that is killed, the system tells."""
    if number == signal.SIGKILL and sys.platform != "linux":
        pytest.skip("only Linux tells")
    pipeline.change("phases.stabilize_8.kimg", 400.0)
    pipeline.change("training.compile", "never")  # so long a phase would be; a signal then gives up without a snapshot
    log = pipeline.path / "data/logs/stabilize_8.csv"
    log.unlink()  # of the phase as it was
    process = pipeline.start(*TRAIN, **{LAUNCHER: wrapper})
    wait_until(lambda: log.exists() and len(log.read_text().splitlines()) > 1)  # it trains: there is something to keep
    wait_until(lambda: has_run(pipeline, "train@stabilize_8"))
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)  # until all who could write have ended
    assert process.returncode == code, output
    name = signal.SIGTERM.name if number == signal.SIGKILL else number.name
    assert f"stopped ({name}); the same command continues from" in output
    assert "Traceback" not in output
    assert len(list((pipeline.path / ".pgan/snapshots").iterdir())) == 1
    wait_until(lambda: children(pipeline)["train@stabilize_8"].info.status == "KILLED")


@pytest.mark.parametrize(
    ("launcher", "message"),
    [
        ("nowhere/torchrun --nproc-per-node 2", "PGAN_LAUNCHER: nowhere/torchrun: No such file or directory"),
        ("torchrun '", "PGAN_LAUNCHER: No closing quotation"),
    ],
)
def test_a_launcher_that_is_none_is_bad_input(launcher: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LAUNCHER, launcher)
    with pytest.raises(InputError, match=message):
        launch(train, "p")


@pytest.mark.parametrize(("launcher", "code"), [("false", 1), ("sh -c 'exit 2'", 2), ("sh -c 'exit 77'", 1)])
def test_a_stage_ends_as_its_launcher(launcher: str, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LAUNCHER, launcher)
    with pytest.raises(SystemExit) as stop:
        launch(train, "p")
    assert stop.value.code == code


def test_a_launcher_that_is_killed_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LAUNCHER, "sh -c 'kill -9 $$'")
    with pytest.raises(RunError, match=r"PGAN_LAUNCHER: sh was killed \(SIGKILL\)"):
        launch(train, "p")


@pytest.mark.parametrize(
    ("launcher", "options"),
    [
        ("srun --ntasks 4", ["--ntasks", "4"]),
        ("{folder}/torchrun --nproc-per-node 4", ["--nproc-per-node", "4", "--no-python", "--"]),
        ("torchrun --no-python --nproc-per-node 4", ["--nproc-per-node", "4", "--no-python", "--"]),
    ],
)
def test_what_is_started(launcher: str, options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs of these names write down how they were called."""
    for name in ("srun", "torchrun"):
        (tmp_path / name).write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{tmp_path}/called"\n')
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv(LAUNCHER, launcher.format(folder=tmp_path))
    launch(train, "grow_8", out=Path("a folder"), snapshots=Path("s"))
    command = [sys.executable, "-m", "pgan", "train", "grow_8", "--out", "a folder", "--snapshots", "s"]
    assert (tmp_path / "called").read_text().splitlines() == options + command


def test_without_a_launcher_the_command_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LAUNCHER, raising=False)
    called = []
    launch(lambda *a, **k: called.append((a, k)), "grow_8", out=Path("o"))
    assert called == [(("grow_8",), {"out": Path("o")})]
