"""One avatar: a style of DiceBear and a seed -> an encoded image, and the attributes that were drawn.

A seed determines the drawing: DiceBear draws each variant and each colour from a hash of the seed and its name. resvg
turns the SVG into pixels, without any font of the system.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Any

from pgan.data.pyramid import STYLE

if TYPE_CHECKING:
    from dicebear import Style

BACKGROUND = ("color", "background")
"""The colour that no element asks for: DiceBear fills the canvas with it."""

NOT_DRAWN = "none"
"""The value of an attribute that the style has, where the image does not show it."""


@dataclass(frozen=True)
class Drawing:
    """An image that is still to be drawn, by the process that needs it."""

    style: str
    seed: str
    backgrounds: tuple[str, ...] = ()
    """Colours `#rrggbb` behind the figure; the seed picks one. Empty leaves it to the style."""


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
    whole = definition(style)
    parts, colours, used = whole["components"], whole.get("colors", {}), set(_references(whole)) | {BACKGROUND}
    counts = {("component", name): _possible_variants(parts[part.get("extends", name)]) for name, part in parts.items()}
    counts |= {("color", name): len(colour["values"]) for name, colour in colours.items()}
    if backgrounds:
        counts[BACKGROUND] = len(backgrounds)
    varying = [(kind, name) for (kind, name), count in counts.items() if count > 1 and (kind, name) in used]
    return [name if kind == "component" else f"{name}Color" for kind, name in varying]


def _references(part: object) -> Iterator[tuple[str, str]]:
    """(kind, name) of every component and colour that a part of a definition asks for."""
    if isinstance(part, dict):
        if part.get("type") in ("component", "color"):
            yield part["type"], part["name"]
        part = list(part.values())
    for each in part if isinstance(part, list) else ():
        yield from _references(each)


def _possible_variants(part: dict[str, Any]) -> int:
    """Values that a part can have; that it is left out is one of them."""
    drawn = [variant for variant in part["variants"].values() if variant.get("weight", 1) > 0]
    return len(drawn) + (part.get("probability", 100) < 100)


def draw(drawing: Drawing, size: int) -> tuple[bytes, dict[str, str]]:
    """A PNG of `size` × `size` pixels, transparent where nothing is drawn, and the attributes, as `svg`."""
    import resvg_py

    text, attributes = svg(drawing)
    return resvg_py.svg_to_bytes(svg_string=text, width=size, height=size, skip_system_fonts=True), attributes


def svg(drawing: Drawing) -> tuple[str, dict[str, str]]:
    """The drawing, and attribute -> value: of a part its variant, of a colour `#rrggbb`.

    An attribute that the image does not show has the value `NOT_DRAWN`.
    """
    from dicebear import Avatar

    options: dict[str, Any] = {"seed": drawing.seed}
    if drawing.backgrounds:
        options["backgroundColor"] = list(drawing.backgrounds)
    drawn = Avatar(_style(drawing.style), options).to_json()
    text, chosen = drawn["svg"], drawn["options"]
    attributes = {STYLE: drawing.style}
    for name in attributes_of(drawing.style, drawing.backgrounds):
        if f"{name}Variant" in chosen:
            attributes[name] = chosen[f"{name}Variant"]
        else:  # a colour may have been chosen only so that another one differs from it
            attributes[name] = next((colour for colour in chosen.get(name, ()) if colour in text), NOT_DRAWN)
    return text, attributes


@cache
def _style(name: str) -> "Style":
    """Validated by DiceBear, which takes a second: once for each style and process."""
    from dicebear import Style

    return Style(definition(name))
