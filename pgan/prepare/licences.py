"""Whose drawings they are, and what their licences allow."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pgan.prepare.drawing import definition

FREE = "CC0"
"""The licence that asks for nothing, by how its name begins."""

ALLOWED = {
    "CC0 1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "CC BY 4.0": "https://creativecommons.org/licenses/by/4.0/",
    "MIT": "",
}
"""Licences known to allow adapted works, commercial ones too: their names, and how their addresses begin."""


@dataclass(frozen=True)
class Licence:
    """The licence of a style, as its definition states it."""

    style: str
    name: str
    url: str
    work: str
    """What the style was made from."""
    work_url: str
    creator: str
    creator_url: str
    text: str
    """The attribution as DiceBear words it, or the whole licence."""

    @property
    def credit(self) -> str:
        """What a picture must say of its source; empty where the licence asks for nothing."""
        return "" if self.name.startswith(FREE) else f"“{self.work}” by {self.creator}, {self.name}, adapted"


def licence_of(style: str) -> Licence:
    """What the definition of a style says; empty texts where it says nothing."""
    meta = definition(style).get("meta", {})

    def entry(*keys: str) -> str:
        value: Any = meta
        for key in keys:
            value = value.get(key, {})
        return value or ""

    return Licence(
        style=style,
        name=entry("license", "name"),
        url=entry("license", "url"),
        work=entry("source", "name"),
        work_url=entry("source", "url"),
        creator=entry("creator", "name"),
        creator_url=entry("creator", "url"),
        text=entry("license", "text"),
    )


def objection(licence: Licence, accepted: Sequence[str]) -> str | None:
    """Why images of a style may not be made, adapted and shared; None where they may, or the user accepts it."""
    if licence.name in accepted or licence.url.startswith(ALLOWED.get(licence.name, "\0")):
        return None
    words = licence.name.upper().replace("-", " ").split()
    if "ND" in words:
        why = "forbids adapted works, which training images and what a generator makes of them are"
    elif "NC" in words:
        why = "forbids commercial use"
    else:
        why = "does not say that adapted works may be shared"
    return f"style '{licence.style}': its licence '{licence.name or 'unknown'}' ({licence.url or 'no address'}) {why}"
