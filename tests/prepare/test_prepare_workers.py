"""A worker process may die at any moment: the pool says so and never waits for it."""

import itertools
import multiprocessing
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest

from pgan.data.pyramid import level_name
from pgan.errors import RunError
from pgan.prepare import workers as processes
from pgan.prepare.config import Prepare
from pgan.prepare.pool import outcomes
from pgan.prepare.sources import Refused
from pgan.prepare.work import chunk_worker
from pgan.prepare.workers import Workers

ROOT = Path(__file__).parents[2]

COUNT = 1000

DIGIT = np.zeros((8, 8), np.uint8)

LARGE = np.zeros((2000, 2000), np.uint8)
"""More than a pipe holds: nobody can send it without somebody who reads."""


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    """What hangs fails instead."""

    def stop(*_: object) -> None:
        pytest.fail("the pool hangs")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
    assert multiprocessing.active_children() == []


@pytest.fixture
def digits(settings: Callable[..., Prepare], tmp_path: Path) -> Prepare:
    """Parameters, and the levels' files in `tmp_path`."""
    parameters = settings("digits")
    for resolution in parameters.levels:
        shape = (COUNT, parameters.channels, resolution, resolution)
        np.save(tmp_path / level_name(resolution), np.zeros(shape, np.uint8))
    return parameters


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


# Instead of `_serve`, in the worker process:


def die_at_the_start(pipe: Connection, *_: object) -> None:
    die()


def die_at_work(pipe: Connection, *_: object) -> None:
    pipe.send(None)
    pipe.recv()
    die()


def die_while_reading(pipe: Connection, *_: object) -> None:
    pipe.send(None)
    os.read(pipe.fileno(), 10)
    die()


def die_while_writing(pipe: Connection, *_: object) -> None:
    pipe.send(None)
    pipe.recv()
    os.write(pipe.fileno(), struct.pack("!i", 1000) + b"so many bytes were to come")
    die()


def run_out_of_memory(pipe: Connection, *_: object) -> None:
    pipe.send(MemoryError())
    pipe.recv()


@pytest.mark.parametrize("death", [die_at_the_start, die_at_work, die_while_reading, die_while_writing])
def test_a_death_is_an_error(
    death: Callable[..., None], digits: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_serve", death)
    with pytest.raises(RunError, match="a worker process died, most likely because memory ran out"):
        list(outcomes(zip(itertools.count(), itertools.repeat(LARGE)), partial(chunk_worker, digits, tmp_path), 2, 8))


def test_the_death_of_an_idle_worker_is_an_error(digits: Prepare, tmp_path: Path) -> None:
    with Workers(2, partial(chunk_worker, digits, tmp_path)) as workers:
        for number in [workers.submit([(position, DIGIT)]) for position in range(9)]:
            assert workers.result(number)[0].problem is None
        worker = multiprocessing.active_children()[-1]
        worker.kill()
        worker.join()
        with pytest.raises(RunError, match="a worker process died"):
            workers.submit([(9, DIGIT)])


def test_too_little_memory(digits: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_serve", run_out_of_memory)
    with pytest.raises(RunError, match="out of memory; use fewer processes with --workers"):
        list(outcomes([(0, DIGIT)], partial(chunk_worker, digits, tmp_path), 2, 8))


def test_an_unforeseen_error_shows_where_it_was_raised(digits: Prepare, tmp_path: Path) -> None:
    with Workers(2, partial(chunk_worker, digits, tmp_path)) as workers, pytest.raises(TypeError) as error:
        workers.result(workers.submit([("no position", DIGIT)]))  # type: ignore[list-item]
    assert "in work\n" in error.value.__notes__[0]


def test_large_chunks_and_large_results_pass_each_other(digits: Prepare, tmp_path: Path) -> None:
    reasons = [f"{position} " + "x" * 20_000 for position in range(300)]
    images = ((position, Refused(reason)) for position, reason in enumerate(reasons))
    assert [outcome.problem for outcome in outcomes(images, partial(chunk_worker, digits, tmp_path), 2, 8)] == reasons


def test_no_more_processes_than_chunks(digits: Prepare, tmp_path: Path) -> None:
    with Workers(5, partial(chunk_worker, digits, tmp_path)) as workers:
        first, second = workers.submit([(0, DIGIT)]), workers.submit([(1, DIGIT)])
        assert [workers.result(second)[0].position, workers.result(first)[0].position] == [1, 0]
        assert len(multiprocessing.active_children()) == 2


def test_workers_go_when_the_consumer_does(digits: Prepare, tmp_path: Path) -> None:
    images = ((position % COUNT, DIGIT) for position in itertools.count())
    with closing(outcomes(images, partial(chunk_worker, digits, tmp_path), 3, 8)) as done:
        assert next(done).position == 0
        assert multiprocessing.active_children()
    assert multiprocessing.active_children() == []


ASK_A_NEW_WORKER = """
import signal
from pgan.prepare import workers

def say(pipe, *_):
    pipe.send(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))

if __name__ == "__main__":
    workers._serve = say
    with workers.Workers(2, None) as asked:
        for _ in range(2):
            asked._start_one()
        print([pipe.recv() for pipe in asked._processes])
    print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))
"""


def test_ctrl_c_cannot_reach_a_worker_that_starts(tmp_path: Path) -> None:
    """In a process of its own: what multiprocessing starts once and for all must be yet to start."""
    (tmp_path / "main.py").write_text(ASK_A_NEW_WORKER)
    run = subprocess.run(
        [sys.executable, "main.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == "[True, True]\nFalse\n"


def test_ctrl_c_waits_for_what_must_be_whole() -> None:
    """Where other threads run, the system may hand it to one of them, and Python passes it on to the main thread."""
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    steps = []

    def work() -> None:
        with processes._uninterrupted():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)
            steps.append("whole")

    thread.start()
    with pytest.raises(KeyboardInterrupt):
        work()
    over.set()
    thread.join()
    assert steps == ["whole"]
