"""A folder in which one stage can train, without git and DVC, and what its MLflow database then holds."""

import contextlib
import fcntl
import http.server
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from forked_python import BEFORE
from miniature import PHASES, ROOT, Pipeline, Process, isolated_environment, miniature_parameters
from zygote import Zygote

PHASE = "stabilize_4"
TRAIN = ("python", "-m", "stages.train", PHASE)
OUTPUTS = ("checkpoint.pt", "losses.csv", "samples.npy", "summary.json")
ROWS = 40
"""Lines of the phase's log."""
SECONDS = 180
"""Longest wait for what should come at once: the machine may be busy."""


def make(path: Path, store: Path, zygote: Zygote) -> Pipeline:
    """A workplace in which everything before the phase is ready, an empty store too, and the phase's outputs apart."""
    place = pipeline(path, zygote)
    (path / "data/raw").mkdir(parents=True)
    (path / "data/raw/nothing").touch()
    shutil.copy(store, path)
    content = miniature_parameters()
    content["phases"] = {PHASE: PHASES[PHASE] | {"kimg": 0.8}}
    content["evaluate"]["target_resolution"] = 4
    place.write_parameters(content)
    for command in ("prepare", "init", f"train {PHASE}"):
        place.run("python", "-m", "pgan", *command.split())
    (path / f"data/train/{PHASE}").rename(path / "undisturbed")
    complete(place, MLFLOW_EXPERIMENT_NAME="another", DVC_EXP_NAME="stranger")
    return place


def complete(place: Pipeline, **environment: str) -> None:
    """What `render` and `python -m stages.tracking.report` do, without the rest of the pipeline."""
    from stages.tracking.runs import Runs
    from stages.tracking.stage import PARAMS, resolved, root

    with contextlib.chdir(place.path), pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        for name, value in environment.items():
            patch.setenv(name, value)
        Runs(resolved(PARAMS), root()).complete()


def pipeline(path: Path, zygote: Zygote) -> Pipeline:
    """What runs there: with `stages` from the checkout."""
    return Pipeline(path, isolated_environment(path.parent) | {"PYTHONPATH": str(ROOT)}, zygote)


def copy(place: Pipeline, path: Path) -> Pipeline:
    """A workplace of one's own."""
    shutil.copytree(place.path, path)
    return Pipeline(path, place.environment, place.zygote)


def live(place: Pipeline) -> Path:
    """The log that grows while the phase is trained."""
    return place.path / f"data/logs/{PHASE}.csv"


def rows(place: Pipeline) -> int:
    """How far training is."""
    return max(0, live(place).read_bytes().count(b"\n") - 1) if live(place).exists() else 0


PAUSE = """
import os, signal
from pgan.training.loop import PhaseRun
advance = PhaseRun.advance
def pause(self):
    if self.steps_done == 40:
        os.kill(os.getpid(), signal.SIGSTOP)
    advance(self)
PhaseRun.advance = pause
"""


def start_paused(place: Pipeline, **environment: str) -> Process:
    """A stage that has trained a part of the phase and is stopped now, while its tracker is not."""
    stage = place.start(*TRAIN, **{BEFORE: PAUSE} | environment)
    wait_until(lambda: psutil.Process(stage.pid).status() == psutil.STATUS_STOPPED)
    assert 10 < rows(place) < ROWS
    return stage


def tracker_of(stage: Process, place: Pipeline) -> psutil.Process:
    """The process that logs a stage: the other fork that works there."""
    found: list[psutil.Process] = []

    def look() -> bool:
        assert place.zygote is not None
        forks = psutil.Process(place.zygote.pid).children(recursive=True)
        here = {fork.pid: fork for fork in forks if _folder(fork) == place.path.resolve()}
        with contextlib.suppress(psutil.NoSuchProcess):  # what these start, git for example, may end meanwhile
            found[:] = [fork for fork in here.values() if fork.pid != stage.pid and fork.ppid() not in here]
        return bool(found)

    wait_until(look)
    (tracker,) = found
    return tracker


def _folder(process: psutil.Process) -> Path | None:
    """Where it works, unless it has ended."""
    with contextlib.suppress(psutil.Error):
        return Path(process.cwd())
    return None


def assert_undisturbed(place: Pipeline) -> None:
    """The outputs are those of training without MLflow."""
    for name in OUTPUTS:
        ours, theirs = place.path / f"data/train/{PHASE}" / name, place.path / "undisturbed" / name
        assert ours.read_bytes() == theirs.read_bytes(), name


def assert_complete(database: Path, place: Pipeline, repositories: int = 1) -> None:
    """Each repository has a finished run of the phase, under a parent, and both hold each point of the phase once."""
    steps = [
        float(line.split(",")[2]) * 1000 for line in (place.path / "undisturbed/losses.csv").open().readlines()[1:]
    ]
    trained = select(database, f"select run_uuid, status from runs where name = 'train@{PHASE}' and {ALIVE}")
    assert [status for _, status in trained] == ["FINISHED"] * repositories
    parents = select(database, f"select run_uuid from runs where name like 'digits-%' and {ALIVE}")
    assert len(parents) == repositories
    for run, *_ in trained + parents:
        for metric in ("loss/generator", "loss/gradient_penalty", "critic/fake"):
            assert logged(database, metric, run) == [round(step) for step in steps], (run, metric)
    assert len(select(database, "select * from metrics where is_nan")) == 0


def assert_one_warning(output: str) -> None:
    """Beside the progress bar there is one line, and it says what to do."""
    assert "Traceback" not in output
    warnings = [line for line in output.splitlines() if "warning" in line]
    assert len(warnings) == 1, output
    assert "MLflow tracking failed" in warnings[0]
    assert "python -m stages.tracking.report" in warnings[0]


ALIVE = "lifecycle_stage = 'active'"


def select(database: Path, query: str) -> list[Any]:
    """Read from MLflow's database as it is: its own client would make what is missing, and wait for locks."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def logged(database: Path, metric: str = "loss/generator", run: str | None = None) -> list[int]:
    """The steps of a metric's points, ascending; of the phase's run where none is named."""
    which = f"run_uuid = '{run}'" if run else f"name = 'train@{PHASE}'"
    query = f"select step from metrics join runs using (run_uuid) where key = '{metric}' and {which} order by step"
    try:
        return [step for (step,) in select(database, query)]
    except sqlite3.OperationalError:  # no database yet, or one that is locked
        return []


def tracked(place: Pipeline) -> bool:
    """Whether a tracker lives: each holds its lock as long."""
    return any(not free(path) for path in (place.path / ".pgan/tracking").glob("*"))


def free(path: Path) -> bool:
    """Whether nobody holds a lock."""
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@contextlib.contextmanager
def locked(database: Path) -> Iterator[sqlite3.Connection]:
    """Another writer, who keeps everybody out until the end, or until the connection's rollback."""
    with contextlib.closing(sqlite3.connect(database, isolation_level=None, timeout=60)) as connection:
        connection.execute("begin exclusive")
        yield connection


@contextlib.contextmanager
def serving(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    """A server on this machine that answers as the handler does; host and port."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def wait_until(condition: Callable[[], bool]) -> None:
    """Poll."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def output_of(process: Process) -> str:
    """Of a stage that succeeds."""
    output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, output
    return output
