"""What dvc.yaml lists for a stage, pictured when the stage begins and compared when it ends.

DVC looks at parameters, code and inputs after a stage's work.  What was edited meanwhile would stand in dvc.lock, and
in the run cache, as if the outputs had been made of it; so a stage whose surroundings have changed fails.
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
"""Bytes of a file whose content is compared; of larger ones, size and time."""
FEW = 500
"""Files of a folder whose contents are compared; of more, such as a data set's images, sizes and times."""
ANYWHERE = "anywhere"
"""A folder of the repository for which .dvcignore has no patterns of its own: what it ignores there is litter.

DVC sees litter in folders outside of the repository, but no stage uses it, and nothing else is wrong where it appears.
"""
REFERENCE = re.compile(r"\$\{\s*([^{}]+?)\s*\}")
"""To a parameter, in dvc.yaml: `${prepare.path}`."""


class Picture:
    """A stage's surroundings as they are when this is made."""

    def __init__(self, stage: str, parameters: Parameters, kept: str = "") -> None:
        """Of a stage by DVC's name for it, such as `train@grow_8`; empty where dvc.yaml has no such stage.

        `kept` ends the message of `check`: what is not lost.

        Raises:
            InputError: dvc.yaml cannot be read; or DVC would not see an input, and never run the stage again for it.
        """
        self._parameters = parameters
        self._then = f" while {stage} ran with what was there before; DVC records nothing; run it again{kept}"
        self.keys, places = read_listed(stage, parameters.content)
        for key in self.keys:
            parameters.get(key)
        self._seen = {place: look(place) for place in places}

    def check(self) -> None:
        """Whether all is still as it was.

        Raises:
            RunError: naming the first key or file that is not.
        """
        self._parameters.check_unchanged(self._then)
        for place, seen in self._seen.items():
            for path, word in differences(place, seen):
                if not (ignored(path) or ignored(os.path.join(ANYWHERE, os.path.relpath(path, place)))):
                    raise RunError(f"{path}: {word}{self._then}")


# --- dvc.yaml


def read_listed(stage: str, values: dict[str, Any]) -> tuple[list[str], list[str]]:
    """What dvc.yaml lists for a stage: keys of parameters, and files and folders. Raises as `Picture`."""
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
    """A text of dvc.yaml with its references filled in; None where one is to `vars` or the like."""
    found = {reference: find(values, reference) for reference in REFERENCE.findall(text)}
    if MISSING in found.values():
        print(f"note: {GRAPH}: {text}: not watched, as params.yaml has no such parameter", file=sys.stderr)
        return None
    return REFERENCE.sub(lambda reference: str(found[reference[1]]), text)


def ignored(path: str) -> bool:
    """Whether DVC passes over a file or folder, by .dvcignore."""
    if not Path(".dvc").is_dir():
        return False
    filter_ = _ignore_filter(os.getcwd())
    return bool(filter_.is_ignored_dir(path) if Path(path).is_dir() else filter_.is_ignored_file(path))


@functools.cache
def _ignore_filter(root: str) -> "DvcIgnoreFilter":
    """DVC's own. It is imported where there is something to ask it: that takes half a second."""
    from dvc.fs import localfs
    from dvc.ignore import DvcIgnoreFilter

    return DvcIgnoreFilter(localfs, root)


# --- files


@dataclass(frozen=True)
class Seen:
    """A file at one moment."""

    size: int
    written: int
    """When its content was, in nanoseconds."""
    touched: int
    """When anything about it was."""
    digest: bytes | None = None
    """Of its content, where that is compared."""


def look(place: str) -> dict[str, Seen]:
    """A file, or all files below a folder, by their paths; nothing where there is neither."""
    found = statuses(place)
    if len(found) > FEW:
        return found
    return {
        path: Seen(seen.size, seen.written, seen.touched, _digest(path) if seen.size <= SMALL else None)
        for path, seen in found.items()
    }


def differences(place: str, before: dict[str, Seen]) -> Iterator[tuple[str, str]]:
    """What has changed since `look`: (path, what has become of it). A file written again as it was has not."""
    now = statuses(place)
    for path in sorted(before.keys() | now.keys()):
        if path not in now:
            yield path, "gone"
        elif path not in before:
            yield path, "new"
        elif not _is_still(path, before[path], now[path]):
            yield path, "changed"


def statuses(place: str) -> dict[str, Seen]:
    """As `look`, of the files' sizes and times alone. Like DVC, it goes into no folder that is a link."""
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
        except OSError:  # none, or a link to nowhere
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
    """None where the file cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "blake2b").digest()
    except OSError:
        return None
