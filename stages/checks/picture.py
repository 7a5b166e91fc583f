"""A picture of everything that a stage depends on, taken when the stage begins and compared when it ends.

DVC reads parameters, code and inputs when a stage has ended.  If one was edited in the meantime, dvc.lock and the run
cache would record the edited one, although the outputs were made from the old one.  Such a stage fails instead.
"""

import functools
import hashlib
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgan.config import MISSING, Parameters, find, read_yaml
from pgan.errors import InputError, RunError

if TYPE_CHECKING:
    from dvc.ignore import DvcIgnoreFilter

GRAPH = Path("dvc.yaml")
SMALL = 2**20
"""Bytes. Of smaller files the content is compared, of larger ones size and time."""
FEW = 500
"""Files. In smaller folders the contents are compared, in larger ones, such as data sets, sizes and times."""
ANYWHERE = "anywhere"
"""A folder for which .dvcignore has no patterns of its own: what it ignores there is litter, such as Thumbs.db.

Outside the repository DVC does see litter.  But no stage uses it, so its appearance is no reason to fail.
"""
REFERENCE = re.compile(r"\$\{\s*([^{}]+?)\s*\}")
"""A reference to a parameter in dvc.yaml: `${prepare.path}`."""


class Picture:
    """What a stage depends on, as it was when the picture was taken."""

    def __init__(self, stage: str, parameters: Parameters, kept: str = "") -> None:
        """Take the picture.

        Args:
            stage: by DVC's name, such as `train@grow_8`.  If dvc.yaml has no such stage, the picture is empty.
            parameters: the parameter file as the stage has read it.
            kept: ends the message of `check`: what is not lost.

        Raises:
            InputError: dvc.yaml cannot be read; or DVC ignores an input, and would not notice changes in it.
        """
        self._parameters = parameters
        self._then = f" while {stage} ran with what was there before; DVC records nothing; run it again{kept}"
        self.keys, places = read_listed(stage, parameters.content)
        for key in self.keys:
            parameters.get(key)
        self._seen = {place: look(place) for place in places}

    def check(self) -> None:
        """Compare.

        Raises:
            RunError: something has changed; it names the first such key or file.
        """
        self._parameters.check_unchanged(self._then)
        for place, seen in self._seen.items():
            for path, word in differences(place, seen):
                if not (ignored(path) or ignored(os.path.join(ANYWHERE, os.path.relpath(path, place)))):
                    raise RunError(f"{path}: {word}{self._then}")


# --- dvc.yaml


def read_listed(stage: str, values: dict[str, Any]) -> tuple[list[str], list[str]]:
    """The dependencies of a stage in dvc.yaml: parameter keys, and files and folders. Raises as `Picture` does."""
    kind, _, key = stage.partition("@")
    entry = read_yaml(GRAPH).get("stages", {}).get(kind) if GRAPH.is_file() else None
    if entry is None:
        return [], []
    if "do" in entry:
        entry, values = entry["do"], values | {"key": key, "item": find(values, f"phases.{key}")}
    keys = [name for listed in entry.get("params", []) if isinstance(listed, str) and (name := filled(listed, values))]
    places = [file for listed in entry.get("params", []) if isinstance(listed, dict) for file in listed]
    for listed in entry.get("deps", []):
        place = filled(listed, values)
        if place is None:
            continue
        if listed.startswith("${") and ignored(place):  # a path of the user's
            reason = f"hidden from DVC by .dvcignore, so that {kind} would never run again when it changes"
            raise InputError(f"{place}: {reason}; give it another name or place")
        places.append(place)
    return keys, places


def filled(text: str, values: dict[str, Any]) -> str | None:
    """A text of dvc.yaml with the values of its references; None if params.yaml has no such parameter."""
    found = {reference: find(values, reference) for reference in REFERENCE.findall(text)}
    if MISSING in found.values():
        print(f"note: {GRAPH}: {text}: not watched, as params.yaml has no such parameter", file=sys.stderr)
        return None
    return REFERENCE.sub(lambda reference: str(found[reference[1]]), text)


def ignored(path: str) -> bool:
    """Whether .dvcignore hides a file or folder from DVC."""
    if not Path(".dvc").is_dir():
        return False
    filter_ = _ignore_filter(os.getcwd())
    return bool(filter_.is_ignored_dir(path) if Path(path).is_dir() else filter_.is_ignored_file(path))


@functools.cache
def _ignore_filter(root: str) -> "DvcIgnoreFilter":
    """DVC's own filter. Imported here, because that takes half a second."""
    from dvc.fs import localfs
    from dvc.ignore import DvcIgnoreFilter

    return DvcIgnoreFilter(localfs, root)


# --- files


@dataclass(frozen=True)
class Seen:
    """The state of a file."""

    size: int
    written: int
    """Last change of the content, in nanoseconds."""
    touched: int
    """Last change of content, name or rights, in nanoseconds."""
    digest: bytes | None = None
    """Of the content, if that is compared."""


def look(place: str) -> dict[str, Seen]:
    """The state of a file, or of all files below a folder, by path. Empty if there is neither."""
    found = statuses(place)
    if len(found) > FEW:
        return found
    return {
        path: Seen(seen.size, seen.written, seen.touched, _digest(path) if seen.size <= SMALL else None)
        for path, seen in found.items()
    }


def differences(place: str, before: dict[str, Seen]) -> Iterator[tuple[str, str]]:
    """(path, what happened to it) for each change since `look`. Writing the same content again is no change."""
    now = statuses(place)
    for path in sorted(before.keys() | now.keys()):
        if path not in now:
            yield path, "gone"
        elif path not in before:
            yield path, "new"
        elif not _is_still(path, before[path], now[path]):
            yield path, "changed"


def statuses(place: str) -> dict[str, Seen]:
    """As `look`, but only sizes and times. Like DVC, this does not enter folders that are links."""
    paths = [place]
    if os.path.isdir(place):
        paths = []
        for folder, below, files in os.walk(place):
            below[:] = [name for name in below if name != "__pycache__"]
            paths += [os.path.join(folder, name) for name in files]
    found = {}
    for path in paths:
        try:
            status = os.stat(path)
        except OSError:  # no such file, or a broken link
            continue
        found[path] = Seen(status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return found


def _is_still(path: str, before: Seen, now: Seen) -> bool:
    if before.size != now.size:
        return False
    if before.digest is None:
        return before.written == now.written
    return before.touched == now.touched or before.digest == _digest(path)


def _digest(path: str) -> bytes | None:
    """None if the file cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "blake2b").digest()
    except OSError:
        return None
