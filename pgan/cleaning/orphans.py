"""Snapshots that no phase of a parameter file will ever use again."""

import re
import time
from dataclasses import dataclass
from pathlib import Path

from pgan.config import Parameters
from pgan.errors import InputError, PganError
from pgan.locks import Lock
from pgan.phases import read_phases
from pgan.training.config import Recipe
from pgan.training.identity import identify, read_inputs
from pgan.training.snapshots import FILES, LOCK, ORIGIN, discard
from pgan.training.watched_files import WatchedFiles, read_code
from pgan.untrusted.inputs import read_json

NAME = re.compile(r"(\w+)-[0-9a-f]{16}", re.ASCII)
"""Of a phase's folder of snapshots."""
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

    Folders that hold no snapshots are not listed.

    Raises:
        InputError: `folder` is a file, or the parameter file is wrong, so that nothing could be judged.
    """
    parameters = Parameters.read(params)
    phases = read_phases(parameters)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: a file, where a folder of snapshots was expected")
    code = read_code()
    wanted = {
        name: _keys(Recipe.of(parameters, name), train / phase.from_ / "checkpoint.pt", pyramid, code)
        for name, phase in phases.items()
    }
    files = {params.absolute(): parameters}
    return [_judge(path, wanted, files, code) for path in sorted(folder.glob("*-*")) if _is_ours(path)]


def remove(found: Found) -> bool:
    """Delete orphans; whether they are gone, as they are unless a process has begun to use them."""
    return discard(found.path)


def _is_ours(path: Path) -> bool:
    """Whether a folder is named and filled as snapshots are: everything else must survive, whatever --snapshots is."""
    if path.is_symlink() or not path.is_dir() or not NAME.fullmatch(path.name):
        return False
    return all(file.name in FILES and file.is_file() for file in path.iterdir())


def _keys(recipe: Recipe, parent: Path, pyramid: Path, code: WatchedFiles) -> set[str] | None:
    """The keys that a phase's snapshots may have; None while its inputs are missing."""
    inputs = read_inputs(recipe.phase, parent, pyramid)
    try:
        return {identify(recipe, device, inputs, code) for device in DEVICES}
    except OSError:
        return None


def _judge(path: Path, wanted: dict[str, set[str] | None], files: dict[Path, Parameters], code: WatchedFiles) -> Found:
    """What becomes of a phase's snapshots. `files` are parameter files that have been read; others are added."""
    phase, _, key = path.name.rpartition("-")
    seen = [file.stat() for file in path.iterdir()]
    size = sum(status.st_size for status in seen)
    age = time.time() - max((status.st_mtime for status in seen), default=path.stat().st_mtime)
    kept = None
    if _in_use(path):
        kept = "a process is training with it"
    elif phase in wanted and wanted[phase] is None:
        kept = f"what {phase} continues or reads is not there yet, so it cannot be judged"
    elif key in (wanted.get(phase) or ()) or key in _keys_of_origin(path, files, code):
        kept = f"{phase} continues from it"
    return Found(path, size, age, kept)


def _keys_of_origin(path: Path, files: dict[Path, Parameters], code: WatchedFiles) -> set[str]:
    """The keys by the files that the interrupted command itself named, as far as they are still there."""
    name = path.name.rpartition("-")[0]
    try:
        origin = read_json(path / ORIGIN)
        params, parent, pyramid = (Path(origin[key]) for key in ("params", "parent", "pyramid"))
        if params not in files:
            files[params] = Parameters.read(params)
        return _keys(Recipe.of(files[params], name), parent, pyramid, code) or set()
    except (PganError, OSError, ValueError, KeyError, TypeError):
        return set()


def _in_use(path: Path) -> bool:
    """Whether a process holds the lock; nothing is written to find out."""
    if not (path / LOCK).exists():
        return False
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
