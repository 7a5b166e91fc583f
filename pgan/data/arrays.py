"""Arrays on disk, opened without trusting their headers."""

import math
from pathlib import Path

import numpy as np

from pgan.errors import InputError
from pgan.inputs import open_file


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
            read_header = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[version]
            shape, fortran, dtype = read_header(file)
        except Exception as error:  # a header is a Python literal, and breaks in as many ways
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise InputError(f"{path}: not a plain .npy array: {reason[:200]}") from None
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
