"""Faces, figures and scenes that DiceBear draws: a data set of any size and resolution, without a download."""

import difflib
from collections.abc import Iterator
from importlib.metadata import version

import numpy as np

from pgan.data.pyramid import STYLE
from pgan.errors import InputError
from pgan.extras import require
from pgan.prepare.config import Avatars
from pgan.prepare.drawing import Drawing, attributes_of, definition, definitions
from pgan.prepare.licences import Licence, licence_of, objection
from pgan.prepare.sources import Payload, Source
from pgan.randomness import derive

PACKAGES = {"dicebear": "dicebear-core", "dicebear_styles": "dicebear-styles", "resvg_py": "resvg-py"}
"""Modules that draw, and the packages that they come in."""


def avatars(settings: Avatars, labels: bool) -> Source:
    """Square images, style after style; the classes are the styles.

    Image n of a style depends on (seed, style, n) and the background alone: with a larger `count`, or other styles
    beside it, it stays the same.

    Raises:
        InputError: a style does not exist, cannot be drawn here, or its licence does not allow it.
        RunError: the extra `avatars` is not installed.
    """
    licences = check_styles(settings)
    styles, backgrounds = settings.styles, settings.background_colours
    counts = [settings.count // len(styles) + (k < settings.count % len(styles)) for k in range(len(styles))]
    labels_of = np.repeat(np.arange(len(styles)), counts)
    numbers = np.concatenate([np.arange(count) for count in counts])

    def read(wanted: np.ndarray) -> Iterator[tuple[int, Payload]]:
        for index in wanted:
            style = styles[labels_of[index]]
            seed = derive(settings.seed, "avatars", style, int(numbers[index]))
            yield index, Drawing(style, f"{seed:016x}", backgrounds)

    columns = dict.fromkeys(name for style in styles for name in attributes_of(style, backgrounds))
    return Source(
        names=[f"{styles[label]}/{number}" for label, number in zip(labels_of, numbers, strict=True)],
        labels=labels_of if labels else np.zeros_like(labels_of),
        classes=styles if labels else [],
        read=read,
        attributes=[STYLE, *columns],
        licences=licences,
        drawn_with={package: version(package) for package in PACKAGES.values()},
    )


def check_styles(settings: Avatars) -> list[Licence]:
    """The licences of the styles. Raises as `avatars`."""
    for module in PACKAGES:
        require(module, "avatars", "the source 'avatars'")
    known = sorted(file.name.removesuffix(".json") for file in definitions().iterdir() if file.name.endswith(".json"))
    for style in settings.styles:
        if style not in known:
            near = difflib.get_close_matches(style.lower(), known, n=1, cutoff=0.4)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(known)}"
            raise InputError(f"prepare.avatars.styles: no style '{style}'; {hint}")
        if _writes(definition(style)):
            raise InputError(f"prepare.avatars.styles: '{style}' writes letters in fonts of the system; take another")
    licences = [licence_of(style) for style in settings.styles]
    for licence in licences:
        if reason := objection(licence, settings.accept_licences):
            name = licence.name or "unknown"
            raise InputError(f"{reason}; take another style, or add '{name}' to prepare.avatars.accept_licences")
    return licences


def _writes(part: object) -> bool:
    """Whether a part of a definition has a text among its elements."""
    if isinstance(part, dict):
        return (part.get("type"), part.get("name")) == ("element", "text") or any(map(_writes, part.values()))
    return isinstance(part, list) and any(map(_writes, part))
