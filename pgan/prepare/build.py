"""A source of images -> the pyramid on disk: all of it or nothing."""

import hashlib
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pgan.data.pyramid import LABELS, META, Meta, level_name, write_meta
from pgan.errors import InputError, RunError
from pgan.files import replaced_folder
from pgan.prepare.config import EMBEDDED, Prepare
from pgan.prepare.pool import outcomes
from pgan.prepare.remarks import Remarks
from pgan.prepare.sources import Source, open_source
from pgan.prepare.work import Outcome

COMPACT_BYTES = 2**24
"""Bytes moved at a time when gaps are closed."""


def build(settings: Prepare, out: Path, *, seed: int = 0, workers: int = 1) -> Meta:
    """Make the pyramid that `settings` describe in the folder `out`, replacing one that is there.

    `seed` determines what sources draw (`DRAWN`).  The result does not depend on `workers`, the number of processes.

    Raises:
        InputError: the source is wrong, too many of its images are broken, or one is smaller than the resolution.
        RunError: the disk is full, memory ran out, or a worker process was killed.
    """
    source = open_source(settings, seed)
    wanted = _spread(len(source.names), settings.max_images)
    with replaced_folder(out, marker=META, maker="pgan prepare") as folder:
        _check_space(folder, len(wanted), settings)
        _open_levels(folder, len(wanted), settings)
        remarks = Remarks()
        digests, skipped = _fill(folder, source, wanted, settings, workers, remarks)
        kept = np.ones(len(wanted), bool)
        kept[list(skipped)] = False
        for resolution in settings.levels:
            _compact(folder / level_name(resolution), kept, settings.channels, resolution)
        np.save(folder / LABELS, source.labels[wanted][kept])
        meta = Meta(
            count=int(kept.sum()),
            channels=settings.channels,
            levels=settings.levels,
            classes=[_printable(name) for name in source.classes],
            source=settings.source,
            source_digest=_digest(source, wanted, digests),
            skipped=[
                {"file": _printable(source.names[wanted[position]]), "reason": _printable(reason)}
                for position, reason in sorted(skipped.items())
            ],
            remarks=remarks.listed(lambda position: _printable(source.names[wanted[position]])),
        )
        write_meta(folder, meta)
    return meta


def _spread(count: int, most: int | None) -> np.ndarray:
    """Ascending indices of the images to use: all, or `most` at equal distances, so that every class is among them."""
    if most is None or most >= count:
        return np.arange(count)
    return np.arange(most) * count // most


def _fill(
    folder: Path, source: Source, wanted: np.ndarray, settings: Prepare, workers: int, remarks: Remarks
) -> tuple[np.ndarray, dict[int, str]]:
    """Write all images at their positions; returns SHA-256 digests (N, 32) and the reasons of positions left empty."""
    position_of = np.full(len(source.names), -1)
    position_of[wanted] = np.arange(len(wanted))
    images = ((int(position_of[index]), payload) for index, payload in source.read(wanted))
    digests = np.zeros((len(wanted), 32), np.uint8)
    skipped: dict[int, str] = {}
    with closing(outcomes(images, settings, folder, workers)) as done:
        for outcome in _with_progress(done, len(wanted)):
            digests[outcome.position] = np.frombuffer(outcome.digest, np.uint8)
            if outcome.look is not None:
                remarks.add(outcome.position, outcome.look)
            if outcome.problem is None:
                continue
            name = _printable(source.names[wanted[outcome.position]])
            if outcome.too_small:
                raise InputError(
                    f"{_where(settings)}: {name}: {outcome.problem} are too few for prepare.resolution "
                    f"{settings.resolution}; lower it, or set prepare.allow_upscale to true"
                )
            skipped[outcome.position] = outcome.problem
            if len(skipped) > settings.max_skipped:
                first = min(skipped)
                raise InputError(
                    f"{_where(settings)}: {_printable(source.names[wanted[first]])}: {_printable(skipped[first])}; "
                    f"{len(skipped)} unreadable, and prepare.max_skipped allows {settings.max_skipped}"
                )
    if len(skipped) == len(wanted):
        raise InputError(f"{_where(settings)}: not one readable image; the first: {_printable(skipped[0])}")
    return digests, skipped


def _with_progress(done: Iterator[Outcome], total: int) -> Iterator[Outcome]:
    """A bar with rate and time left, seldom redrawn where it goes to a file."""
    seldom = 0.1 if sys.stderr.isatty() else 10.0
    yield from tqdm(done, total=total, desc="prepare", unit="image", mininterval=seldom, maxinterval=max(10, seldom))


def _where(settings: Prepare) -> str:
    return f"source '{settings.source}'" if settings.source in EMBEDDED else str(settings.path)


def _printable(name: object) -> str:
    """Text in one line that UTF-8 can hold: file names may be any bytes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(name))


def _digest(source: Source, wanted: np.ndarray, digests: np.ndarray) -> str:
    """SHA-256 over names, classes and contents in order: the same for a folder and for an archive of it."""
    total = hashlib.sha256()
    for index, digest in zip(wanted, digests, strict=True):
        label = source.classes[source.labels[index]] if source.classes else ""
        total.update(f"{_printable(source.names[index])}\0{_printable(label)}\0{digest.tobytes().hex()}\n".encode())
    return total.hexdigest()


def _open_levels(folder: Path, count: int, settings: Prepare) -> None:
    """The level files, with their headers and nothing after them yet."""
    for resolution in settings.levels:
        with (folder / level_name(resolution)).open("wb") as file:
            _write_header(file, (count, settings.channels, resolution, resolution))


def _write_header(file: object, shape: Sequence[int]) -> None:
    """numpy leaves room in it for `count` to grow or shrink."""
    header = {"descr": "|u1", "fortran_order": False, "shape": tuple(shape)}
    np.lib.format.write_array_header_1_0(file, header)  # type: ignore[arg-type]


def _compact(path: Path, kept: np.ndarray, channels: int, resolution: int) -> None:
    """Close the gaps that skipped images left in a level, in place, and cut it to its length."""
    size = channels * resolution**2
    with path.open("r+b") as file:
        _write_header(file, (int(kept.sum()), channels, resolution, resolution))
        start = file.tell()
        to = start
        for first, last in _stretches(kept):
            if to == start + first * size:
                to = start + last * size
                continue
            for begin in range(first * size, last * size, COMPACT_BYTES):
                file.seek(start + begin)
                block = file.read(min(COMPACT_BYTES, last * size - begin))
                file.seek(to)
                file.write(block)
                to += len(block)
        file.truncate(to)


def _stretches(kept: np.ndarray) -> list[tuple[int, int]]:
    """[first, last) of each stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], kept, [False]]).astype(np.int8)))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


def _check_space(folder: Path, count: int, settings: Prepare) -> None:
    """Better to find out before hours of work than after."""
    needed = count * settings.channels * sum(resolution**2 for resolution in settings.levels)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise RunError(
            f"{folder.parent}: the pyramid needs {needed / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free; "
            "make room, or choose another --out"
        )
