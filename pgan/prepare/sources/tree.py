"""A tree of image files, wherever it is kept: which files count, their order, and their classes."""

import re
from collections.abc import Iterable
from os.path import splitext
from pathlib import Path

import numpy as np

from pgan.errors import InputError

SUFFIXES = (
    ".avif .bmp .gif .jfif .jp2 .jpe .jpeg .jpg .pbm .pgm .png .pnm .ppm .tif .tiff .webp".split()  # noqa: SIM905
)
"""Files with another ending are ignored."""

MAX_FILE = 2**28
"""Bytes: a larger encoded image (256 MiB) counts as broken; of an archive's member no more is ever unpacked."""

ESCAPES = "its name leads out of the archive"
"""Why a member with an absolute name, or one that climbs up, is skipped."""


def is_image(name: str) -> bool:
    """Whether a name in a tree is that of an image: hidden files, and what macOS puts into archives, are not."""
    *folders, file = name.split("/")
    if splitext(file)[1].lower() not in SUFFIXES or file.startswith("."):
        return False
    return not any(part == "__MACOSX" or (part.startswith(".") and part not in (".", "..")) for part in folders)


def normalised(name: str) -> str | None:
    """A member's name without empty and `.` parts; None when it is absolute or climbs up with `..`."""
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or re.match("[A-Za-z]:", name):
        return None
    if "" in parts or "." in parts:
        return "/".join(part for part in parts if part not in ("", "."))
    return name  # itself, not a copy: there may be millions


def in_order(names: Iterable[str]) -> list[str]:
    """Names as a walk through the tree meets them, each folder's entries sorted."""
    return sorted(names, key=lambda name: name.replace("/", "\0"))


def classify(where: Path, names: list[str], labels: bool, escaping: frozenset[str]) -> tuple[np.ndarray, list[str]]:
    """Labels (N,) int64 and class names: the first folder level of each name; no classes unless `labels`.

    Names that are `escaping` from the archive belong to no class and get the label 0: they will be skipped.

    Raises:
        InputError: there are no images, or classes were asked for and an image lies in no folder.
    """
    if not names:
        raise InputError(f"{where}: no images in it; files that count end in {' '.join(SUFFIXES)}")
    indices = np.zeros(len(names), np.int64)
    if not labels:
        return indices, []
    loose = next((name for name in names if "/" not in name and name not in escaping), None)
    if loose is not None:
        raise InputError(f"{where}: {loose} lies in no class folder; move it, or set prepare.labels to false")
    classes = sorted({name.partition("/")[0] for name in names if name not in escaping})
    known = {name: label for label, name in enumerate(classes)}
    for position, name in enumerate(names):
        if name not in escaping:
            indices[position] = known[name.partition("/")[0]]
    return indices, classes
