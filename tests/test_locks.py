"""Locks: one process at a time, until it ends, and no trace of a holder that deleted its lock's folder."""

import subprocess
import sys
from pathlib import Path

import filelock
import pytest

from pgan.errors import InputError
from pgan.locks import Lock, lock

HOLD = "import sys, pathlib, pgan.locks as l; print(l.Lock(pathlib.Path(sys.argv[1])).acquire(), flush=True); input()"


def holder(path: Path) -> "subprocess.Popen[str]":
    """A process that holds a lock until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    return process


def test_a_lock_is_held_by_one_process_until_it_dies(tmp_path: Path) -> None:
    path = tmp_path / "a/b/lock"
    other, mine = holder(path), Lock(path)
    assert not mine.acquire()
    other.kill()
    other.communicate()
    assert mine.acquire()
    assert mine.acquire(), "held since before"
    assert not Lock(path).acquire()
    mine.release()
    assert Lock(path).acquire()


def test_a_lock_on_a_deleted_file_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The holder deletes it just before another process gets the lock on what is no longer at the path."""
    path = tmp_path / "lock"
    real, attempts = filelock.lock_descriptor, []

    def deleted_first(descriptor: int, **options: bool) -> bool:
        if not attempts:
            path.unlink()
        attempts.append(descriptor)
        return real(descriptor, **options)

    monkeypatch.setattr("filelock.lock_descriptor", deleted_first)
    one, two = Lock(path), Lock(path)
    assert one.acquire()
    assert len(attempts) == 2
    assert not two.acquire(), "both are about the file that is there"


def test_on_a_disk_without_locks_nobody_is_kept_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(descriptor: int, **options: bool) -> bool:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("filelock.lock_descriptor", no_locks)
    assert Lock(tmp_path / "lock").acquire()


def test_a_lock_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written: "):
        Lock(tmp_path / "file/lock").acquire()


def test_a_process_that_inherits_an_open_file_holds_its_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with path.open("w") as file:
        assert lock(file.fileno())
        heir = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[file.fileno()])
    with path.open() as again:
        assert not lock(again.fileno())
        heir.communicate()
        assert lock(again.fileno(), wait=True)
