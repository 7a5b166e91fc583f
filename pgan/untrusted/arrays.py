"""Arrays on disk, opened without trusting their headers."""

import math
from pathlib import Path

import numpy as np

from pgan.errors import InputError
from pgan.untrusted.inputs import open_file


def open_array(path: Path, private: bool = False) -> np.ndarray:
    """A plain .npy array as a memory map: read-only, or with `private` to be written to without changing the file.

    Raises:
        InputError: the file is no array of plain numbers in row-major order, holds none at all, or fewer or more bytes
            than its header says; nothing is allocated or unpickled to find out.
        FileNotFoundError, IsADirectoryError: there is no such file.
    """
    with open_file(path) as file:
        try:
            version = np.lib.format.read_magic(file)
            if version != (1, 0):  # later ones are for headers of more than 64 KB, and allocate what they claim
                raise ValueError(f"format version {version}")
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        except Exception:  # a header is a Python literal, and breaks in as many ways
            raise InputError(f"{path}: not a plain .npy array: its header is broken") from None
        start, size = file.tell(), file.seek(0, 2)
    if dtype.hasobject:
        raise InputError(f"{path}: not a plain .npy array: it holds Python objects")
    if fortran and len(shape) > 1:
        raise InputError(f"{path}: its values are in column-major order; save it with numpy.ascontiguousarray")
    if math.prod(shape) * dtype.itemsize != size - start or min(shape, default=1) < 1:
        raise InputError(
            f"{path}: not a plain .npy array: its header promises {dtype} {shape}, and {size - start} bytes follow"
        )
    return np.memmap(path, dtype, "c" if private else "r", start, shape)
