"""Nothing is ever lost: whatever befalls MLflow while a stage trains, and whatever befalls the stage."""

import contextlib
import http.server
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import workplace
from forked_python import BEFORE
from miniature import Pipeline, Process
from places import enlarge, small_disk
from workplace import (
    ALIVE,
    PHASE,
    ROWS,
    TRAIN,
    assert_complete,
    assert_one_warning,
    assert_undisturbed,
    complete,
    locked,
    logged,
    output_of,
    rows,
    select,
    serving,
    start_paused,
    tracked,
    tracker_of,
    wait_until,
)
from zygote import Zygote

from stages.tracking import ui
from stages.tracking.store import artifacts
from stages.tracking.tracker import open_lock

SOON = 15.0
"""A stage that is told to stop must be gone within so many seconds: in one or two, where the machine is not busy."""
STAGE = """
import sys, time
from pathlib import Path
from stages.runner import run
from stages.tracking.stage import Stage

def work():
    print("on", flush=True)
    {work}

run(Stage("init", out=Path("data/train/init")), work)
"""
JUMPING = """
import itertools, time

calls, real = itertools.count(), time.time
time.time = lambda: real() + (7200, -7200, 0)[next(calls) % 3]
"""
"""A clock that is set forward or back by two hours whenever somebody looks."""


@pytest.fixture(scope="session")
def original(shared: Callable[[str, Callable[[Path], object]], Path], empty_store: Path, zygote: Zygote) -> Pipeline:
    """Only to copy."""
    store = empty_store / "mlflow.db"
    folder = shared("workplace", lambda folder: workplace.make(folder / "original", store, zygote))
    return workplace.pipeline(folder / "original", zygote)


@pytest.fixture
def place(original: Pipeline, tmp_path: Path) -> Pipeline:
    """A workplace of the test's own, without its store: that is `database`."""
    return workplace.copy(original, tmp_path / "place")


@pytest.fixture
def database(place: Pipeline) -> Path:
    """The default store."""
    return place.path / "mlflow.db"


# --- 1. a server that dies


class Server:
    """`make ui`, on a port and a store of its own."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder, self.uri = folder, f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until it answers."""
        if self.process is not None:
            return
        self.process = subprocess.Popen(
            [*ui.command(str(self.port), artifacts(self.folder / "mlflow.db")), "--workers", "1"],
            cwd=self.folder,
            env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_until(self.answers)

    def answers(self) -> bool:
        """Whether it is there."""
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=5):
                return True
        except OSError:
            return False

    def kill(self) -> None:
        """All its processes at once."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def addresses(self) -> set[str]:
        """What its processes listen on."""
        assert self.process is not None
        family = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
        sockets = [one for process in family for one in process.net_connections() if one.status == "LISTEN"]
        return {one.laddr.ip for one in sockets}


@pytest.fixture(scope="module")
def server(original: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that the tests may kill: `start` brings it back."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(original.path / "mlflow.db", folder)
    server = Server(folder)
    yield server
    server.kill()


def test_the_browser_s_server_listens_to_this_machine_only(server: Server) -> None:
    server.start()
    assert server.addresses() == {"127.0.0.1"}


@pytest.mark.slow
def test_a_server_that_dies_and_comes_back_gets_everything(place: Pipeline, server: Server) -> None:
    database = server.folder / "mlflow.db"
    server.start()
    stage = start_paused(place, MLFLOW_TRACKING_URI=server.uri)
    wait_until(lambda: len(logged(database)) > 0)
    before = len(logged(database))
    server.kill()
    stage.send_signal(signal.SIGCONT)
    wait_until(lambda: rows(place) > before + 10)
    stage.send_signal(signal.SIGSTOP)
    server.start()
    wait_until(lambda: len(logged(database)) > before)
    stage.send_signal(signal.SIGCONT)
    output = output_of(stage)
    assert "Traceback" not in output
    assert output.count("warning") <= 1  # none where the server is back soon
    assert_undisturbed(place)
    complete(place, MLFLOW_TRACKING_URI=server.uri)
    assert_complete(database, place)


def test_a_server_that_dies_and_stays_away_costs_one_warning(place: Pipeline, server: Server) -> None:
    database = server.folder / "mlflow.db"
    server.start()
    already = len(logged(database))
    stage = start_paused(place, MLFLOW_TRACKING_URI=server.uri)
    wait_until(lambda: len(logged(database)) > already)
    server.kill()
    stage.send_signal(signal.SIGCONT)
    assert_one_warning(output_of(stage))
    assert_undisturbed(place)
    (run, status) = select(database, f"select run_uuid, status from runs where name = 'train@{PHASE}'")[-1]
    assert status == "RUNNING"
    complete(place, MLFLOW_TRACKING_URI=f"sqlite:///{database}")  # the same store
    assert select(database, f"select status from runs where run_uuid = '{run}'") == [("FINISHED",)]
    steps = logged(database, run=run)
    assert len(steps) == len(set(steps)) == rows(place)


# --- 2. a database that is locked


def test_another_writer_of_the_database_is_waited_for(place: Pipeline, database: Path) -> None:
    with locked(database) as writer:
        stage = place.start(*TRAIN)
        wait_until(lambda: rows(place) == ROWS)
        time.sleep(3)
        writer.rollback()
        output = output_of(stage)
    assert "warning" not in output
    assert_undisturbed(place)
    complete(place)
    assert_complete(database, place)


def test_a_writer_who_does_not_go_costs_one_warning(place: Pipeline, database: Path) -> None:
    with locked(database):
        assert_one_warning(place.run(*TRAIN, MLFLOW_TRACKING_URI="sqlite:///mlflow.db?timeout=1").stdout)
    assert_undisturbed(place)
    assert logged(database) == []
    assert not tracked(place)
    complete(place)
    assert len(select(database, f"select * from runs where name like 'digits-%' and {ALIVE}")) == 1


# --- 3. two experiments at once


@pytest.mark.slow
def test_two_repositories_train_the_same_into_one_new_store(original: Pipeline, tmp_path: Path) -> None:
    both = [workplace.copy(original, tmp_path / name) for name in ("one", "two")]
    database = tmp_path / "shared" / "mlflow.db"
    stages = [place.start(*TRAIN, MLFLOW_TRACKING_URI=f"sqlite:///{database}") for place in both]
    for place, stage in zip(both, stages, strict=True):
        assert "warning" not in output_of(stage)
        assert_undisturbed(place)
        complete(place, MLFLOW_TRACKING_URI=f"sqlite:///{database}")
    assert_complete(database, both[0], repositories=2)
    assert {path.name for path in (tmp_path / "shared").iterdir()} == {"mlflow.db", "mlartifacts"}


@pytest.mark.slow
def test_two_experiments_of_one_repository_train_at_once(original: Pipeline, tmp_path: Path) -> None:
    """As `dvc queue start --jobs 2` does it."""
    both = [workplace.copy(original, tmp_path / name) for name in ("one", "two")]
    (tmp_path / "root").mkdir()
    both[1].change(f"phases.{PHASE}.lr", 0.002)
    stages = [place.start(*TRAIN, DVC_ROOT=str(tmp_path / "root")) for place in both]
    for stage in stages:
        assert "warning" not in output_of(stage)
    database = tmp_path / "root/mlflow.db"
    found = select(database, f"select run_uuid, status from runs where name = 'train@{PHASE}' and {ALIVE}")
    assert [status for _, status in found] == ["FINISHED"] * 2
    for run, _ in found:
        steps = logged(database, run=run)
        assert len(steps) == len(set(steps)) == rows(both[0])


# --- 4. no room


@pytest.mark.slow
def test_a_full_disk_under_the_database_costs_one_warning(place: Pipeline, database: Path) -> None:
    with small_disk(place.path / "disk", database.stat().st_size + 100_000) as disk:
        store = disk / "mlflow.db"
        shutil.copy(database, store)
        assert_one_warning(place.run(*TRAIN, MLFLOW_TRACKING_URI=f"sqlite:///{store}").stdout)
        assert_undisturbed(place)
        enlarge(disk, 2**24)
        complete(place, MLFLOW_TRACKING_URI=f"sqlite:///{store}")
        assert_complete(store, place)


def test_a_full_disk_under_the_artifacts_costs_one_warning(place: Pipeline, database: Path) -> None:
    with small_disk(place.path / "mlartifacts", 2**12) as disk:
        assert_one_warning(place.run(*TRAIN).stdout)
        assert_undisturbed(place)
        assert select(database, f"select status from runs where name = 'train@{PHASE}'") == [("RUNNING",)]
        enlarge(disk, 2**24)
        complete(place)
        assert_complete(database, place)
        assert list(disk.rglob("samples*step*.png"))


def test_a_database_that_may_not_grow_costs_one_warning(place: Pipeline, database: Path) -> None:
    """Like the full disk, where none may be mounted: every file of the stage and its tracker has a limit."""
    limit = database.stat().st_size + 100_000
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))"
    assert_one_warning(place.run(*TRAIN, **{BEFORE: limited}).stdout)
    assert_undisturbed(place)
    complete(place)
    assert_complete(database, place)


# --- 5. a stage that is told to stop


@pytest.fixture
def trouble(kind: str, place: Pipeline, database: Path) -> Iterator[dict[str, str]]:
    """The environment of a stage whose MLflow is of no use, of the kind that the test names."""
    if kind == "no server":
        yield {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    elif kind == "silent server":
        with socket.create_server(("127.0.0.1", 0)) as silent:
            uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
            yield {"MLFLOW_TRACKING_URI": uri, "MLFLOW_HTTP_REQUEST_TIMEOUT": "2"}
    elif kind == "slow server":
        with serving(Slow) as address:
            yield {"MLFLOW_TRACKING_URI": f"http://{address}"}
    else:
        with locked(database):
            yield {"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db?timeout=1"}


class Slow(http.server.BaseHTTPRequestHandler):
    """Says after two seconds that it is overloaded."""

    def do_GET(self) -> None:
        time.sleep(2)
        self.send_error(500)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.mark.parametrize(
    ("kind", "number", "work"),
    [
        ("no server", signal.SIGINT, "time.sleep(300)"),
        ("silent server", signal.SIGTERM, "time.sleep(300)"),
        ("silent server", signal.SIGINT, "pass"),
        pytest.param("slow server", signal.SIGINT, "time.sleep(300)", marks=pytest.mark.slow),
        ("locked database", signal.SIGTERM, "time.sleep(300)"),
    ],
    ids=["no server", "silent server", "done but waiting", "slow server", "locked database"],
)
def test_a_stage_that_is_told_to_stop_is_gone(place: Pipeline, trouble: dict[str, str], number: int, work: str) -> None:
    stage = start(place, work, **trouble)
    time.sleep(2)
    seconds, output = stop(stage, number)
    assert seconds < SOON
    assert stage.returncode == 128 + number
    assert "Traceback" not in output
    wait_until(lambda: not tracked(place))


def test_training_that_is_told_to_stop_is_gone_and_goes_on(place: Pipeline, database: Path) -> None:
    stage = start_paused(place)
    wait_until(lambda: len(logged(database)) > 0)
    tracker = tracker_of(stage, place)
    tracker.suspend()  # nothing could hang more
    stage.send_signal(signal.SIGCONT)
    stage.send_signal(signal.SIGTERM)
    assert stage.stdout is not None
    lines = list(itertools.takewhile(lambda line: "stopped (SIGTERM)" not in line, stage.stdout))
    began = time.monotonic()  # the snapshot is written: from here on it is about MLflow
    assert stage.wait(workplace.SECONDS) == 143
    assert time.monotonic() - began < SOON

    again = place.start(*TRAIN)
    wait_until(lambda: rows(place) == ROWS)
    with contextlib.suppress(subprocess.TimeoutExpired):
        again.wait(5)
    tracker.resume()
    assert "warning" not in output_of(again) + "".join(lines)
    assert_undisturbed(place)
    assert not tracked(place)
    complete(place)
    assert_complete(database, place)


def test_a_stage_killed_in_its_first_second_may_start_again_at_once(place: Pipeline, database: Path) -> None:
    first = start(place, "time.sleep(300)")
    first.kill()
    first.wait()
    output_of(start(place, "pass"))
    assert select(database, f"select name, status from runs where name = 'init' and {ALIVE}") == [("init", "FINISHED")]
    assert len(select(database, f"select * from runs where name like 'digits-%' and {ALIVE}")) == 1
    assert not tracked(place)


def test_a_stage_stopped_in_its_first_second_is_marked(place: Pipeline, database: Path) -> None:
    stage = start(place, "time.sleep(300)")
    seconds, _ = stop(stage, signal.SIGTERM)
    assert seconds < SOON
    wait_until(lambda: not tracked(place))
    assert select(database, "select status from runs where name = 'init' or name like 'digits-%'") == [("KILLED",)] * 2


def test_a_tracker_does_not_outlive_a_server_that_hangs(place: Pipeline) -> None:
    short = "import stages.tracking.tracker as t; t.LIFE_SECONDS['KILLED'] = 2; t.main()"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        environment = place.environment | {"MLFLOW_TRACKING_URI": uri, "MLFLOW_HTTP_REQUEST_TIMEOUT": "600"}
        with open_lock(place.path, "init") as lock:
            stage = {"name": "init", "phase": None, "out": "data/train/init", "live": None, "pictures": None}
            job = {"stage": stage, "parameters": {}, "root": str(place.path), "lock": lock.fileno()}
            tracker = subprocess.Popen(
                [sys.executable, "-c", short],
                cwd=place.path,
                env=environment,
                stdin=subprocess.PIPE,
                pass_fds=[lock.fileno()],
            )
        tracker.communicate(json.dumps(job).encode() + b"\n", timeout=workplace.SECONDS)
    assert tracker.returncode == -signal.SIGALRM


def test_a_tracker_that_is_killed_costs_one_warning(place: Pipeline) -> None:
    stage = start(place, "while not Path('go').exists(): time.sleep(0.05)")
    tracker_of(stage, place).kill()
    (place.path / "go").touch()
    assert_one_warning(output_of(stage))


# --- 6. a clock that jumps


def test_a_clock_that_jumps_leaves_the_run_whole(place: Pipeline, database: Path) -> None:
    assert "warning" not in place.run(*TRAIN, **{BEFORE: JUMPING}).stdout
    assert_undisturbed(place)
    complete(place)
    assert_complete(database, place)
    assert select(database, "select name from runs where end_time < start_time") == []
    last = select(database, f"select step from latest_metrics join runs using (run_uuid) where name = 'train@{PHASE}'")
    assert set(last) == {(max(logged(database)),)}


# --- 8. a bug


def test_a_bug_shows_its_traceback_and_the_run_has_failed(place: Pipeline, database: Path) -> None:
    stage = start(place, "raise ValueError('a bug')")
    output, _ = stage.communicate(timeout=workplace.SECONDS)
    assert stage.returncode == 1
    assert output.splitlines()[0] == "Traceback (most recent call last):"
    assert output.splitlines()[-1] == "ValueError: a bug"
    wait_until(lambda: not tracked(place))
    assert select(database, "select status from runs where name = 'init' or name like 'digits-%'") == [("FAILED",)] * 2


def start(place: Pipeline, work: str, **environment: str) -> Process:
    """A stage with a simple work, once it is at it: its tracker has just been started."""
    (place.path / "simple.py").write_text(STAGE.format(work=work), encoding="utf-8")
    stage = place.start("python", "-m", "simple", **environment)
    assert stage.stdout is not None
    assert stage.stdout.readline() == "on\n"
    return stage


def stop(stage: Process, number: int) -> tuple[float, str]:
    """Send a signal; after how many seconds the stage is gone, and all that reads its output with it; the output."""
    began = time.monotonic()
    stage.send_signal(number)
    output, _ = stage.communicate(timeout=workplace.SECONDS)
    return time.monotonic() - began, output
