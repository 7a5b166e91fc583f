"""Files and folders that appear whole or not at all, whatever happens while they are written.

Each is made under a hidden name beside its place, `.NAME.part`, reaches the disk, and is then renamed.  What a killed
process leaves under that name, the next one that writes to the same place clears away.
"""

import errno
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pgan.errors import InputError, RunError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
BAD_PLACE = (
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST),
    *(errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL),
)
"""Errors that another place would not give: the user's to mend."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A hidden sibling to write to; it replaces `path` when the block ends well, and is gone when it does not.

    Raises:
        InputError: nothing can be written there.
        RunError: the disk is full, or fails.
    """
    with writing(path):
        if path.exists() and not path.is_file():  # a rename would put a file in the place of /dev/null
            kind = "a folder" if path.is_dir() else "a pipe or device"
            raise InputError(f"{path}: cannot be written: it is {kind}; name a file")
        part = path.with_name(f".{path.stem}.part{path.suffix}")  # libraries tell the format by the ending
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield part
            _sync(part)
            part.replace(path)
            _sync(path.parent)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """The same for a folder; into one that is there already, its files move one by one, and others in it stay."""
    with writing(path):
        _check_no_file(path)
        with _part_folder(path) as part:
            yield part
            _sync_all(part)
            if path.is_dir():
                _move_into(part, path)
            else:
                part.replace(path)
            _sync(path.parent)


@contextmanager
def replaced_folder(path: Path, marker: str, maker: str) -> Iterator[Path]:
    """A new folder that takes the place of `path` and of all that is in it.

    Raises:
        InputError: nothing can be written there; or `path` is there, is not empty, and lacks the file `marker`: it is
            not what the command `maker` makes, and an `--out` given by mistake must cost nothing.
        RunError: the disk is full, or fails.
    """
    with writing(path):
        ours = not path.exists() or (path.is_dir() and ((path / marker).exists() or not any(path.iterdir())))
        if not ours:
            raise InputError(f"{path}: exists and was not made by `{maker}`; choose another --out, or move it away")
        path.parent.mkdir(parents=True, exist_ok=True)
        place = path.resolve()  # where a link points to: the new folder must be on the same disk
        with _part_folder(place) as part:
            yield part
            _sync_all(part)
            old = place.with_name(f".{place.name}.old")
            shutil.rmtree(old, ignore_errors=True)
            if place.exists():
                place.replace(old)
            part.replace(place)
            _sync(place.parent)
            shutil.rmtree(old, ignore_errors=True)


def check_output(out: Path, *inputs: Path) -> None:
    """Raise InputError where the output, a file, is a folder or one of the command's own inputs."""
    if out.is_dir():
        raise InputError(f"{out}: cannot be written: it is a folder; name a file")
    for path in inputs:
        if out.exists() and path.exists() and out.samefile(path):
            raise InputError(f"{out}: would be written over its own source; choose another name")


def check_place(path: Path) -> None:
    """Find out before the work, not after it, whether `whole_folder` could write there. Raises as it does."""
    with writing(path):
        _check_no_file(path)
        place = _named(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        tempfile.mkdtemp(prefix=f".{place.name}.part", dir=place.parent)  # not the name of one who writes there
        for empty in place.parent.glob(f".{glob.escape(place.name)}.part?*"):  # a killed process leaves one too
            with suppress(OSError):
                empty.rmdir()


def _check_no_file(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: cannot be written: it is a file; name a folder")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What the system refuses while `path` is written, as an InputError or a RunError that names it."""
    try:
        yield
    except OSError as error:
        if error.errno is None or (error.errno not in FULL and not _about(error, path)):
            raise
        kind = InputError if error.errno in BAD_PLACE else RunError
        advice = "; make room, or choose another place" if error.errno in FULL else ""
        raise kind(f"{path}: cannot be written: {error.strerror or error}{advice}") from None


def _about(error: OSError, path: Path) -> bool:
    """Whether an error is about `path`, what is above it, or its hidden sibling, and not about a file that was read."""
    if not isinstance(error.filename, str | os.PathLike):
        return True  # as writing to an open file gives it
    place, target = (Path(os.path.realpath(name)) for name in (error.filename, path))
    if place in (target, *target.parents):
        return True
    beside = place.relative_to(target.parent).parts[0] if place.is_relative_to(target.parent) else ""
    hidden = (f".{target.name}.part", f".{target.name}.old", f".{target.stem}.part")
    return beside == target.name or beside.startswith(hidden)


@contextmanager
def _part_folder(path: Path) -> Iterator[Path]:
    """A new hidden folder beside `path`; when the block ends, what is still in it goes."""
    place = _named(path)
    part = place.with_name(f".{place.name}.part")
    shutil.rmtree(part, ignore_errors=True)  # left by a process that was killed
    part.mkdir(parents=True)
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _named(path: Path) -> Path:
    """The same place by a path that ends in its name, as `.` and `..` do not. Raises InputError for the root."""
    place = path.resolve() if path.name in ("", "..") else path
    if not place.name:
        raise InputError(f"{path}: cannot be written: it is the root of the disk; choose another place")
    return place


def _move_into(part: Path, path: Path) -> None:
    """Move every file below `part` to the same place below `path`."""
    for file in sorted(part.rglob("*")):
        if file.is_file():
            target = path / file.relative_to(part)
            target.parent.mkdir(parents=True, exist_ok=True)
            file.replace(target)


def _sync_all(folder: Path) -> None:
    for file in folder.rglob("*"):
        _sync(file)


def _sync(path: Path) -> None:
    """Make a file, or a folder's list of names, outlive a loss of power."""
    with suppress(PermissionError):  # where the system does not let a folder be opened
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
