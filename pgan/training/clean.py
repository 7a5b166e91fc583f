"""Snapshots that no phase of the parameter file will ever use again."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from pgan.config import read_yaml, validate
from pgan.errors import InputError
from pgan.training.config import Phase
from pgan.training.identity import identify, read_inputs
from pgan.training.snapshots import LOCK, Lock

DEVICES = ("cpu", "cuda", "mps")
"""Kinds of devices on which a snapshot may have been made, here or on another machine that shares the folder."""


@dataclass(frozen=True)
class Found:
    """The snapshots of one phase, and what is to become of them."""

    path: Path
    size: int
    """Bytes."""
    age: float
    """Seconds since the last one was written."""
    kept: str | None
    """Why they stay; None for orphans."""

    def describe(self) -> str:
        """For a person, in one line."""
        fate = f"kept: {self.kept}" if self.kept else "an orphan"
        return f"{self.path}  {megabytes(self.size)}  {_duration(self.age)} old  {fate}"


def find(folder: Path, params: Path, train: Path, pyramid: Path) -> list[Found]:
    """All snapshots in `folder`, each judged by the parameter file and what lies in `train` and `pyramid`.

    Raises:
        InputError: the parameter file is wrong, so that nothing could be judged.
    """
    mapping = read_yaml(params).get("phases")
    if not isinstance(mapping, dict):
        raise InputError(f"{params}: phases: expected a mapping, found {mapping!r}")
    phases = {name: validate(value, Phase, params, f"phases.{name}") for name, value in mapping.items()}
    wanted = {name: _keys(name, phase, params, train, pyramid) for name, phase in phases.items()}
    return [_judge(path, wanted) for path in sorted(folder.glob("*-*")) if path.is_dir()]


def remove(found: Found) -> bool:
    """Delete orphans; whether they are gone, as they are unless a process has begun to use them."""
    lock = Lock(found.path / LOCK)
    if not lock.acquire():
        return False
    shutil.rmtree(found.path)
    lock.release()
    return True


def _keys(name: str, phase: Phase, params: Path, train: Path, pyramid: Path) -> set[str] | None:
    """The keys that the phase's snapshots may have; None while its inputs are missing and nobody can tell."""
    inputs = read_inputs(phase, train / phase.from_ / "checkpoint.pt", pyramid)
    try:
        return {identify(params, name, device, inputs) for device in DEVICES}
    except FileNotFoundError:
        return None


def _judge(path: Path, wanted: dict[str, set[str] | None]) -> Found:
    phase, _, key = path.name.rpartition("-")
    files = [file.stat() for file in path.iterdir()]
    size = sum(status.st_size for status in files)
    age = time.time() - max((status.st_mtime for status in files), default=path.stat().st_mtime)
    kept = None
    if _in_use(path):
        kept = "a process is training with it"
    elif phase in wanted and wanted[phase] is None:
        kept = f"what {phase} continues or reads is not there yet, so nobody can tell"
    elif key in (wanted.get(phase) or ()):
        kept = f"{phase} goes on from it"
    return Found(path, size, age, kept)


def _in_use(path: Path) -> bool:
    lock = Lock(path / LOCK)
    free = lock.acquire()
    lock.release()
    return not free


def megabytes(size: int) -> str:
    """Bytes as MB."""
    return f"{size / 1e6:.1f} MB"


def _duration(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
