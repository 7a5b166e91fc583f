"""What a source leaves out, counted by kind: bounded, and the same in whatever order the files come."""

import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field

from pgan.prepare.sources.kinds import GROUPS

MOST_EXAMPLES = 5
SHOWN_EXAMPLES = 3
MOST_ENDINGS = 8
LONGEST_ENDING = 12
"""Characters: what follows the last dot of a name may be a sentence."""


@dataclass(frozen=True)
class LeftOut:
    """Things of one kind that are not in the pyramid."""

    what: str
    """In the plural."""
    count: int
    why: str
    """And what to do."""
    examples: list[str] = field(default_factory=list)
    """The first names, in order."""


class Smallest:
    """The first few of any number of different texts."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.found: list[str] = []
        self.more = False
        """There are others."""

    def add(self, text: str) -> None:
        """Take a text in, which may have come before."""
        place = bisect_left(self.found, text)
        if place < len(self.found) and self.found[place] == text:
            return
        if place < self._most:
            self.found.insert(place, text)
        if len(self.found) > self._most or place >= self._most:
            self.more = True
            del self.found[self._most :]


class Tally:
    """Counts what is left out, by group."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._examples: dict[str, Smallest] = {}
        self._endings: dict[str, Smallest] = {}

    def add(self, group: str, name: str, ending: str = "") -> None:
        """One more of a group."""
        if group not in self._counts:
            self._counts[group] = 0
            self._examples[group], self._endings[group] = Smallest(MOST_EXAMPLES), Smallest(MOST_ENDINGS)
        self._counts[group] += 1
        self._examples[group].add(name)
        self._endings[group].add(ending if len(ending) <= LONGEST_ENDING else "")

    def entries(self) -> list[LeftOut]:
        """What was counted, in the order of GROUPS."""
        return [
            LeftOut(self._what(group), self._counts[group], kind.why, list(self._examples[group].found))
            for group, kind in GROUPS.items()
            if group in self._counts
        ]

    def _what(self, group: str) -> str:
        endings = self._endings[group]
        shown = " ".join(ending for ending in endings.found if ending) + (" …" if endings.more else "")
        pattern = GROUPS[group].what
        if pattern == "files {}":
            return f"files {shown}".rstrip() if shown else "files of that kind"
        return pattern.format(f"({shown})" if shown else "").rstrip()


def first(names: Iterable[str]) -> list[str]:
    """Examples out of any number of names."""
    found = Smallest(MOST_EXAMPLES)
    for name in names:
        found.add(name)
    return found.found


def told(entry: LeftOut) -> str:
    """One line about things of one kind."""
    what = entry.what if entry.count != 1 else _PLURAL.sub(lambda found: _SINGULAR[found[0]], entry.what, count=1)
    shown = entry.examples[:SHOWN_EXAMPLES]
    examples = f" ({', '.join(shown)}{' …' if entry.count > len(shown) else ''})" if shown else ""
    return f"{entry.count} {what}{examples}: {entry.why}"


_SINGULAR = {f"{noun}s": noun for noun in ("archive", "database", "file", "folder", "image", "link", "part", "piece")}
_PLURAL = re.compile(r"\b(?:" + "|".join(_SINGULAR) + r")\b")
