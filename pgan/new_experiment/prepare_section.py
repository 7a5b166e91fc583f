"""Decisions about the images: the section `prepare`."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from pgan.new_experiment.decision import Decision, chosen
from pgan.new_experiment.findings import Findings
from pgan.new_experiment.sizes import TOO_SMALL, Size, aspect, fit, sides, typical_side
from pgan.new_experiment.wishes import Wishes
from pgan.prepare.sources import spread

FEWEST_LEFT = 16
"""Images below which small ones are enlarged rather than left out."""
SQUARE = 1.01
"""Longer side / shorter side up to which a crop loses nothing worth naming."""


@dataclass(frozen=True)
class Kept:
    """The images that the pyramid will have."""

    count: int
    class_counts: dict[str, int]
    """Images of each class; empty without labels."""
    skipped: int
    """Images that cannot be used, or are too small."""
    allow_upscale: bool


def kept(found: Findings, size: Size, wishes: Wishes) -> Kept:
    """Which images a pyramid of that size would have."""
    source = found.opened.source
    wanted = set(spread(len(source.names), wishes.max_images).tolist())
    small = sides(found, wishes) < size.resolution
    chosen_ones = np.array([sight.position in wanted for sight in found.sights])
    few = small.mean() <= TOO_SMALL and (chosen_ones & ~small).sum() >= FEWEST_LEFT
    left = chosen_ones & ~small if few else chosen_ones
    labels = source.labels[[sight.position for sight, stays in zip(found.sights, left, strict=True) if stays]]
    counts = Counter(labels.tolist()) if source.classes else {}
    unusable = sum(sight.position in wanted for sight in found.unusable)
    return Kept(
        count=int(left.sum()),
        class_counts={source.classes[label]: counts[label] for label in sorted(counts)} if len(counts) > 1 else {},
        skipped=unusable + int((chosen_ones & small).sum()) * int(few),
        allow_upscale=bool(small.any() and not few),
    )


def prepare_decisions(
    found: Findings, left: Kept, size: Size, resolution_reason: str, wishes: Wishes
) -> list[Decision]:
    """All parameters of the section that the images determine."""
    opened = found.opened
    labels = bool(left.class_counts)
    no_labels = opened.no_labels or "one class is left"
    is_plain = opened.no_labels is not None  # the findings have told it
    return [
        Decision("prepare.source", opened.kind, ""),
        Decision("prepare.path", opened.path, f"{left.count:,} images"),
        Decision("prepare.resolution", size.resolution, resolution_reason),
        Decision("prepare.base", size.base, _base_reason(size)),
        _channels(found, wishes),
        Decision("prepare.labels", labels, f"{len(left.class_counts)} classes" if labels else no_labels, is_plain),
        *_fit(found, wishes),
        _background(found, wishes),
        Decision(
            "prepare.allow_upscale",
            left.allow_upscale,
            _small_reason(found, size, left, wishes),
            is_plain=not left.allow_upscale,
        ),
        Decision("prepare.max_skipped", left.skipped, _skipped_reason(found, left), is_plain=not left.skipped),
        Decision("prepare.max_images", wishes.max_images, "as --max-images says" if wishes.max_images else "all"),
    ]


def _base_reason(size: Size) -> str:
    doublings = len(size.levels) - 1
    return f"{size.resolution} = {size.base} × 2^{doublings}"


def _channels(found: Findings, wishes: Wishes) -> Decision:
    coloured = sum(sight.is_coloured for sight in found.sights)
    value = 1 if found.is_grey else 3
    reason = f"{coloured:,} of {found.count:,} images in colour"
    return chosen("prepare.channels", wishes.channels, "--channels", value, reason)


def _fit(found: Findings, wishes: Wishes) -> list[Decision]:
    shape, how = aspect(found), fit(found, wishes)
    is_square = shape <= SQUARE
    reason = "the images are square" if is_square else f"a crop loses {1 - 1 / shape:.0%} of a typical image"
    if how == "crop" and not is_square:
        reason += "; --fit pad keeps all of it"
    is_bright = float(np.median([sight.border for sight in found.sights])) > 127
    bars = Decision(
        "prepare.pad_value",
        255 if is_bright else 0,
        f"the edges of images are mostly {'bright' if is_bright else 'dark'}",
    )
    decision = chosen("prepare.fit", wishes.fit, "--fit", how, reason, is_plain=is_square)
    return [decision, *([bars] if how == "pad" else [])]


def _background(found: Findings, wishes: Wishes) -> Decision:
    transparent = [sight for sight in found.sights if sight.is_transparent]
    lost = sum(sight.is_flat for sight in transparent)
    lost_on_black = sum(sight.is_flat_on_black for sight in transparent)
    value, reason = "white", "behind transparency" if transparent else "no image is transparent"
    if lost > lost_on_black:
        value, reason = "black", f"{lost:,} transparent images would be all white on white"
    return chosen("prepare.background", wishes.background, "--background", value, reason, is_plain=not transparent)


def _small_reason(found: Findings, size: Size, left: Kept, wishes: Wishes) -> str:
    small = int((sides(found, wishes) < size.resolution).sum())
    if not small:
        return "no image is smaller"
    are = "1 image is" if small == 1 else f"{small:,} images are"
    if left.allow_upscale:
        return f"{are} smaller; most have {typical_side(found, wishes)} pixels or more"
    return f"{are} smaller, and left out"


def _skipped_reason(found: Findings, left: Kept) -> str:
    broken = min(len(found.unusable), left.skipped)
    small = left.skipped - broken
    parts = [f"{broken:,} cannot be used" * (broken > 0), f"{small:,} too small" * (small > 0)]
    return ", ".join(filter(None, parts)) or "every image can be used"
