"""Memory that a container or a batch system leaves to this process: the limits of Linux control groups."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

MINE = Path("/proc/self/cgroup")
"""The groups of this process: lines of number, controllers and folder, separated by colons."""


class Hierarchy(NamedTuple):
    """How a version of the control groups calls its files."""

    root: Path
    limit: str
    usage: str
    cache: str
    """Line of memory.stat: files in memory that the system would give up."""


FIRST = Hierarchy(
    Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
)
SECOND = Hierarchy(Path("/sys/fs/cgroup"), "memory.max", "memory.current", "inactive_file")


def room() -> float:
    """Bytes that this process may still take; infinite without a limit, and where there are no such groups."""
    return min((_left(folder, files) for folder, files in _groups()), default=math.inf)


def _groups() -> Iterator[tuple[Path, Hierarchy]]:
    """Folders of this process's groups. A limit of a group holds for all groups in it."""
    try:
        lines = MINE.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):  # not Linux
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        files = SECOND if not controllers else FIRST if "memory" in controllers.split(",") else None
        if files is not None:
            folder = files.root / path.lstrip("/")
            yield from ((place, files) for place in (folder, *folder.parents) if place.is_relative_to(files.root))


def _left(folder: Path, files: Hierarchy) -> float:
    """Infinite without a limit, and where a container does not show the folder."""
    try:
        limit, usage = int((folder / files.limit).read_text()), int((folder / files.usage).read_text())
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return max(0, limit - usage + int(stat.get(files.cache, 0)))
    except (OSError, ValueError):  # no file, or `max`
        return math.inf
