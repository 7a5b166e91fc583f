"""A tree of image files, in a folder or an archive: which files count, in which order, and what else there is."""

import re
from collections.abc import Callable, Iterable

from pgan.prepare.decode import SUFFIXES, suffixes
from pgan.prepare.signatures import identify
from pgan.prepare.sources.kinds import LOOKED_INTO, ending_of, group_of, litter_file, litter_folder
from pgan.prepare.sources.left_out import Tally

DESCRIPTION = "dataset.json"
"""The file in which StyleGAN and EDM keep the classes."""

MAX_FILE = 2**28
"""Bytes: a larger encoded image (256 MiB) counts as broken; of an archive's member no more is ever unpacked."""

ESCAPES = "its name leads out of the archive"
"""Why a member with an absolute name, or one that climbs up, is skipped."""


class Listing:
    """Tells the images from the other files of a tree, which come one by one, and counts the others."""

    def __init__(self) -> None:
        self.left_out = Tally()
        self.descriptions: list[str] = []
        """Files named `dataset.json`."""
        self._suffixes = frozenset(suffixes())
        self._entered: dict[str, bool] = {}
        self._litter: set[str] = set()

    def has_suffix(self, name: str) -> bool:
        """Whether a name has the ending of an image that can be decoded here."""
        return ending_of(name) in self._suffixes

    @property
    def folders(self) -> list[str]:
        """The folders that were entered; not every folder around them is listed."""
        return [folder for folder, entered in self._entered.items() if entered]

    @property
    def description(self) -> str | None:
        """The `dataset.json` nearest to the root."""
        return min(self.descriptions, key=lambda name: (name.count("/"), name), default=None)

    def enters(self, folder: str) -> bool:
        """Note a folder. False if it is hidden, or a system's own, or lies in one that is."""
        if folder not in self._entered:
            self._entered[folder] = self._is_worth_it(folder)
        return self._entered[folder]

    def _is_worth_it(self, folder: str) -> bool:
        parts = folder.split("/")
        for depth, part in enumerate(parts):
            group = litter_folder(part)
            if group is not None:
                litter = "/".join(parts[: depth + 1])
                if litter not in self._litter:
                    self._litter.add(litter)
                    self.left_out.add(group, litter)
                return False
        return True

    def passes(self, name: str) -> bool:
        """Whether a file may be an image. It is not if it is hidden, or a desktop's, or lies in such a folder."""
        folder, _, file = name.rpartition("/")
        if folder and not self.enters(folder):
            return False
        group = litter_file(file)
        if group is not None:
            self.left_out.add(group, name, ending_of(file) if group == "desktop" else "")
        return group is None

    def takes(self, name: str, head: Callable[[], bytes | None]) -> bool:
        """Whether a file is an image, by its ending or by the first bytes that `head` reads (None: unreadable)."""
        if not self.passes(name):
            return False
        file = name.rpartition("/")[2]
        ending = ending_of(file)
        if ending in self._suffixes:
            return True
        if file == DESCRIPTION:
            self.descriptions.append(name)
            return False
        group = group_of(file)
        if group is None or group in LOOKED_INTO:
            kind = identify(head() or b"")
            if kind is not None and kind.group == "image":
                if self._suffixes.issuperset(SUFFIXES[kind.name].split()):
                    return True
                group = kind.name if kind.name in LOOKED_INTO else "unread"
            elif kind is not None and (group is None or kind.group != "other"):
                group = kind.group
        self.left_out.add(group or "other", name, ending)
        return False


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
