"""Worker processes, each at the end of a pipe of its own.

They share nothing, no queue and no lock: when one of them is killed, nothing that it held keeps the others waiting.
Its pipe ends with it, even in the middle of a message, and that is how its death is known, whenever it comes. Executors
whose workers share a queue (`concurrent.futures`, loky) wait forever for the rest of a result that was cut off.
"""

import multiprocessing
import os
import pickle
import queue
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, Self, TypeVar, cast

from pgan.errors import RunError
from pgan.prepare.work import Chunk

T = TypeVar("T")
Work = Callable[[Chunk], list[T]]
"""What a worker does with a chunk: a result for each of its images, in their order."""

HELD_CHUNKS = 2
"""A worker holds the chunk that it works on and the next one, so that it need not wait."""


class Workers(Generic[T]):
    """Up to `most` processes that work on chunks; on leaving the context they are killed, whatever they do.

    They are started as chunks come in, and afresh (`spawn`): a copy of this process (`fork`) could inherit locks that
    threads of torch or MLflow hold.
    """

    def __init__(self, most: int, make_work: Callable[[], Work[T]]) -> None:
        """`make_work` is sent to each process, which calls it once for what it does with its chunks."""
        self._most = most
        self._make_work = make_work
        self._processes: dict[Connection, BaseProcess] = {}
        self._held: dict[Connection, deque[int]] = {}  # the numbers of a worker's chunks, once it has started up
        self._backlog: deque[tuple[int, Chunk]] = deque()
        self._results: dict[int, list[T]] = {}
        self._submitted = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with _uninterrupted():
            for process in self._processes.values():
                process.kill()
            for pipe, process in self._processes.items():
                process.join()
                pipe.close()

    def submit(self, chunk: Chunk) -> int:
        """Have a chunk worked on; returns the number to ask for its result with.

        Raises, like `result`, what a worker raised on any chunk.
        """
        number = self._submitted
        self._submitted += 1
        self._backlog.append((number, chunk))
        if len(self._processes) < self._most and all(self._held.values()):  # none of them is idle
            self._start_one()
        self._exchange(0)
        return number

    def result(self, number: int) -> list[T]:
        """What became of a chunk, once it is done; to be asked for once.

        Raises:
            RunError: a worker was killed.
            OSError, MemoryError: as a worker raised it.
        """
        while number not in self._results:
            self._exchange(None)
        return self._results.pop(number)

    def _start_one(self) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._make_work), daemon=True)
        if os.name == "posix":
            resource_tracker.ensure_running()  # the first start does this, and in passing lets Ctrl-C through again
        with _uninterrupted(), _single_threaded():
            process.start()
            self._processes[ours] = process
        theirs.close()  # or the pipe would not end with the worker

    def _exchange(self, timeout: float | None) -> None:
        """Take in answers, waiting up to `timeout` seconds for the first (None: forever); then hand out what waits."""
        for pipe in cast(list[Connection], wait(self._processes, timeout)):
            answer = _receive(pipe)
            if answer is None:
                self._held[pipe] = deque()
            else:
                self._results[self._held[pipe].popleft()] = answer
        while self._backlog and self._held:
            pipe = min(self._held, key=lambda pipe: len(self._held[pipe]))
            if len(self._held[pipe]) == HELD_CHUNKS:
                break
            number, chunk = self._backlog.popleft()
            _send(pipe, chunk)
            self._held[pipe].append(number)


def _receive(pipe: Connection) -> list[Any] | None:
    """A worker's results, or None from one that has started up. Raises what it raised, or RunError if it died."""
    try:
        answer = pipe.recv()
    except (EOFError, OSError):
        raise _death() from None
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _send(pipe: Connection, chunk: Chunk) -> None:
    try:
        pipe.send(chunk)
    except OSError:
        raise _death() from None


def _death() -> RunError:
    return RunError("a worker process died, most likely because memory ran out; use fewer with --workers")


def _serve(pipe: Connection, make_work: Callable[[], Work[Any]]) -> None:
    """In a worker process: say that it has started up, then answer each chunk with its results or with an error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the parent decides
    inbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    listener = threading.Thread(target=_listen, args=(pipe, inbox), daemon=True)
    listener.start()
    try:
        work = make_work()
        pipe.send(None)
        while True:
            pipe.send(work(pickle.loads(inbox.get())))
    except Exception as error:
        error.add_note(traceback.format_exc())  # an unexpected error is shown with the place where it was raised
        with suppress(OSError):  # the parent has gone
            pipe.send(error)
        listener.join()  # until killed: a process that ended now would look like one that died


def _listen(pipe: Connection, inbox: "queue.SimpleQueue[bytes]") -> None:
    """Take in chunks while others are worked on: parent and worker never both wait for the other to read.

    The process ends with the parent, which may have been killed, and when memory for a chunk is lacking.
    """
    try:
        while True:
            inbox.put(pipe.recv_bytes())
    finally:
        os._exit(1)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C back: it could kill a worker that has not yet learnt to ignore it, or leave some running."""
    if threading.current_thread() is not threading.main_thread():  # Ctrl-C interrupts that one alone
        with _masked():
            yield
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))  # it may reach any thread
    try:
        with _masked():
            yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            signal.raise_signal(signal.SIGINT)


@contextmanager
def _masked() -> Iterator[None]:
    """Processes that start meanwhile do not hear Ctrl-C."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Processes that start meanwhile use one thread each: they are as many as there are cores."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
