"""Saying what a file is that is not the archive which `prepare.source` promises, and what to do with it."""

import os
import re
from contextlib import suppress
from pathlib import Path

from pgan.prepare.signatures import HEAD, Kind, identify
from pgan.prepare.sources.kinds import is_part
from pgan.untrusted.inputs import open_file

UNPACK = "unpack it and use source: folder"
JOIN = (
    "one part of a split archive; join the parts first (cat NAME.* > WHOLE, `zip -s 0 NAME.zip --out WHOLE.zip`, "
    "or 7-Zip)"
)

_PACKED_TAR = ("a gzip file", "a bzip2 file", "an xz file", "a zstd file")
TARS = ("a tar archive", *_PACKED_TAR)
"""What a tar archive may look like."""

_ENDINGS = re.compile(r"(?:\.(?:zip|tar|tgz|tbz2?|txz|tzst|gz|bz2|xz|zst))+$", re.IGNORECASE)


def what_else(path: Path, source: str) -> str | None:
    """What a file is where `source` (folder, zip or tar) cannot read it, with advice; None if there is no telling."""
    with open_file(path) as file:
        kind = identify(file.read(HEAD))
    if is_part(path.name):
        return JOIN
    return None if kind is None else _advice(kind, source)


def _advice(kind: Kind, source: str) -> str | None:
    match kind:
        case Kind("archive", "a zip archive" | "an empty zip archive"):
            return None if source == "zip" else f"{kind.name}; set prepare.source to zip"
        case Kind("archive", "a split zip archive"):
            return JOIN
        case Kind("archive", "a tar archive"):
            return None if source == "tar" else f"{kind.name}; set prepare.source to tar"
        case Kind("archive", name) if name in _PACKED_TAR:
            return None if source == "tar" else f"{name}; if it is a packed tar archive, set prepare.source to tar"
        case Kind("archive", name):
            return f"{name}; {UNPACK}"
        case Kind("image", name):
            return f"a single image ({name}); use source: folder and name the folder that it is in"
        case Kind("lmdb" | "data", name):
            return f"{name}; export its images to a folder and use source: folder"
        case Kind("other", "a web page (HTML)" | "an empty file" as name):
            return f"{name}; the download went wrong, fetch it again"
        case Kind("pointer", name):
            return f"{name}; {kind.advice}"
    return kind.name


def numbered_like(path: Path) -> list[str]:
    """A note on other archives beside `path` whose names differ from its own in a number alone."""
    stem = _ENDINGS.sub("", path.name)
    others: list[str] = []
    number = re.search(r"\d+(?=\D*$)", stem)
    if number is None:
        return []
    before, after = map(re.escape, (path.name[: number.start()], path.name[number.end() :]))
    pattern = re.compile(rf"{before}\d{{1,20}}{after}")
    with suppress(OSError):
        others = sorted(name for name in os.listdir(path.parent) if name != path.name and pattern.fullmatch(name))
    if not others:
        return []
    return [
        f"archives beside it that are numbered like it are not read: {len(others)}, such as {others[0]}; to have all, "
        "unpack them into one folder and use source: folder"
    ]
