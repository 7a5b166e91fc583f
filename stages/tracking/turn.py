"""Whose turn it is to log a run: a stage may start again while the tracker of its last execution still does it."""

import fcntl
from pathlib import Path
from typing import TextIO


def take(root: Path, run: str) -> TextIO:
    """A file that is locked for this stage, or that an earlier tracker of the run still holds.

    The lock is flock's: it belongs to the open file, which the stage hands to its tracker.  So the stage that started
    first holds it first, however long its tracker takes to begin, and it is free as soon as that tracker has died.
    """
    folder = root / ".pgan" / "tracking"
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / f"{run}.lock").open("w", encoding="utf-8")
    _held(file.fileno())
    return file


def wait(number: int) -> bool:
    """Wait for the lock of an inherited file, by its number; whether it was held from the start."""
    if _held(number):
        return True
    fcntl.flock(number, fcntl.LOCK_EX)
    return False


def _held(number: int) -> bool:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: better no order than no tracking
        pass
    return True
