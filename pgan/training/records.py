"""What a phase records: losses, pictures and a summary for its outputs, and the live log and progress bar for eyes."""

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
from pgan.networks.network import Critic, Generator
from pgan.training.job import Job
from pgan.training.losses import Terms
from pgan.training.schedule import Schedule

Row = dict[str, float]
SPEED = "img_per_s"


class Means:
    """Running means of the loss terms since the last row, kept on the device: nothing waits for it."""

    def __init__(self, sums: dict[str, Tensor] | None = None, counts: dict[str, int] | None = None) -> None:
        """Empty, or what a snapshot kept."""
        self.sums, self.counts = dict(sums or {}), dict(counts or {})

    def add(self, terms: Terms) -> None:
        """Add one step's terms, each a detached scalar."""
        for name, term in terms.items():
            self.sums[name] = self.sums[name] + term if name in self.sums else term.clone()
            self.counts[name] = self.counts.get(name, 0) + 1

    def values(self) -> Row:
        """The means so far."""
        return {name: float(total) / self.counts[name] for name, total in self.sums.items()}


class Record:
    """What a phase remembers of its course, for its outputs."""

    def __init__(self, job: Job, images_before: int) -> None:
        """`images_before` is the number of images shown since `init` in the phases before this one."""
        self.job, self.images_before = job, images_before
        self.means = Means()
        self.rows: list[Row] = []
        """Of losses.csv."""
        self.frames: list[np.ndarray] = []
        """Pictures of the fixed latents: uint8 (n, C, r, r) each."""

    def add(self, updates: list[Terms]) -> None:
        """Add the loss terms of a step's updates."""
        for terms in updates:
            self.means.add(terms)

    def finish_row(self, steps: int, means: Row) -> None:
        """Add a row of losses, the means of the steps since the last row."""
        images = self.job.schedule.images(steps)
        row: Row = {
            "images": images,
            "kimg": images / 1000,
            "total_kimg": (self.images_before + images) / 1000,
            "alpha": self.job.schedule.alpha(steps),
        }
        self.rows.append(row | {"generator_loss": means.pop("generator_loss")} | means)
        self.means = Means()

    def picture_is_due(self, steps: int) -> bool:
        """Whether a picture of the fixed latents is due after this many steps."""
        return steps in self.job.schedule.sample_steps()[len(self.frames) :]

    def pictures(self) -> dict[int, np.ndarray]:
        """The pictures taken so far, by the images shown since `init`."""
        steps = self.job.schedule.sample_steps()[: len(self.frames)]
        images = [self.images_before + self.job.schedule.images(number) for number in steps]
        return dict(zip(images, self.frames, strict=True))

    def write(self, folder: Path, generator: Generator, critic: Critic) -> None:
        """Write losses.csv, samples.npy and summary.json."""
        write_losses(folder / "losses.csv", self.rows)
        write_samples(folder / "samples.npy", self.frames)
        write_summary(folder / "summary.json", self.summary(generator, critic))

    def summary(self, generator: Generator, critic: Critic) -> dict[str, Any]:
        """What the phase was and where it ended. Nothing here depends on the time or the machine."""
        schedule, before = self.job.schedule, self.images_before
        return {
            "phase": self.job.name,
            "kind": self.job.phase.kind,
            "resolution": self.job.phase.resolution,
            "steps": schedule.steps,
            "kimg": schedule.images(schedule.steps) / 1000,
            "total_kimg": (before + schedule.images(schedule.steps)) / 1000,
            "sample_kimg": [(before + schedule.images(steps)) / 1000 for steps in schedule.sample_steps()],
            "generator_parameters": sum(p.numel() for p in generator.parameters()),
            "critic_parameters": sum(p.numel() for p in critic.parameters()),
            "final": {key: float(f"{value:.6g}") for key, value in self.rows[-1].items()},
        }


def check_health(row: Row, limit: float, phase: str, kimg: float, advice: str) -> None:
    """Raise RunError when a term is not a number or exceeds the limit; `advice` says what is left and what to do."""
    for name, value in row.items():
        if not math.isfinite(value) or abs(value) > limit:
            raise RunError(f"{phase}: training diverged at {kimg:.3f} kimg: {name} is {value:g}; {advice}")


class LiveLog:
    """The rows of losses.csv as they come, with img/s: for eyes and trackers, and no output of the phase.

    A log that cannot be written ends with a warning: training does not need it.
    """

    def __init__(self, path: Path | None, rows: list[Row]) -> None:
        """Overwrite the file with the rows that a resumed phase already has."""
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
    """Whether a file is empty or begins like a log of `pgan train`. Any other must survive."""
    with path.open("rb") as file:
        first = file.readline(10_000)
    return not first or first.endswith(f",{SPEED}\n".encode())


def progress_bar(name: str, schedule: Schedule, steps_done: int, shown: bool) -> "tqdm[Any]":
    """kimg done, img/s, time left, losses; every ten seconds where it goes to a file."""
    return tqdm(
        total=schedule.images(schedule.steps),
        initial=schedule.images(steps_done),
        desc=name,
        unit="img",
        unit_scale=True,
        mininterval=0.5 if sys.stderr.isatty() else 10.0,
        bar_format="{desc}: {percentage:3.0f}%|{bar:20}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, "
        "{rate_fmt}{postfix}]",
        dynamic_ncols=True,
        disable=not shown,
    )


def time_of_all_phases(bar: "tqdm[Any]", ahead: float) -> str:
    """What the progress bar says of the time that is left for this phase and those after it.

    Args:
        ahead: those after it, in images of this phase (`ahead.images_ahead`).
    """
    if bar.disable:  # of the other ranks: it knows nothing
        return ""
    state = bar.format_dict
    rate = state["rate"] or (state["n"] - state["initial"]) / max(state["elapsed"], 1e-9)
    if not ahead or not rate:
        return ""
    return f", all phases {tqdm.format_interval((state['total'] - state['n'] + ahead) / rate)} left"


def in_short(row: Row) -> str:
    """What the progress bar says of a row."""
    scores = f"D(real) {row['critic_real']:.3g}, D(fake) {row['critic_fake']:.3g}"
    return f"{scores}, penalty {row['gradient_penalty']:.3g}" if "gradient_penalty" in row else scores


def write_losses(path: Path, rows: list[Row]) -> None:
    """losses.csv: one row per logging interval, six significant digits, nothing that depends on time."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(rows[0].keys())
        writer.writerows([_number(value) for value in row.values()] for row in rows)


def write_samples(path: Path, frames: list[np.ndarray]) -> None:
    """samples.npy: uint8 (T, n, C, r, r), the same n latents at T moments of the phase."""
    np.save(path, np.stack(frames), allow_pickle=False)


def write_summary(path: Path, summary: dict[str, Any]) -> None:
    """summary.json, sorted by key."""
    path.write_text(json.dumps(summary, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.6g}"
