"""The files of the levels while images are written to them, each at its place; `compact` closes the gaps at the end."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from pgan.data.pyramid import level_name
from pgan.prepare.config import Prepare

COMPACT_BYTES = 2**24
"""Bytes moved at a time when gaps are closed."""


def levels_bytes(count: int, channels: int, levels: Iterable[int]) -> int:
    """What the levels of so many images take on the disk."""
    return count * channels * sum(level**2 for level in levels)


def open_levels(folder: Path, count: int, settings: Prepare) -> None:
    """The level files, with their headers and nothing after them yet."""
    for resolution in settings.levels:
        with (folder / level_name(resolution)).open("wb") as file:
            _write_header(file, (count, settings.channels, resolution, resolution))


def _write_header(file: object, shape: Sequence[int]) -> None:
    """numpy leaves room in it for `count` to grow or shrink."""
    header = {"descr": "|u1", "fortran_order": False, "shape": tuple(shape)}
    np.lib.format.write_array_header_1_0(file, header)  # type: ignore[arg-type]


def compact(path: Path, kept: np.ndarray, channels: int, resolution: int) -> None:
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
