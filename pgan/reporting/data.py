"""What a report says of the training images: from meta.json of the pyramid."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from pgan.data.pyramid import Meta

MOST_CLASSES = 30
"""Classes that are all shown; of more, the largest and the smallest."""
MOST_EXAMPLES = 3
SAFE = ("https://", "http://")
"""How addresses begin that a page may link to."""


@dataclass(frozen=True)
class Class:
    """One class of the images."""

    name: str
    count: int | None
    """Images; None where an older `pgan` made the pyramid."""
    share: float
    """Of the largest class."""


@dataclass(frozen=True)
class Note:
    """Something about some of the images, or about other files."""

    what: str
    count: int
    why: str
    examples: str


@dataclass(frozen=True)
class Licence:
    """Of a style of drawn images."""

    style: str
    work: str
    work_link: str
    """Empty where there is none that is safe to follow."""
    creator: str
    name: str
    link: str


@dataclass(frozen=True)
class Data:
    """All of it."""

    meta: Meta
    classes: list[Class]
    hidden_classes: int
    """Classes that are not in the list."""
    notes: list[Note]
    licences: list[Licence]


def describe(meta: Meta) -> Data:
    """What there is to say."""
    classes = _classes(meta)
    shown = classes if len(classes) <= MOST_CLASSES else _extremes(classes)
    notes = [*_skipped(meta.skipped), *map(_left_out, meta.left_out), *map(_remark, meta.remarks)]
    return Data(meta, shown, len(classes) - len(shown), notes, [_licence(entry) for entry in meta.licences])


def _classes(meta: Meta) -> list[Class]:
    if not meta.class_counts:
        return [Class(name, None, 0.0) for name in meta.classes]
    most = max(1, *meta.class_counts)
    return [Class(name, n, n / most) for name, n in zip(meta.classes, meta.class_counts, strict=True)]


def _extremes(classes: list[Class]) -> list[Class]:
    """The largest ones and the smallest ones, in this order."""
    by_size = sorted(classes, key=lambda each: -(each.count or 0))
    half = MOST_CLASSES // 2
    return by_size[:half] + by_size[-half:]


def _skipped(entries: list[dict[str, str]]) -> list[Note]:
    """One note for each reason."""
    files: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        files[entry.get("reason", "")].append(entry.get("file", ""))
    return [Note("images, skipped", len(names), reason, _listed(names)) for reason, names in files.items()]


def _left_out(entry: dict[str, Any]) -> Note:
    return Note(f"{entry.get('what')}, left out", _count(entry), str(entry.get("why", "")), _listed(entry))


def _remark(entry: dict[str, Any]) -> Note:
    return Note("images, used", _count(entry), str(entry.get("what", "")), _listed(entry))


def _count(entry: dict[str, Any]) -> int:
    count = entry.get("count")
    return count if isinstance(count, int) else 0


def _listed(names: dict[str, Any] | list[str]) -> str:
    """The first few names."""
    examples = names.get("examples") if isinstance(names, dict) else names
    examples = examples if isinstance(examples, list) else []
    return ", ".join(map(str, examples[:MOST_EXAMPLES])) + " …" * (len(examples) > MOST_EXAMPLES)


def _licence(entry: dict[str, str]) -> Licence:
    return Licence(
        style=entry.get("style", ""),
        work=entry.get("work", ""),
        work_link=_safe(entry.get("work_url", "")),
        creator=entry.get("creator", ""),
        name=entry.get("name", ""),
        link=_safe(entry.get("url", "")),
    )


def _safe(address: str) -> str:
    """An address that cannot run anything; empty for any other."""
    return address if address.startswith(SAFE) else ""
