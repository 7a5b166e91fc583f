"""What a phase writes: the rows of losses.csv, the live log beside them, the pictures, the summary."""

import csv
import json
import math
import os
import sys
import time
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from torch import Tensor
from tqdm import tqdm

from pgan.errors import InputError, RunError

Row = dict[str, float]
SPEED = "img_per_s"


class Means:
    """Running means of the loss terms since the last row, kept on the device: nothing waits for it."""

    def __init__(self, sums: dict[str, Tensor] | None = None, counts: dict[str, int] | None = None) -> None:
        """Empty, or what a snapshot kept."""
        self.sums, self.counts = dict(sums or {}), dict(counts or {})

    def add(self, terms: dict[str, Tensor]) -> None:
        """Add one step's terms, each a detached scalar."""
        for name, term in terms.items():
            self.sums[name] = self.sums[name] + term if name in self.sums else term.clone()
            self.counts[name] = self.counts.get(name, 0) + 1

    def values(self) -> Row:
        """The means so far."""
        return {name: float(total) / self.counts[name] for name, total in self.sums.items()}


def check_health(row: Row, limit: float, phase: str, kimg: float, advice: str) -> None:
    """Raise RunError when a term is not a number or exceeds the limit; `advice` says what is left and what to do."""
    for name, value in row.items():
        if not math.isfinite(value) or abs(value) > limit:
            raise RunError(f"{phase}: training diverged at {kimg:.3f} kimg: {name} is {value:g}; {advice}")


def write_losses(path: Path, rows: list[Row]) -> None:
    """losses.csv: one row per logging interval, six significant digits, nothing that depends on time."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(rows[0].keys())
        writer.writerows([_number(value) for value in row.values()] for row in rows)


class LiveLog:
    """The same rows while they come, with img/s: for eyes and trackers, and no output of the phase.

    A log that cannot be written is given up with a warning: training does not need it.
    """

    def __init__(self, path: Path | None, rows: list[Row]) -> None:
        """Start the file anew, with the rows that a resumed phase already has."""
        self._path, self._headed = path, False
        self._file = self._open(path)
        self._last = (time.monotonic(), 0.0)
        for row in rows:
            self._write(row, math.nan)

    def add(self, row: Row, shown: int) -> None:
        """Append a row; `shown` is the number of images shown in this process so far."""
        now = time.monotonic()
        elapsed, images = now - self._last[0], shown - self._last[1]
        self._last = (now, shown)
        self._write(row, images / elapsed if elapsed > 0 else math.nan)

    def __enter__(self) -> "LiveLog":
        return self

    def __exit__(self, *reason: object) -> None:
        if self._file is not None:
            self._file.close()

    def _open(self, path: Path | None) -> TextIO | None:
        if path is None:
            return None
        if path.is_file() and not _is_log(path):
            raise InputError(f"{path}: exists and is no log of `pgan train`; choose another --log")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK)  # a pipe must not block
            return open(handle, "w", encoding="utf-8", buffering=1)
        except OSError as error:
            self._warn(error)
            return None

    def _write(self, row: Row, speed: float) -> None:
        if self._file is None:
            return
        header = "" if self._headed else ",".join([*row.keys(), SPEED]) + "\n"
        try:
            self._file.write(header + ",".join([*(_number(value) for value in row.values()), f"{speed:.5g}"]) + "\n")
            self._headed = True
        except OSError as error:
            self._file = None
            self._warn(error)

    def _warn(self, error: OSError) -> None:
        tqdm.write(
            f"warning: {self._path}: no live log, training continues: {error.strerror or error}", file=sys.stderr
        )


def _is_log(path: Path) -> bool:
    """Whether a file is empty or begins as our logs do: any other must survive."""
    with path.open("rb") as file:
        first = file.readline(10_000)
    return not first or first.endswith(f",{SPEED}\n".encode())


def write_samples(path: Path, frames: list[np.ndarray]) -> None:
    """samples.npy: uint8 (T, n, C, r, r), the same n latents at T moments of the phase."""
    np.save(path, np.stack(frames), allow_pickle=False)


def write_summary(path: Path, summary: dict[str, Any]) -> None:
    """summary.json, sorted by key."""
    path.write_text(json.dumps(summary, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.6g}"
