"""Files and folders that appear whole or not at all."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pgan.errors import InputError, RunError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A hidden sibling to write to; it replaces `path` when the block ends, and is gone when the block fails.

    Raises:
        InputError: nothing can be written there.
        RunError: the disk is full.
    """
    part = path.with_name(f".{path.stem}.part{path.suffix}")  # libraries tell the format by the ending
    with _writing(path):
        if path.is_dir():
            raise InputError(f"{path}: cannot be written: it is a folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield part
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """The same for a folder; into one that is there already, its files move one by one, and others in it stay."""
    part = path.with_name(f".{path.name}.part")
    with _writing(path):
        if path.exists() and not path.is_dir():
            raise InputError(f"{path}: cannot be written: it is a file, not a folder")
        shutil.rmtree(part, ignore_errors=True)  # left by a run that was killed
        part.mkdir(parents=True)
        try:
            yield part
            if path.is_dir():
                for file in sorted(part.iterdir()):
                    file.replace(path / file.name)
            else:
                part.replace(path)
        finally:
            shutil.rmtree(part, ignore_errors=True)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        kind = RunError if error.errno in FULL else InputError
        raise kind(f"{path}: cannot be written: {error.strerror or error}") from None
