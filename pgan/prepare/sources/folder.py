"""A folder of images, with or without class folders in it."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from pgan.errors import InputError
from pgan.prepare.signatures import HEAD
from pgan.prepare.sources import Payload, Source
from pgan.prepare.sources.archive import what_else
from pgan.prepare.sources.classes import classify
from pgan.prepare.sources.dataset_json import MOST_BYTES
from pgan.prepare.sources.tree import Listing
from pgan.untrusted.inputs import read_bytes


def folder(path: Path, labels: bool) -> Source:
    """Every image below `path`, sorted; links are followed.

    Raises:
        InputError: `path` is no folder or cannot be read; or its images or classes are not what `classify` expects.
    """
    if not path.exists():
        raise InputError(f"{path}: no such folder; check prepare.path")
    if not path.is_dir():
        what = what_else(path, "folder")
        raise InputError(f"{path}: a file, where prepare.source 'folder' expects a folder{f': {what}' if what else ''}")
    listing = Listing()
    names = list(_walk(path, listing))
    found = classify(path, names, listing, labels, frozenset(), lambda name: read_bytes(path / name, MOST_BYTES))

    def read(wanted: np.ndarray) -> Iterator[tuple[int, Payload]]:
        for index in wanted:
            yield index, path / found.names[index]

    return Source(
        names=found.names,
        labels=found.labels,
        classes=found.classes,
        read=read,
        left_out=found.left_out,
        notes=found.notes,
    )


def _walk(root: Path, listing: Listing) -> Iterator[str]:
    """Names of images relative to `root`, depth first. A folder inside itself, by way of links, is not entered."""
    above: tuple[tuple[int, int], ...] = ()  # (device, inode) of the folders around a place
    waiting = [("", True, above)]
    while waiting:
        name, is_folder, above = waiting.pop()
        if not is_folder:
            yield name
            continue
        place = root / name
        try:
            status = place.stat()
            entries = sorted(os.scandir(place), key=lambda entry: entry.name, reverse=True)
        except OSError as error:
            raise InputError(f"{place}: cannot be read: {error.strerror}") from None
        here = (status.st_dev, status.st_ino)
        if here in above:
            continue
        prefix = f"{name}/" if name else ""
        for entry in entries:
            inside = prefix + entry.name
            if _is_folder(entry):
                if listing.enters(inside):
                    waiting.append((inside, True, (*above, here)))
            elif listing.takes(inside, partial(_head, entry)):
                waiting.append((inside, False, ()))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself; as an image it will be listed as broken
        return False


def _head(entry: os.DirEntry[str]) -> bytes | None:
    """The first bytes of a file; None for a pipe or device, and where nothing can be read."""
    try:
        if not entry.is_file():
            return None
        with open(entry.path, "rb") as file:
            return file.read(HEAD)
    except OSError:
        return None
