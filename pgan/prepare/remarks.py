"""Images that were read, but look as if something had gone wrong: all of one colour, or nearly black."""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

from PIL import Image

FLAT = 2
"""Levels of 255: a channel that spans no more is of one colour, whatever noise a JPEG has added."""

DARK = 20
"""Of 255: 12 of 16 bits end at 16, and a resampling filter may overshoot. Photographs taken at night have lamps or
stars, and digits have strokes, that are far brighter."""

DIM = 72
"""Of 255: 14 of 16 bits end at 64. One image may well be so dark; that none of a source is brighter is odd."""

MOST_EXAMPLES = 5

ONE_COLOUR, NEARLY_BLACK, ALL_DARK = "of one colour", "nearly black", "dark, and none is bright"
"""What is said of images."""

_ADVICE = {
    ONE_COLOUR: "a white drawing on transparency? set prepare.background",
    NEARLY_BLACK: "12 of 16 bits used? stretch the values to the whole range first",
    ALL_DARK: "14 of 16 bits used? stretch the values to the whole range first",
}


class Look(NamedTuple):
    """How an image looks."""

    is_flat: bool
    """It is of one colour."""
    brightest: int
    """0 to 255."""


def look(image: Image.Image) -> Look:
    """How an image in mode L or RGB looks."""
    ranges = cast(list[tuple[int, int]], [image.getextrema()] if image.mode == "L" else image.getextrema())
    return Look(all(high - low <= FLAT for low, high in ranges), max(high for _, high in ranges))


class Remarks:
    """What there is to say of the images of a source."""

    def __init__(self) -> None:
        self._positions: dict[str, list[int]] = {ONE_COLOUR: [], NEARLY_BLACK: [], ALL_DARK: []}
        self._brightest = 0

    def add(self, position: int, seen: Look) -> None:
        """Take the look of one image into account."""
        self._brightest = max(self._brightest, seen.brightest)
        if seen.is_flat:
            self._positions[ONE_COLOUR].append(position)
        elif seen.brightest <= DARK:
            self._positions[NEARLY_BLACK].append(position)
        elif self._brightest <= DIM:
            self._positions[ALL_DARK].append(position)

    def listed(self, name: Callable[[int], str]) -> list[dict[str, Any]]:
        """`{"what": …, "count": …, "examples": […]}` for each kind that was met; `name` names a position."""
        return [
            {"what": what, "count": len(positions), "examples": [name(p) for p in sorted(positions)[:MOST_EXAMPLES]]}
            for what, positions in self._positions.items()
            if positions and (what != ALL_DARK or self._brightest <= DIM)
        ]


def sentence(remark: dict[str, Any], total: int) -> str:
    """One of `Remarks.listed` in a line; `total` images are in the pyramid."""
    what, count = remark["what"], remark["count"]
    images = "1 image is" if count == 1 else f"{count} images are"
    if count == total > 1:
        images = f"warning: all {count} images are"
    return f"{images} {what}, e.g. {remark['examples'][0]}: {_ADVICE[what]}"
