"""Writing results: the same bytes for the same numbers."""

import json
import math
from pathlib import Path
from typing import Any

from pgan.errors import RunError
from pgan.files import whole_file

DIGITS = 6
"""Significant digits of a metric: more than any of them is worth, few enough to hide the order of a sum."""


def rounded(metrics: dict[str, float]) -> dict[str, float]:
    """The metrics to six significant digits, by name. Raises RunError where one is not a finite number."""
    for name, value in metrics.items():
        if not math.isfinite(value):
            raise RunError(
                f"the metric {name} is {value}: the images or their features are not finite; lower the phase's lr"
            )
    return {name: significant(value) for name, value in sorted(metrics.items())}


def significant(value: float) -> float:
    """The number to six significant digits."""
    return float(f"{value:.{DIGITS}g}")


def write_json(content: dict[str, Any], path: Path) -> None:
    """Write `content`, indented, so that `path` is at every moment either whole or not there."""
    with whole_file(path) as part:
        part.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
