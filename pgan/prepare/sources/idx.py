"""IDX files (MNIST's format: http://yann.lecun.com/exdb/mnist/), plain or gzipped, read as a stream."""

import gzip
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pgan.errors import InputError
from pgan.prepare.decode import MAX_PIXELS
from pgan.prepare.sources import Payload, Source
from pgan.untrusted.inputs import open_file

MAX_IMAGES = 2**27
"""A header that announces more images (134 million) is not believed: bookkeeping alone would take gigabytes."""

GZIP_RATIO = 1032
"""No deflate stream expands more than this (zlib's own figure); a header that promises more is lying."""

BLOCK = 2**20
"""Bytes read at a time."""


def idx(path: Path, labels_path: Path | None, labels: bool) -> Source:
    """Grey images of an IDX file of unsigned bytes, (N, H, W); the classes are the label values that occur.

    Raises:
        InputError: a file is missing or not an IDX file of the right kind, or the numbers of images and labels differ.
            While reading: the file is shorter or longer than its header says.
    """
    count, height, width = _shape(path, dimensions=3)
    if height * width > MAX_PIXELS:
        raise InputError(f"{path}: images of {height} × {width} pixels are more than the limit of {MAX_PIXELS} pixels")
    classes, indices = (
        _labels(path, labels_path or _sibling(path), count) if labels else ([], np.zeros(count, np.int64))
    )

    def read(wanted: np.ndarray) -> Iterator[tuple[int, Payload]]:
        selected = np.zeros(count, bool)
        selected[wanted] = True
        for first, block in _rows(path, count, height * width, header=16):
            for offset in np.flatnonzero(selected[first : first + len(block)]).tolist():
                yield first + offset, block[offset].reshape(height, width)

    return Source(names=range(count), labels=indices, classes=classes, read=read)


def _labels(path: Path, labels_path: Path, count: int) -> tuple[list[str], np.ndarray]:
    """Class names and (N,) int64 indices into them."""
    (labels_count,) = _shape(labels_path, dimensions=1)
    if labels_count != count:
        raise InputError(f"{labels_path}: {labels_count} labels for the {count} images of {path}")
    values = np.concatenate([block[:, 0] for _, block in _rows(labels_path, count, 1, header=8)])
    found, indices = np.unique(values, return_inverse=True)
    return [str(value) for value in found], indices.astype(np.int64)


def _sibling(path: Path) -> Path:
    """The labels beside the images: train-images-idx3-ubyte.gz -> train-labels-idx1-ubyte.gz."""
    name = path.name.replace("images", "labels").replace("idx3", "idx1")
    if name == path.name:
        raise InputError(f"{path}: no 'images' in its name to find the labels by; give prepare.labels_path")
    stem = name.removesuffix(".gz")
    for sibling in (path.with_name(name), path.with_name(stem), path.with_name(stem + ".gz")):
        if sibling.exists():
            return sibling
    raise InputError(f"{path.with_name(name)}: no such file; give prepare.labels_path, or set prepare.labels to false")


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    """The file's content, unzipped where it is gzipped; what goes wrong in reading it becomes an InputError."""
    try:
        with open_file(path) as file:
            if file.read(2) == b"\x1f\x8b":
                file.seek(0)
                with gzip.open(file) as unzipped:
                    yield unzipped  # type: ignore[misc]
            else:
                file.seek(0)
                yield file
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{path}: a folder, where an IDX file was expected") from None
    except EOFError:
        raise InputError(f"{path}: the gzip stream is cut off") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: the gzip stream is broken: {error}") from None


def _shape(path: Path, dimensions: int) -> tuple[int, ...]:
    """The sizes in the header, checked against the length of the file."""
    with _open(path) as file:
        header = file.read(4 + 4 * dimensions)
        zipped = isinstance(file, gzip.GzipFile)
    if len(header) < 4 or header[:2] != b"\0\0":
        raise InputError(f"{path}: not an IDX file")
    if header[2] != 0x08 or header[3] != dimensions:
        raise InputError(
            f"{path}: an IDX file of type 0x{header[2]:02x} with {header[3]} dimensions; "
            f"expected unsigned bytes (0x08) with {dimensions}"
        )
    if len(header) < 4 + 4 * dimensions:
        raise InputError(f"{path}: cut off within the header")
    shape = struct.unpack(f">{dimensions}I", header[4:])
    if 0 in shape:
        raise InputError(f"{path}: empty: its sizes are {' × '.join(map(str, shape))}")
    size = len(header) + int(np.prod([int(length) for length in shape], dtype=object))
    length = path.stat().st_size
    if shape[0] > MAX_IMAGES or (size > length * GZIP_RATIO if zipped else size != length):
        raise InputError(
            f"{path}: the header promises {' × '.join(map(str, shape))} bytes, no fit for a file of {length} bytes"
        )
    return shape


def _rows(path: Path, count: int, width: int, header: int) -> Iterator[tuple[int, np.ndarray]]:
    """(index of the first row, rows (n, width) uint8), block by block."""
    per_block = max(1, BLOCK // width)
    with _open(path) as file:
        file.read(header)
        for first in range(0, count, per_block):
            rows = min(per_block, count - first)
            data = _read_exactly(file, rows * width)
            if len(data) < rows * width:
                raise InputError(f"{path}: ends after {first + len(data) // width} of {count} entries")
            yield first, np.frombuffer(data, np.uint8).reshape(rows, width)
        if file.read(1):
            raise InputError(f"{path}: longer than its header says ({count} entries)")


def _read_exactly(file: BinaryIO, size: int) -> bytes:
    """Up to `size` bytes; fewer only at the end of the file."""
    data = file.read(size)
    while len(data) < size and (more := file.read(size - len(data))):
        data += more
    return data
