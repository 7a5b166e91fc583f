"""Writing results: whole or not at all, and the same bytes for the same numbers."""

import json
import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pgan.errors import InputError, RunError

DIGITS = 6
"""Significant digits of a metric: more than any of them is worth, few enough to hide the order of a sum."""


def rounded(metrics: dict[str, float]) -> dict[str, float]:
    """The metrics to six significant digits, by name. Raises RunError where one is not a finite number."""
    for name, value in metrics.items():
        if not math.isfinite(value):
            raise RunError(f"the metric {name} is {value}: the images or their features are not finite")
    return {name: float(f"{value:.{DIGITS}g}") for name, value in sorted(metrics.items())}


def write_json(content: dict[str, Any], path: Path) -> None:
    """Write `content`, indented, so that `path` is at every moment either whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def new_folder(out: Path, marker: str) -> Iterator[Path]:
    """A fresh folder to fill, which becomes `out` when the block ends well and is gone when it does not.

    Raises:
        InputError: `out` is there already, is not empty and does not hold `marker`: it is not ours to replace.
    """
    if out.exists() and not (out.is_dir() and ((out / marker).exists() or not any(out.iterdir()))):
        raise InputError(f"{out}: exists and was not made by this command; move it away or choose another --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)  # left by a run that was killed
    part.mkdir()
    try:
        yield part
        if out.exists():
            shutil.rmtree(out)
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
