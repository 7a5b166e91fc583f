"""Whether the files that a phase reads, its code among them, stay as they are while it trains."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pgan
from pgan.errors import RunError

ADVICE = "put it back to continue, or start again with the new one"

Identity = tuple[int, int, int, int, int]


class WatchedFiles:
    """Files that must not change while a phase trains. Make this before they are opened: it watches from then on."""

    def __init__(self, files: list[Path]) -> None:
        self._seen = {path: _identity(path) for path in files}
        self._digests: dict[Path, bytes] = {}

    def digests(self) -> list[bytes]:
        """Of the files' contents, in order; each file is read once. Raises RunError as `check`."""
        if not self._digests:
            self._digests = {path: _digest(path) for path in self._seen}
            for path, seen in self._seen.items():
                if _identity(path) != seen:
                    raise _changed(path)
        return list(self._digests.values())

    def check(self) -> None:
        """To be called after each use of the files. It takes microseconds, unless one was touched.

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


def read_code() -> WatchedFiles:
    """The files that decide what a phase computes.

    Call this before most of them are imported, which takes seconds: then an edit meanwhile is noticed, too.
    """
    here = Path.cwd()
    code = WatchedFiles([path.relative_to(here) if path.is_relative_to(here) else path for path in code_files()])
    code.digests()
    return code


def code_files() -> Iterator[Path]:
    """All that a phase computes with, of this package."""
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
