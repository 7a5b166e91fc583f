"""Folders of phases that params.yaml no longer has, which a stage must not take for its input.

`render` depends on data/train and data/evaluate as a whole, because DVC knows no list of dependencies for all phases.
What a removed or renamed phase left there would be hashed along with the rest, here but not in a fresh clone.
"""

import itertools
import re
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

MADE = ("checkpoint.pt", "losses.csv", "samples.npy", "summary.json", "metrics.json")
"""What stages make of a phase; DVC sees nothing else there (.dvcignore)."""
PHASE = re.compile(r"\w+", re.ASCII)
ROOT = "init"
"""Lies among the phases, and is none."""


def set_aside(folders: Iterable[Path], phases: Iterable[str]) -> None:
    """Move what DVC would see in these folders of other than these phases to `removed`, beside them.

    Each costs a line.  `dvc repro` brings a phase back from DVC's cache, should params.yaml have it again.
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
    """A name that nothing has: grow_8, grow_8.2, …"""
    names = itertools.chain([path], (path.with_name(f"{path.name}.{number}") for number in itertools.count(2)))
    return next(name for name in names if not name.exists())
