"""One avatar: a style of DiceBear and a seed -> an encoded image, and the attributes that were drawn.

A seed determines the drawing: DiceBear draws each variant and each colour from a hash of the seed and its name. resvg
turns the SVG into pixels, without any font of the system.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dicebear import Style

STYLE = "style"
"""The attribute that every image has."""

NOT_DRAWN = "none"
"""The value of an attribute that the style has, where the image does not show it."""


@dataclass(frozen=True)
class Drawing:
    """An image that is still to be drawn, by the process that needs it."""

    style: str
    seed: str
    backgrounds: tuple[str, ...] = ()
    """Colours `#rrggbb` behind the figure, of which one is drawn; empty leaves it to the style."""


def definitions() -> Traversable:
    """The folder of DiceBear's definitions, a JSON file for each style."""
    return files("dicebear_styles")


@cache
def definition(style: str) -> dict[str, Any]:
    """DiceBear's definition of a style that there is."""
    return json.loads((definitions() / f"{style}.json").read_text("utf-8"))


def attributes_of(style: str, backgrounds: tuple[str, ...] = ()) -> list[str]:
    """What can differ between two images of a style: parts (`hair`) and colours (`hairColor`), as DiceBear names them.

    Places and angles are no attributes: they have no finite number of values.
    """
    parts, colours = definition(style)["components"], definition(style).get("colors", {})
    counts = {name: _possible_variants(parts[part.get("extends", name)]) for name, part in parts.items()}
    counts |= {_colour_name(name): len(colour["values"]) for name, colour in colours.items()}
    if backgrounds:
        counts[_colour_name("background")] = len(backgrounds)
    return [name for name, count in counts.items() if count > 1]


def _possible_variants(part: dict[str, Any]) -> int:
    """Values that a part can have; that it is left out is one of them."""
    drawn = [variant for variant in part["variants"].values() if variant.get("weight", 1) > 0]
    return len(drawn) + (part.get("probability", 100) < 100)


def _colour_name(name: str) -> str:
    return f"{name}Color"


def draw(drawing: Drawing, size: int) -> tuple[bytes, dict[str, str]]:
    """A PNG of `size` × `size` pixels, transparent where nothing is drawn, and attribute -> value.

    The value of a part is its variant, the value of a colour `#rrggbb`. An attribute that the image does not show has
    the value `NOT_DRAWN`.
    """
    import resvg_py
    from dicebear import Avatar

    options: dict[str, Any] = {"seed": drawing.seed}
    if drawing.backgrounds:
        options["backgroundColor"] = list(drawing.backgrounds)
    drawn = Avatar(_style(drawing.style), options).to_json()
    svg, chosen = drawn["svg"], drawn["options"]
    png = resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size, skip_system_fonts=True)
    attributes = {STYLE: drawing.style}
    for name in attributes_of(drawing.style, drawing.backgrounds):
        value = chosen[name][0] if chosen.get(name) else chosen.get(f"{name}Variant", NOT_DRAWN)
        # a colour may have been chosen only so that another one differs from it
        attributes[name] = value if not value.startswith("#") or value in svg else NOT_DRAWN
    return png, attributes


@cache
def _style(name: str) -> "Style":
    """Validated by DiceBear, which takes a second: once for each style and process."""
    from dicebear import Style

    return Style(definition(name))
