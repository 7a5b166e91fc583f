"""A folder of images, with or without class folders in it."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pgan.errors import InputError
from pgan.prepare.sources import Payload, Source
from pgan.prepare.sources.tree import classify, is_image


def folder(path: Path, labels: bool) -> Source:
    """Every image below `path`, sorted; links are followed.

    Raises:
        InputError: `path` is no folder or cannot be read, or holds no images, or an image lies in no class folder.
    """
    if not path.exists():
        raise InputError(f"{path}: no such folder; check prepare.path")
    if not path.is_dir():
        raise InputError(f"{path}: a file, where prepare.source 'folder' expects a folder")
    names = list(_walk(path))
    indices, classes = classify(path, names, labels, escaping=frozenset())

    def read(wanted: np.ndarray) -> Iterator[tuple[int, Payload]]:
        for index in wanted:
            yield index, path / names[index]

    return Source(names=names, labels=indices, classes=classes, read=read)


def _walk(root: Path) -> Iterator[str]:
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
            if _is_folder(entry):
                if not entry.name.startswith(".") and entry.name != "__MACOSX":
                    waiting.append((prefix + entry.name, True, (*above, here)))
            elif is_image(entry.name):
                waiting.append((prefix + entry.name, False, ()))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself; as an image it will be listed as broken
        return False
