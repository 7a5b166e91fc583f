"""Ctrl-C in the middle of `dvc repro`, and what comes after."""

import contextlib
import os
import signal
import time
from pathlib import Path

from miniature import Pipeline
from mlruns import children, history, parents
from workplace import wait_until

OUT = "data/train/stabilize_8"
TRAIN = ("python", "-m", "pgan", "train", "stabilize_8", "--parent", "data/train/grow_8/checkpoint.pt")


def test_repro_goes_on_after_ctrl_c_and_ends_with_the_same_bytes(pipeline: Pipeline) -> None:
    pipeline.change("phases.stabilize_8.kimg", 2.0)
    expected = undisturbed(pipeline)
    process = pipeline.start("dvc", "repro")
    live = pipeline.path / "data/logs/stabilize_8.csv"
    wait_for_rows(live, 12)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=300)
    assert process.returncode != 0
    assert "stopped (SIGINT)" in output
    assert "Traceback" not in output
    assert len(list((pipeline.path / ".pgan/snapshots").iterdir())) == 1
    assert contents(pipeline.path / OUT) == {}
    # by the tracker, which goes on by itself
    wait_until(lambda: [run.info.status for run in parents(pipeline)] == ["KILLED"])
    interrupted = children(pipeline)["train@stabilize_8"]
    assert interrupted.info.status == "KILLED"

    assert set(pipeline.repro()) == {"train@stabilize_8", "evaluate@stabilize_8", "render"}
    first = live.read_text(encoding="utf-8").splitlines()[1]
    assert first.endswith(",nan")  # taken from the snapshot: it was not trained again
    assert list((pipeline.path / ".pgan/snapshots").iterdir()) == []
    assert contents(pipeline.path / OUT) == expected

    finished = children(pipeline)["train@stabilize_8"]
    assert (finished.info.run_id, finished.info.status) == (interrupted.info.run_id, "FINISHED")
    steps = [step for step, _ in history(pipeline, finished, "loss/generator")]
    assert len(steps) == len(set(steps)) == len((pipeline.path / OUT / "losses.csv").read_text().splitlines()) - 1
    assert [run.info.status for run in parents(pipeline)] == ["FINISHED"]


def undisturbed(pipeline: Pipeline) -> dict[str, bytes]:
    """The outputs of the phase where nothing interrupts it."""
    pipeline.run(*TRAIN, "--out", "undisturbed")
    found = contents(pipeline.path / "undisturbed")
    assert len(found) == 4
    return found


def contents(folder: Path) -> dict[str, bytes]:
    """Of each file."""
    return {path.name: path.read_bytes() for path in folder.glob("*")}


def wait_for_rows(path: Path, count: int) -> None:
    """Until a live log, which an earlier run may have left, has been started anew and has so many lines."""
    began = time.time()
    for _ in range(3000):
        with contextlib.suppress(FileNotFoundError):  # a starting run replaces it: gone between two looks
            if path.stat().st_mtime >= began and len(path.read_text().splitlines()) >= count:
                return
        time.sleep(0.05)
    raise AssertionError(f"{path}: too few lines")
