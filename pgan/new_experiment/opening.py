"""What a path holds that a user names, whether DVC can watch it there, and its images."""

import gzip
import os
import zlib
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pgan.errors import SEPARATOR, InputError
from pgan.prepare.config import Prepare, SourceKind
from pgan.prepare.signatures import HEAD, identify
from pgan.prepare.sources import Source, open_source
from pgan.prepare.sources.archive import TARS
from pgan.prepare.sources.kinds import is_part
from pgan.untrusted.inputs import open_file

MADE_BY_STAGES = ("pyramid", "train", "features", "evaluate", "render", "removed", "logs")
"""Folders under data/ that are no source of images."""
IDX_IMAGES = b"\0\0\x08\3"
"""The beginning of an IDX file of unsigned bytes in three dimensions."""


class Opened(NamedTuple):
    """A source of images, as params.yaml names it."""

    kind: SourceKind
    path: str
    source: Source
    no_labels: str | None
    """Why the images have no classes; None where they have."""


def open_images(path: Path, labels: bool | None) -> Opened:
    """List the images at `path`, with their classes where they have any.

    Args:
        labels: whether to keep the classes; None: if there are some.

    Raises:
        InputError: there is nothing, or no image, or nothing that DVC could watch; or no classes, though asked for.
    """
    place = watched_path(path)
    kind = kind_of(path)
    if kind == "tar" and _is_cifar10(place):
        kind = "cifar10"
    if labels is False:
        return Opened(kind, place, _open(kind, place, False), "--no-labels")
    try:
        return Opened(kind, place, _open(kind, place, True), None)
    except InputError as error:
        if labels:
            raise
        unlabelled = _open(kind, place, False)  # raises again where the images themselves are the problem
        return Opened(kind, place, unlabelled, _reason(str(error), place))


def _open(kind: SourceKind, path: str, labels: bool) -> Source:
    try:
        return open_source(Prepare(source=kind, path=path, resolution=4, labels=labels), seed=0)
    except InputError as error:
        idx = [file for file in sorted(Path(path).iterdir()) if _is_idx(file)] if kind == "folder" else []
        if idx and "no images in it" in str(error):
            train = next((file for file in idx if "train" in file.name), idx[0])
            raise InputError(f"{path}: no image files, but an IDX file of images; name that: {train}") from None
        raise InputError(str(error).replace("set prepare.labels to false", "take --no-labels")) from None


def _reason(error: str, path: str) -> str:
    """Why there are no classes, in a few words of the message that says so."""
    first = error.split(SEPARATOR)[0].partition(";")[0]
    return first.removeprefix(f"{path}: ").rpartition(f"{path}: ")[2]


# --- what it is


def kind_of(path: Path) -> SourceKind:
    """How `prepare.source` calls what is at a path. Raises InputError where there is nothing that it could read."""
    if path.is_dir():
        return "folder"
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; name a folder or an archive of images")
    with open_file(path) as file:
        kind = identify(file.read(HEAD))
    if is_part(path.name):
        raise InputError(f"{path}: one part of a split archive; join the parts first (cat NAME.* > WHOLE)")
    if _is_idx(path):
        return "idx"
    if kind is not None and kind.group == "archive":
        if kind.name == "a zip archive":
            return "zip"
        if kind.name in TARS:
            return "tar"
        raise InputError(f"{path}: {kind.name}; unpack it, and name the folder")
    if kind is not None and kind.group == "image":
        raise InputError(f"{path}: a single image; name the folder that it is in")
    what = f"{kind.name}; {kind.advice}, and name the folder" if kind else "neither a folder nor an archive of images"
    raise InputError(f"{path}: {what}")


def _is_idx(path: Path) -> bool:
    with suppress(OSError, EOFError, zlib.error), open_file(path) as file:
        start = file.read(4)
        if start[:2] == b"\x1f\x8b":
            file.seek(0)
            with gzip.open(file) as unzipped:
                start = unzipped.read(4)
        return start == IDX_IMAGES
    return False


def _is_cifar10(path: str) -> bool:
    return Path(path).name in ("cifar-10-python.tar.gz", "cifar-10-binary.tar.gz")


# --- where it is


def watched_path(path: Path) -> str:
    """The path as params.yaml has it: relative inside of the folder of the command, else absolute.

    Raises:
        InputError: DVC could not watch it, or would watch what the stages make.
    """
    here, there = os.path.abspath("."), os.path.abspath(path)
    if not there.isprintable():
        raise InputError(f"{str(path)!a}: a name that no text file can hold; rename it")
    inside = os.path.commonpath([here, there]) == here
    place = os.path.relpath(there, here) if inside else there
    if here == there or os.path.commonpath([here, there]) == there or place == "data":
        raise InputError(f"{path}: holds more than your images: results would be among them; make a folder for them")
    parts = place.split(os.sep)
    if inside and parts[0] == "data" and parts[1] in MADE_BY_STAGES:
        raise InputError(f"{path}: made by the pipeline, not your images; name the folder that they came from")
    if inside and (hidden := next((part for part in parts if part.startswith(".")), None)):
        raise InputError(f"{path}: DVC does not see {hidden}, as its name begins with a dot; rename it")
    if "${" in place:
        raise InputError(f"{path}: DVC takes '${{' for the name of a parameter; rename it")
    return place
