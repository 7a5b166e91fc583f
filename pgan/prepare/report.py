"""What a run of `prepare` says at its end: the pyramid, its classes, and what is not in it and why."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from pgan.data.pyramid import Meta
from pgan.errors import readable
from pgan.prepare.remarks import sentence
from pgan.prepare.sources.left_out import LeftOut, told

MOST_CLASSES = 12
"""Classes that are all shown."""


def report(meta: Meta, out: Path, notes: list[str]) -> Iterator[str]:
    """Lines for the console."""
    skipped = f", {len(meta.skipped)} skipped (listed in meta.json)" if meta.skipped else ""
    yield (
        f"{out}: {meta.count} images, {'grey' if meta.channels == 1 else 'RGB'}, "
        f"levels {' '.join(map(str, meta.levels))}, {len(meta.classes) or 'no'} classes{skipped}"
    )
    if meta.class_counts:
        yield readable(f"classes: {counted_classes(meta.classes, meta.class_counts)}")
    for line in notes:
        yield readable(f"note: {line}")
    for remark in meta.remarks:
        yield readable(sentence(remark, meta.count))
    for reason, files in by_reason(meta.skipped).items():
        yield readable(f"skipped: {told(LeftOut('images', len(files), reason, files))}")
    for entry in meta.left_out:
        yield readable(f"left out: {told(LeftOut(**entry))}")


def counted_classes(names: list[str], counts: list[int]) -> str:
    """Each class with its images, or of many the largest and the smallest."""
    counted = [f"{name} {count}" for name, count in zip(names, counts, strict=True)]
    if len(counted) <= MOST_CLASSES:
        return ", ".join(counted)
    largest, smallest = counts.index(max(counts)), counts.index(min(counts))
    return f"the largest {counted[largest]}, the smallest {counted[smallest]}, {len(counted)} in all"


def by_reason(skipped: list[dict[str, str]]) -> dict[str, list[str]]:
    """Files that were skipped, by the reason."""
    files: dict[str, list[str]] = defaultdict(list)
    for entry in skipped:
        files[entry["reason"]].append(entry["file"])
    return files
