"""What the user has set by options of `pgan new`; None where `pgan new` decides."""

import re
from dataclasses import dataclass

from pgan.errors import InputError

LONGEST = 10 * 365 * 86_400
"""Seconds: ten years."""
UNITS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}


@dataclass(frozen=True)
class Wishes:
    """The options, by their names."""

    seconds: float = 7200.0
    """--time."""
    kimg: float | None = None
    resolution: int | None = None
    base: int | None = None
    channels: int | None = None
    labels: bool | None = None
    conditional: bool | None = None
    mirror: bool | None = None
    fit: str | None = None
    background: str | None = None
    max_images: int | None = None
    width: int | None = None
    latent: int | None = None
    batch: int | None = None
    lr: float | None = None
    augment: bool | None = None
    features: str | None = None


def seconds(text: str) -> float:
    """A duration such as `2h`, `1h30m` or `45s`. Raises InputError for anything else, and for more than ten years."""
    compact = text.replace(" ", "").lower()
    parts = re.findall(r"(\d{1,9}(?:\.\d{1,9})?)([dhms])", compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        raise InputError(f"--time {text}: expected a duration such as 2h, 1h30m or 45m")
    found = sum(float(number) * UNITS[unit] for number, unit in parts)
    if found > LONGEST:
        raise InputError(f"--time {text}: more than ten years; take less")
    return found
