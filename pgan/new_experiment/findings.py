"""What a look at all images found: a short report, findings.json, and the figures from which decisions follow."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pgan.errors import readable
from pgan.new_experiment.asymmetry import FOLDS, Asymmetry, asymmetry
from pgan.new_experiment.duplicates import exact_groups, near_groups
from pgan.new_experiment.opening import Opened
from pgan.new_experiment.survey import Sight, Survey
from pgan.prepare.report import by_reason, counted_classes
from pgan.prepare.sources.left_out import LeftOut, told

FEWEST_FOR_MIRRORS = 100
"""Images for the mirror test: with fewer, its accuracy could be anything."""
MOST_LISTED = 1000
"""Groups of duplicates, and images that cannot be used, in findings.json."""
SHOWN_SIZES, SHOWN_GROUPS = 3, 2
EVEN = 0.6
"""Share of neighbouring pixels of one colour from which on images count as drawings: 0.2 in CIFAR-10's photographs, 0.5
in two large ones, 0.64 and 0.9 in small and enlarged pixel art, 0.8 in MNIST's digits. Medians, as below."""
PLAIN = 0.45
"""Share of pixels of one brightness, from which on they do, too: 0.2 in CIFAR-10's photographs, 0.5 in pixel art on
white, 0.6 in pages of text, 0.8 in MNIST's digits."""


@dataclass(frozen=True)
class Findings:
    """Of the images of a source."""

    opened: Opened
    sights: list[Sight]
    """Of the images that can be used."""
    unusable: list[Sight]
    exact: list[list[int]]
    """Groups of exact duplicates, as indices into `sights`."""
    near: list[list[int]]
    """Groups of images that are nearly the same, but no exact duplicates."""
    asymmetry: Asymmetry | None
    """None with too few images for the test."""

    @property
    def count(self) -> int:
        """Images that can be used."""
        return len(self.sights)

    @property
    def distinct(self) -> int:
        """Images that can be used, counting exact duplicates once."""
        return self.count - sum(len(group) - 1 for group in self.exact)

    @property
    def are_all_alike(self) -> bool:
        """All images are duplicates of one, exact or near."""
        return self.count > 1 and self.distinct - sum(len(group) - 1 for group in self.near) == 1

    @cached_property
    def short_sides(self) -> np.ndarray:
        """(n,) pixels."""
        return np.array([sight.short_side for sight in self.sights])

    @cached_property
    def long_sides(self) -> np.ndarray:
        """(n,) pixels."""
        return np.array([max(sight.width, sight.height) for sight in self.sights])

    @property
    def is_grey(self) -> bool:
        """All but one image in a hundred are."""
        return sum(sight.is_coloured for sight in self.sights) <= self.count // 100

    @property
    def is_drawn(self) -> bool:
        """The images are drawings, text or digits, or stand on plain ground, unlike most photographs."""
        evenness, ground = np.median([(sight.evenness, sight.ground) for sight in self.sights], axis=0)
        return bool(evenness >= EVEN or ground >= PLAIN)

    @cached_property
    def class_counts(self) -> dict[str, int]:
        """Usable images of each class that has some; empty without classes."""
        source = self.opened.source
        if not source.classes:
            return {}
        labels = source.labels[[sight.position for sight in self.sights]]
        counts = np.bincount(labels, minlength=len(source.classes))
        return {name: int(n) for name, n in zip(source.classes, counts, strict=True) if n}

    def name(self, sight: Sight) -> str:
        """Of an image."""
        return str(self.opened.source.names[sight.position])


def findings(opened: Opened, surveyed: Survey) -> Findings:
    """What follows from a look at all images."""
    usable = [sight for sight in surveyed.sights if sight.problem is None]
    exact = exact_groups([sight.digest for sight in usable])
    again = {index for group in exact for index in group[1:]}
    single = [index for index in range(len(usable)) if index not in again]
    hashes = np.array([usable[index].hash for index in single], np.uint64)
    positions = [usable[index].position for index in single]
    groups = near_groups(hashes, surveyed.thumbnails[positions])
    near = [[single[place] for place in group] for group in groups]
    similar = {positions[place] for group in groups for place in group[1:]}
    views = [surveyed.views[p] for p in positions if p in surveyed.views and p not in similar]
    test = asymmetry(np.stack(views)) if len(views) >= max(FOLDS, FEWEST_FOR_MIRRORS) else None
    unusable = [sight for sight in surveyed.sights if sight.problem is not None]
    return Findings(opened, usable, unusable, exact, near, test)


# --- for people


def report(found: Findings) -> Iterator[str]:
    """Lines for the console."""
    opened, sights = found.opened, found.sights
    forms = ", ".join(f"{form} {count}" for form, count in Counter(s.form for s in sights).most_common())
    yield readable(f"{opened.path}: {_images(found.count)} ({forms or 'none that can be used'})")
    if sights:
        yield f"sizes: {_sizes(found)}"
        yield f"colours: {_colours(sights)}"
        yield f"kind: {'drawings, text or digits' if found.is_drawn else 'photographs, or like them'}"
        if found.class_counts:
            classes = counted_classes(list(found.class_counts), list(found.class_counts.values()))
            yield readable(f"classes: {classes}")
        else:
            yield readable(f"no classes: {opened.no_labels}")
        yield from (readable(line) for line in _duplicates(found))
        yield from (readable(line) for line in _uniform(found))
    for reason, files in by_reason(_listed(found, found.unusable)).items():
        yield readable(f"cannot be used: {told(LeftOut('images', len(files), reason, files))}")
    for line in opened.source.notes:
        yield readable(f"note: {line}")
    for entry in opened.source.left_out:
        yield readable(f"left out: {told(entry)}")


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count:,} images"


def _sizes(found: Findings) -> str:
    sizes = Counter((sight.width, sight.height) for sight in found.sights)
    if len(sizes) <= SHOWN_SIZES:
        counts = [f" ({n:,})" if len(sizes) > 1 else "" for n in sizes.values()]
        return ", ".join(f"{w}×{h}{n}" for (w, h), n in zip(sizes, counts, strict=True))
    low, middle, high = (int(x) for x in np.percentile(found.short_sides, [0, 50, 100]))
    aspect = float(np.median([sight.width / sight.height for sight in found.sights]))
    return f"short side {low} to {high} pixels, half of them {middle} or more; width/height mostly about {aspect:.2g}"


def _colours(sights: list[Sight]) -> str:
    coloured, transparent = sum(s.is_coloured for s in sights), sum(s.is_transparent for s in sights)
    parts = [f"{coloured:,} in colour" * (coloured > 0), f"{len(sights) - coloured:,} grey" * (coloured < len(sights))]
    parts.append(f"{transparent:,} with transparency" * (transparent > 0))
    return ", ".join(filter(None, parts))


def _duplicates(found: Findings) -> Iterator[str]:
    for what, groups in (("exact", found.exact), ("near", found.near)):
        if groups:
            extra = sum(len(group) - 1 for group in groups)
            shown = "; ".join(" = ".join(_names(found, group)) for group in groups[:SHOWN_GROUPS])
            many = "1 group" if len(groups) == 1 else f"{len(groups):,} groups"
            yield f"{what} duplicates: {extra:,} in {many}, such as {shown}"


def _names(found: Findings, group: list[int], most: int = 3) -> list[str]:
    return [found.name(found.sights[index]) for index in group[:most]]


def _uniform(found: Findings) -> Iterator[str]:
    flat = [found.name(sight) for sight in found.sights if sight.is_flat]
    if flat:
        yield f"of one colour: {told(LeftOut('images', len(flat), 'nothing to learn from; remove them', flat))}"


def _listed(found: Findings, sights: list[Sight]) -> list[dict[str, str]]:
    return [{"file": found.name(sight), "reason": sight.problem or ""} for sight in sights]


# --- for programs


def as_json(found: Findings) -> dict[str, Any]:
    """The content of findings.json. The same images give the same content; it has no date, host or run in it."""
    opened, sights = found.opened, found.sights
    sizes = {"short_side": found.short_sides, "long_side": found.long_sides}
    shares = [0, 5, 50, 95, 100]
    return {
        "source": opened.kind,
        "path": opened.path,
        "images": found.count,
        "distinct_images": found.distinct,
        "formats": dict(Counter(sight.form for sight in sights).most_common()),
        "modes": dict(Counter(sight.mode for sight in sights).most_common()),
        "sizes_in_percentiles": {
            name: {str(share): int(np.percentile(values, share)) for share in shares} if len(values) else {}
            for name, values in sizes.items()
        },
        "in_colour": sum(sight.is_coloured for sight in sights),
        "with_transparency": sum(sight.is_transparent for sight in sights),
        "are_drawings": found.is_drawn if sights else None,
        "accuracy_against_mirror_images": None if found.asymmetry is None else round(found.asymmetry.accuracy, 3),
        "classes": found.class_counts,
        "no_classes_because": opened.no_labels,
        "exact_duplicates": [[found.name(sights[i]) for i in group] for group in found.exact[:MOST_LISTED]],
        "near_duplicates": [[found.name(sights[i]) for i in group] for group in found.near[:MOST_LISTED]],
        "of_one_colour": [found.name(sight) for sight in sights if sight.is_flat][:MOST_LISTED],
        "unusable": _listed(found, found.unusable)[:MOST_LISTED],
        "notes": opened.source.notes,
        "left_out": [asdict(entry) for entry in opened.source.left_out],
    }
