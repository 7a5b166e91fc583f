"""The files that a phase reads, its code among them, and the promise that they stay as they are while it trains."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pgan
from pgan.errors import RunError

ADVICE = "put it back to go on, or start anew with what it is now"

Identity = tuple[int, int, int, int, int]


class Inputs:
    """Input files, watched from the moment at which this is made: make it before the files are opened."""

    def __init__(self, files: list[Path]) -> None:
        self._seen = {path: _identity(path) for path in files}
        self._digests: dict[Path, bytes] = {}

    def digests(self) -> list[bytes]:
        """Of the files' contents, in order; read once. Raises RunError as `check`."""
        if not self._digests:
            self._digests = {path: _digest(path) for path in self._seen}
            for path, seen in self._seen.items():
                if _identity(path) != seen:
                    raise _changed(path)
        return list(self._digests.values())

    def check(self) -> None:
        """To be called after each use of the files: microseconds, as long as nobody has touched one.

        Raises:
            RunError: one has other content than in the beginning, or is gone.
        """
        for path, seen in self._seen.items():
            now = _identity(path)
            if now == seen:
                continue
            if now is None or _digest(path) != self._digests.get(path):
                raise _changed(path)
            self._seen[path] = now  # written again with the same content, as `dvc checkout` does


def read_code() -> Inputs:
    """The files that decide what a phase computes.

    To be called before most of them are imported, which takes seconds: so an edit meanwhile is one under training.
    """
    here = Path.cwd()
    code = Inputs([path.relative_to(here) if path.is_relative_to(here) else path for path in _code()])
    code.digests()
    return code


def _code() -> Iterator[Path]:
    package = Path(pgan.__path__[0])
    for room in ("training", "networks", "data"):
        yield from sorted((package / room).glob("*.py"))
    for module in ("config.py", "files.py", "phases.py", "randomness.py"):
        yield package / module


def _changed(path: Path) -> RunError:
    return RunError(f"{path}: changed while training read it; {ADVICE}")


def _identity(path: Path) -> Identity | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").digest()
