"""Locks between processes. The system releases a lock when its holder dies, however it dies."""

import os
from pathlib import Path

import filelock

from pgan import files


def lock(descriptor: int, *, wait: bool = False) -> bool:
    """Lock an open file or folder, and say whether that worked: without `wait`, another process may hold the lock.

    The lock belongs to the open file.  A process that inherits the descriptor holds the same lock.  On a disk without
    locks, nothing keeps processes apart, and the answer is True.
    """
    try:
        return filelock.lock_descriptor(descriptor, blocking=wait)
    except OSError:
        return True


class Lock:
    """A lock on a file of its own. Whoever holds it may delete the file, and the folder around it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Whether this process holds the lock, since now or since earlier. Raises InputError if it cannot be made."""
        while self._descriptor is None:
            with files.writing(self.path):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                try:
                    descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
                except FileNotFoundError:  # the holder deletes the folder at this moment
                    continue
            if not lock(descriptor):
                os.close(descriptor)
                return False
            if _is_at(self.path, descriptor):
                self._descriptor = descriptor
            else:  # the holder has deleted the file in the meantime
                os.close(descriptor)
        return True

    def release(self) -> None:
        """Let other processes have the lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether an open file is still the one at this path."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
