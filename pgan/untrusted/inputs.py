"""Opening what a user or a stranger's file names: a regular file, up to a size; never a pipe that waits forever."""

import json
import stat
from pathlib import Path
from typing import Any, BinaryIO

from pgan.errors import InputError

MOST_JSON = 2**28
"""Bytes of a JSON file (256 MiB): meta.json may list a million skipped images."""


def open_file(path: Path) -> BinaryIO:
    """A regular file, for reading bytes.

    Raises:
        InputError: a pipe, socket or device, which might never end; or a name that no file can have.
        FileNotFoundError, IsADirectoryError: as `open` does; the caller knows what advice to give.
    """
    check_file(path)
    return path.open("rb")


def check_file(path: Path) -> None:
    """Raises as `open_file`, and opens nothing: for libraries that want a path. A folder passes."""
    try:
        mode = path.stat().st_mode
    except NotADirectoryError:
        raise FileNotFoundError(f"{path}: no such file") from None
    except ValueError:  # a null byte, or half a surrogate pair, from an escape in YAML or JSON
        raise InputError(f"{path}: no file can have this name") from None
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise InputError(f"{path}: a pipe or device, where a file was expected")


def read_bytes(path: Path, most: int) -> bytes:
    """The whole content. Raises as `open_file`, and InputError where it is more than `most` bytes."""
    with open_file(path) as file:
        size = file.seek(0, 2)
        file.seek(0)
        if size > most:
            raise InputError(f"{path}: {size} bytes, more than the limit of {most}")
        return file.read(size)  # not `most`, which would be allocated first


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        ValueError: it is not JSON in UTF-8, is nested too deeply, or holds a number of thousands of digits.
        InputError, FileNotFoundError, IsADirectoryError: as `read_bytes`.
    """
    data = read_bytes(path, MOST_JSON)
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None
