"""Folders of phases that params.yaml no longer has: they are moved away, so that no stage reads them.

`render` depends on data/train and data/evaluate as a whole, because DVC cannot list the dependencies of all phases.
DVC would hash the folder of a removed or renamed phase along with the others.  A fresh clone does not have it.
"""

import itertools
import re
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

MADE = ("checkpoint.pt", "losses.csv", "samples.npy", "summary.json", "metrics.json", "nearest.json", "nearest.npy")
"""The outputs of a phase's stages. Other files there are hidden from DVC (.dvcignore)."""
PHASE = re.compile(r"\w+", re.ASCII)
ROOT = "init"
"""The folder among the phases that belongs to no phase."""


def set_aside(folders: Iterable[Path], phases: Iterable[str]) -> None:
    """Move folders of other phases than these to the folder `removed` beside, and print a line for each.

    If params.yaml gets such a phase back, `dvc repro` restores its files from DVC's cache.
    """
    kept = {ROOT, *phases}
    for folder in folders:
        for path in sorted(folder.glob("*")):
            if path.name not in kept and _is_seen(path):
                place = _free(folder.parent / "removed" / folder.name / path.name)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(path, place)
                print(f"{path} -> {place}: params.yaml has no such phase; delete it if you like", file=sys.stderr)


def _is_seen(path: Path) -> bool:
    if not PHASE.fullmatch(path.name) or path.is_symlink():
        return False
    return any((path / name).is_file() for name in MADE)


def _free(path: Path) -> Path:
    """A free name: grow_8, grow_8.2, …"""
    names = itertools.chain([path], (path.with_name(f"{path.name}.{number}") for number in itertools.count(2)))
    return next(name for name in names if not name.exists())
