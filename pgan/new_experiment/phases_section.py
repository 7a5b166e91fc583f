"""How training is divided into phases: kimg for each, from a total or from a time."""

from collections.abc import Mapping, Sequence
from math import floor, log10
from typing import Any, NamedTuple

GROWTH = 1.5
"""Each resolution trains this many times as long as the one below it, in images: as in the preset avatars-32."""
LAST = 1.5
"""The last phase is this many times as long as its fade."""
ENOUGH_AT_16 = 60.0
"""Thousands of images after which samples of 16×16 pixels show what the data are; the demo has 95."""


class Part(NamedTuple):
    """A phase, with its share of all images."""

    name: str
    parent: str
    kind: str
    resolution: int
    share: float


def parts(levels: Sequence[int]) -> list[Part]:
    """The phases that grow through the levels, in order."""
    found = [Part(f"stabilize_{levels[0]}", "init", "stabilize", levels[0], 1.0)]
    for number, level in enumerate(levels[1:], 1):
        weight, is_last = GROWTH**number, level == levels[-1]
        grow = Part(f"grow_{level}", found[-1].name, "grow", level, weight)
        found += [grow, Part(f"stabilize_{level}", grow.name, "stabilize", level, weight * (LAST if is_last else 1.0))]
    total = sum(part.share for part in found)
    return [part._replace(share=part.share / total) for part in found]


def total_kimg(levels: Sequence[int], images_per_second: Mapping[int, float], seconds: float) -> float:
    """Thousands of images that all phases together can train on in that time.

    Args:
        images_per_second: by resolution.
    """
    seconds_for_one = sum(part.share * 1000 / images_per_second[part.resolution] for part in parts(levels))
    return max(0.0, seconds / seconds_for_one)


def training_seconds(kimg: Mapping[str, float], levels: Sequence[int], images_per_second: Mapping[int, float]) -> float:
    """The time of phases of that length, by name."""
    return sum(kimg[part.name] * 1000 / images_per_second[part.resolution] for part in parts(levels))


def kimg_by_phase(levels: Sequence[int], total: float) -> dict[str, float]:
    """Thousands of images for each phase, rounded down to two digits."""
    return {part.name: rounded_down(part.share * total) for part in parts(levels)}


def enough_kimg(resolution: int) -> float:
    """Thousands of images, all phases together, without which a resolution is not worth its while.

    A rule of thumb between what was trained here (docs/presets.md): 95 at 16 pixels, 380 at 28, and the paper's 12,000
    at 1024.
    """
    return ENOUGH_AT_16 * (resolution / 16) ** 1.3


def phases(
    levels: Sequence[int], kimg: Mapping[str, float], batches: Mapping[int, tuple[int, int]], lr: float
) -> dict[str, Any]:
    """The section `phases`.

    Args:
        batches: by resolution: images per step, and the parts in which they are computed.
    """
    found: dict[str, Any] = {}
    for part in parts(levels):
        batch, accumulate = batches[part.resolution]
        found[part.name] = {
            "from": part.parent,
            "kind": part.kind,
            "resolution": part.resolution,
            "kimg": kimg[part.name],
            "batch": batch,
            "lr": lr,
        }
        if accumulate > 1:
            found[part.name]["accumulate"] = accumulate
    return found


def rounded_down(value: float) -> float:
    """To two digits, so that a person can read it; never 0."""
    if value <= 0:
        return 0.001
    step = 10.0 ** (floor(log10(value)) - 1)
    result = round(floor(value / step + 1e-9) * step, 6)
    return max(0.001, int(result) if result >= 10 else result)
