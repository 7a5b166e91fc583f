"""What training left on disk: for each phase a folder with summary.json, samples.npy, losses.csv and checkpoint.pt."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pgan.errors import InputError, shown
from pgan.networks.config import LARGEST
from pgan.phases import Phases, chain
from pgan.untrusted.arrays import open_array
from pgan.untrusted.inputs import read_json

LARGEST_KIMG = 1e12
"""No training lasts longer."""


@dataclass(frozen=True)
class TrainedPhase:
    """One trained phase."""

    name: str
    parent: str
    """The phase that it continues, or `init`."""
    folder: Path
    grows: bool
    """Whether it fades a new resolution in."""
    resolution: int
    """Pixels per side."""
    total_kimg: float
    """Thousands of real images since `init` at its end."""
    sample_kimg: list[float]
    """Thousands of real images since `init` at each snapshot of samples.npy, not descending."""


def read_trained(phases: Phases, train: Path) -> list[TrainedPhase]:
    """What training wrote about these phases, in their order.

    Raises:
        InputError: a phase has no summary.json that can be read.
    """
    return [_read_summary(name, phase.from_, train / name) for name, phase in phases.items()]


def final_chain(phases: list[TrainedPhase]) -> list[TrainedPhase]:
    """The phases from `init` to the last one of the parameter file, in the order in which they were trained."""
    by_name = {phase.name: phase for phase in phases}
    return [by_name[name] for name in chain({phase.name: phase.parent for phase in phases}, phases[-1].name)]


def read_samples(phase: TrainedPhase) -> np.ndarray:
    """The snapshots of a phase as a read-only memory map, uint8 (T, n, C, r, r): T times the same n latents.

    Raises:
        InputError: the file is missing or does not fit summary.json.
    """
    path = phase.folder / "samples.npy"
    try:
        samples = open_array(path)
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(f"{path}: no such file; train the phase '{phase.name}' again") from None
    except InputError as error:
        raise InputError(f"{error}; train the phase '{phase.name}' again") from None
    times, r = len(phase.sample_kimg), phase.resolution
    fits = samples.ndim == 5 and samples.shape[0] == times and samples.shape[1] > 0 and samples.shape[2] in (1, 3)
    if samples.dtype != np.uint8 or not fits or samples.shape[3:] != (r, r):
        raise InputError(
            f"{path}: expected uint8 ({times}, n, 1 or 3, {r}, {r}) after summary.json, "
            f"found {samples.dtype} {samples.shape}; train the phase '{phase.name}' again"
        )
    return samples


def _read_summary(name: str, parent: str, folder: Path) -> TrainedPhase:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; train the phase '{name}' first")
    path = folder / "summary.json"
    try:
        summary = read_json(path)
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(f"{path}: no such file; train the phase '{name}' first") from None
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON: {error}; train the phase '{name}' again") from None
    return TrainedPhase(
        name=name,
        parent=parent,
        folder=folder,
        grows=_entry(summary, "kind", path, lambda kind: isinstance(kind, str)) == "grow",
        resolution=_entry(summary, "resolution", path, lambda r: type(r) is int and 0 < r <= LARGEST),
        total_kimg=float(_entry(summary, "total_kimg", path, _is_time)),
        sample_kimg=[float(kimg) for kimg in _entry(summary, "sample_kimg", path, _are_times)],
    )


def _entry(summary: Any, key: str, path: Path, is_right: Callable[[Any], bool]) -> Any:
    value = summary.get(key) if isinstance(summary, dict) else None
    if not is_right(value):
        raise InputError(f"{path}: {key}: missing or impossible: {shown(value)}; train the phase again")
    return value


def _is_time(value: Any) -> bool:
    """Whether `value` is a number of thousands of images."""
    return type(value) in (int, float) and 0 <= value < LARGEST_KIMG


def _are_times(value: Any) -> bool:
    """Whether `value` is a list of at least one finite number, not descending."""
    return isinstance(value, list) and bool(value) and all(map(_is_time, value)) and value == sorted(value)
