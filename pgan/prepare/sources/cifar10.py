"""CIFAR-10's standard archives (https://www.cs.toronto.edu/~kriz/cifar.html): its five training batches."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pgan.errors import InputError
from pgan.prepare.sources import Source
from pgan.prepare.sources.arrays import from_arrays
from pgan.prepare.sources.tar import members
from pgan.untrusted.unpickle import Array, loads

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]

PIXELS = 3 * 32 * 32
"""Bytes of an image: a plane of red, one of green, one of blue, row by row."""

MAX_BATCH = 2**26
"""Bytes; the real ones have half of that."""


def cifar10(path: Path, labels: bool) -> Source:
    """The 50,000 training images, RGB 32×32, of cifar-10-python.tar.gz or cifar-10-binary.tar.gz.

    Raises:
        InputError: the archive is missing, broken, or another one; or a batch holds what such a batch does not.
    """
    batches = dict(sorted(_batches(path)))
    if not batches:
        raise InputError(f"{path}: no training batches (data_batch_1 …) in it; expected a CIFAR-10 archive")
    pixels = np.concatenate([images for images, _ in batches.values()])  # (N, 3072)
    images = pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)  # (N, 32, 32, 3)
    return from_arrays(images, np.concatenate([found for _, found in batches.values()]), CLASSES if labels else [])


def _batches(path: Path) -> Iterator[tuple[int, tuple[np.ndarray, np.ndarray]]]:
    """(batch number, (pixels (n, 3072) uint8, labels (n,) int64))."""
    for _, member, file in members(path):
        match = re.fullmatch(r"(?:.*/)?data_batch_(\d)(\.bin)?", member.name)
        if not match or not member.isreg() or member.issparse():
            continue
        where = f"{path}: {member.name}"
        if member.size > MAX_BATCH:
            raise InputError(f"{where}: {member.size} bytes, more than a batch of CIFAR-10 has")
        pixels, labels = (_from_binary if match[2] else _from_pickle)(file.content(member), where)
        if len(labels) != len(pixels) or len(labels) == 0 or labels.min() < 0 or labels.max() >= len(CLASSES):
            raise InputError(f"{where}: not a batch of CIFAR-10: its labels do not fit its {len(pixels)} images")
        yield int(match[1]), (pixels, labels)


def _from_binary(data: bytes, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Records of a label byte and the pixels."""
    if len(data) % (1 + PIXELS):
        raise InputError(f"{where}: {len(data)} bytes are not whole records of {1 + PIXELS} bytes")
    records = np.frombuffer(data, np.uint8).reshape(-1, 1 + PIXELS)
    return records[:, 1:], records[:, 0].astype(np.int64)


def _from_pickle(data: bytes, where: str) -> tuple[np.ndarray, np.ndarray]:
    """A pickled dictionary with `data` and `labels`, as Python 2 wrote it."""
    try:
        batch = loads(data, "CIFAR-10")
    except InputError as error:
        raise InputError(f"{where}: not a batch of CIFAR-10: {error}") from None
    pixels, labels = _entry(batch, "data"), _entry(batch, "labels")
    found = pixels.value if isinstance(pixels, Array) else None
    if found is None or found.dtype != np.uint8 or found.ndim != 2 or found.shape[1] != PIXELS:
        raise InputError(f"{where}: not a batch of CIFAR-10: no pixels (N, {PIXELS}) in it")
    if not isinstance(labels, list) or not all(type(label) is int and abs(label) < 256 for label in labels):
        raise InputError(f"{where}: not a batch of CIFAR-10: no list of labels in it")
    return found, np.array(labels, np.int64)


def _entry(batch: Any, key: str) -> Any:
    """The keys are text where Python 2 wrote the batch, and bytes where Python 3 did in Python 2's protocol."""
    return batch.get(key.encode(), batch.get(key)) if isinstance(batch, dict) else None
