"""Chunks of images, worked on by all cores, with bounded memory whatever their number."""

import concurrent.futures
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from ctypes import c_bool
from pathlib import Path

import numpy as np

from pgan.errors import RunError
from pgan.prepare.config import Prepare
from pgan.prepare.sources import Payload
from pgan.prepare.work import Chunk, Outcome, chunk_worker

CHUNK_IMAGES = 64
CHUNK_BYTES = 2**22
"""A chunk ends when it holds so many images, or so many bytes of them."""

CHUNK_PIXELS = 2**18
"""… or so many pixels of the result: 3 MiB of RGB in float32."""

QUEUED_BYTES = 2**26
"""No further image is sent to the workers while so many bytes (64 MiB) are on their way."""

QUEUED_CHUNKS = 4
"""… or so many chunks for each worker."""


def chunked(images: Iterable[tuple[int, Payload]], resolution: int) -> Iterator[tuple[int, Chunk]]:
    """(bytes, chunk): consecutive images in portions that are worth sending."""
    most = max(1, min(CHUNK_IMAGES, CHUNK_PIXELS // resolution**2))
    chunk: Chunk = []
    total = 0
    for position, payload in images:
        size = _size(payload)
        if chunk and (len(chunk) == most or total + size > CHUNK_BYTES):
            yield total, chunk
            chunk, total = [], 0
        chunk.append((position, payload))
        total += size
    if chunk:
        yield total, chunk


def _size(payload: Payload) -> int:
    """Bytes that an image brings along, or would bring: of a file too, as a measure of the work."""
    if isinstance(payload, Path):
        try:
            return payload.stat().st_size
        except OSError:
            return 0
    if isinstance(payload, np.ndarray):
        return payload.nbytes
    return len(payload) if isinstance(payload, bytes) else 0


def outcomes(
    images: Iterable[tuple[int, Payload]], settings: Prepare, folder: Path, workers: int
) -> Generator[Outcome]:
    """Work on all images; yields what became of each, in their order.

    Workers are started afresh (`spawn`): a copy of this process (`fork`) could inherit locks that threads of torch or
    MLflow hold.  When the consumer stops, so do they.

    Raises:
        RunError: a worker was killed, or memory ran out.
        OSError: a level could not be written.
    """
    chunks = chunked(images, settings.resolution)
    try:
        if workers == 1:
            work = chunk_worker(settings, folder, stopped=lambda: False)
            for _, chunk in chunks:
                yield from work(chunk)
        else:
            yield from _in_parallel(chunks, settings, folder, workers)
    except BrokenProcessPool:
        raise RunError("a worker process died, most likely for want of memory; use fewer with --workers") from None
    except MemoryError:
        raise RunError("out of memory; use fewer processes with --workers, or remove the largest images") from None


def _in_parallel(
    chunks: Iterable[tuple[int, Chunk]], settings: Prepare, folder: Path, workers: int
) -> Iterator[Outcome]:
    context = multiprocessing.get_context("spawn")
    stop = context.RawValue(c_bool, False)  # read before every image: an Event's lock would cost a fifth of the time
    waiting: deque[tuple[int, concurrent.futures.Future[list[Outcome]]]] = deque()
    with _single_threaded():
        pool = concurrent.futures.ProcessPoolExecutor(workers, context, _start, (settings, folder, stop))
        try:
            queued = 0
            for size, chunk in chunks:
                while waiting and (queued + size > QUEUED_BYTES or len(waiting) >= QUEUED_CHUNKS * workers):
                    done, future = waiting.popleft()
                    queued -= done
                    yield from future.result()
                with _uninterrupted():
                    waiting.append((size, pool.submit(_run, chunk)))
                queued += size
            while waiting:
                yield from waiting.popleft()[1].result()
        finally:
            with _uninterrupted():
                stop.value = True
                pool.shutdown(cancel_futures=True)


_work: Callable[[Chunk], list[Outcome]]
"""In a worker process: its function for chunks."""


def _start(settings: Prepare, folder: Path, stop: c_bool) -> None:
    """Prepare a new worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the parent decides
    threading.Thread(target=_die_with_parent, daemon=True).start()
    global _work
    _work = chunk_worker(settings, folder, lambda: stop.value)


def _die_with_parent() -> None:
    """A parent that is killed cannot tell its workers, which would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def _run(chunk: Chunk) -> list[Outcome]:
    return _work(chunk)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C back: it could leave a lock of the pool held, or kill a worker that has not yet learnt to ignore it.

    Processes that start meanwhile hold it back for ever.
    """
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
