"""Which resolutions the images allow, and from which base they grow."""

from typing import NamedTuple

import numpy as np

from pgan.errors import InputError
from pgan.new_experiment.findings import Findings
from pgan.new_experiment.wishes import Wishes

BASES = (4, 5, 6, 7)
"""Pixels per side of the first phase. A larger base would leave less to grow."""
LARGEST = 1024
"""Pixels; more only if asked for."""
SMALLEST_GROWN = 14
"""Pixels; a smaller resolution is proposed for smaller images alone."""
TOO_SMALL = 0.05
"""Share of the images that may be smaller than the resolution: they are left out."""
NARROW = 2.0
"""Longer side / shorter side from which on a crop would lose half of a typical image."""
WHOLE = 1.1
"""The same for drawings and text, of which all counts."""


class Size(NamedTuple):
    """A final resolution, and the base that it grows from."""

    resolution: int
    base: int

    @property
    def levels(self) -> list[int]:
        """Pixels, ascending."""
        return [self.base << k for k in range((self.resolution // self.base).bit_length())]


def aspect(found: Findings) -> float:
    """Longer side / shorter side of a typical image."""
    return float(np.median(found.long_sides / found.short_sides))


def fit(found: Findings, wishes: Wishes) -> str:
    """How images become square."""
    is_lost = aspect(found) >= (WHOLE if found.is_drawn else NARROW)
    return wishes.fit or ("pad" if is_lost else "crop")


def sides(found: Findings, wishes: Wishes) -> np.ndarray:
    """(n,) pixels of each image that its square has."""
    return found.long_sides if fit(found, wishes) == "pad" else found.short_sides


def candidates(found: Findings, wishes: Wishes) -> list[Size]:
    """Sizes that nearly all images have, ascending; or the one that the user wants. Raises as `check`."""
    if wishes.resolution is not None:
        return [_wanted(wishes.resolution, wishes.base)]
    side = typical_side(found, wishes)
    base = wishes.base or _own_base(found, side, wishes) or BASES[0]
    sizes = [Size(base << k, base) for k in range(1, 11) if base << k <= min(side, LARGEST)]
    large = [size for size in sizes if size.resolution >= SMALLEST_GROWN]
    return large or sizes[-1:] or [Size(2 * base, base)]


def why_not_larger(found: Findings, size: Size, wishes: Wishes) -> str:
    """Why the largest of `candidates` is the largest."""
    side = typical_side(found, wishes)
    if size.resolution > side:
        return "the smallest that can grow; most images are smaller"
    if 2 * size.resolution <= side:
        return f"larger ones are not proposed; --resolution {2 * size.resolution} is possible"
    return "the largest that nearly all images have"


def _own_base(found: Findings, side: int, wishes: Wishes) -> int | None:
    """The base of images that are all of one size: then every level is made of exact means of their pixels."""
    base = _base_of(side)
    is_uniform = (sides(found, wishes) == side).mean() >= 1 - TOO_SMALL
    return base if base is not None and side >= 2 * base and is_uniform else None


def check(wishes: Wishes) -> None:
    """Raise InputError where no base fits the resolution that is wanted."""
    if wishes.resolution is not None:
        _wanted(wishes.resolution, wishes.base)


def typical_side(found: Findings, wishes: Wishes) -> int:
    """Pixels that all but a few images have."""
    ascending = np.sort(sides(found, wishes))
    return int(ascending[int(TOO_SMALL * len(ascending))])


def _wanted(resolution: int, base: int | None) -> Size:
    found = base or _base_of(resolution)
    if found is not None and resolution >= 2 * found and _is_power(resolution, found):
        return Size(resolution, found)
    bases = BASES if base is None else (base,)
    every = sorted(b << k for b in bases for k in range(1, 12))
    below = max((size for size in every if size < resolution), default=None)
    above = min((size for size in every if size > resolution), default=None)
    near = " or ".join(str(size) for size in (below, above) if size is not None)
    what = f"{base} × 2^k" if base is not None else "4, 5, 6 or 7 times a power of two"
    raise InputError(f"--resolution {resolution}: must be {what}; take {near}")


def _base_of(resolution: int) -> int | None:
    return next((base for base in BASES if _is_power(resolution, base)), None)


def _is_power(resolution: int, base: int) -> bool:
    times, rest = divmod(resolution, base)
    return rest == 0 and times > 0 and times & (times - 1) == 0
