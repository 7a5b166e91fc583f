"""Chunks of images, worked on by all cores, with bounded memory whatever their number."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from pgan.errors import RunError
from pgan.prepare.config import Prepare
from pgan.prepare.sources import Payload, Source
from pgan.prepare.work import Chunk, Outcome, chunk_worker
from pgan.prepare.workers import T, Work, Workers

CHUNK_IMAGES = 64
CHUNK_BYTES = 2**22
"""A chunk ends when it holds this many images, or this many bytes of them."""

CHUNK_PIXELS = 2**18
"""… or this many pixels of the result: 3 MiB of RGB in float32."""

QUEUED_BYTES = 2**26
"""No further image is sent to the workers while this many bytes (64 MiB) are on their way."""

QUEUED_CHUNKS = 4
"""… or this many chunks for each worker."""


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


def read_into(folder: Path, source: Source, wanted: np.ndarray, settings: Prepare, workers: int) -> Generator[Outcome]:
    """Read images of a source into the level files in `folder`; as `outcomes`, in the source's own order.

    Args:
        wanted: ascending indices into the source, (n,) int64; the i-th image gets position i.
    """
    position_of = np.full(len(source.names), -1)
    position_of[wanted] = np.arange(len(wanted))
    images = ((int(position_of[index]), payload) for index, payload in source.read(wanted))
    return outcomes(images, partial(chunk_worker, settings, folder), workers, settings.resolution)


def outcomes(
    images: Iterable[tuple[int, Payload]], make_work: Callable[[], Work[T]], workers: int, resolution: int
) -> Generator[T]:
    """Work on all images; yields what became of each, in their order.

    When the consumer stops, the workers are killed.

    Args:
        make_work: called once in each process, for what it does with its chunks.
        workers: processes; with 1, this one does the work.
        resolution: of the results in pixels; the larger, the fewer images are in a chunk.

    Raises:
        RunError: a worker was killed, or memory ran out.
        OSError: a level could not be written.
    """
    chunks = chunked(images, resolution)
    try:
        if workers == 1:
            work = make_work()
            for _, chunk in chunks:
                yield from work(chunk)
        else:
            yield from _in_parallel(chunks, make_work, workers)
    except MemoryError:
        raise RunError("out of memory; use fewer processes with --workers, or remove the largest images") from None


def _in_parallel(chunks: Iterable[tuple[int, Chunk]], make_work: Callable[[], Work[T]], most: int) -> Iterator[T]:
    waiting: deque[tuple[int, int]] = deque()  # (bytes, number) of each chunk, in order
    queued = 0
    with Workers(most, make_work) as workers:
        for size, chunk in chunks:
            while waiting and (queued + size > QUEUED_BYTES or len(waiting) >= QUEUED_CHUNKS * most):
                done, number = waiting.popleft()
                queued -= done
                yield from workers.result(number)
            waiting.append((size, workers.submit(chunk)))
            queued += size
        while waiting:
            yield from workers.result(waiting.popleft()[1])
