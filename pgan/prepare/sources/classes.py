"""The classes of a tree of images: by `dataset.json` or the first folder level, and never by what is neither."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from pgan.errors import SEPARATOR, InputError
from pgan.prepare.sources.archive import numbered_like
from pgan.prepare.sources.dataset_json import ADVICE, read_labels
from pgan.prepare.sources.left_out import LeftOut, first, told
from pgan.prepare.sources.tree import DESCRIPTION, Listing

MOST_WRAPPINGS = 8
"""Folders around all of the images, one in the other, that are looked through for the classes."""

_SPLITS = (
    "train training trainset train_images val valid validation valset test testing testset dev eval evaluation "
    "unlabeled unlabelled extra traina trainb testa testb train2014 val2014 test2014 train2017 val2017 test2017"
)
SPLITS = frozenset(_SPLITS.split())
"""Names of parts of a data set."""

_ROLE = re.compile(
    r"(images?|imgs?|photos?|pictures?|thumb(nail)?s?|masks?|labels?|annotations?|segmentations?|depths?|edges?)[\W_\dx]*"
)
"""Names of folders that say what kind of files is in them."""

_CAMERA = re.compile(r"\d{3}(?=.*[A-Z_])[A-Z0-9_]{5}")
"""Folders as a camera makes them, of a few thousand pictures each (DCF)."""

ROUND = frozenset({100, 500, 1000, 1024, 2000, 2048, 4096, 5000, 8192, 10_000, 20_000, 50_000, 100_000})
"""Images that programs put into one folder before they begin the next."""

LONGEST_NUMBER = 20
"""Digits of a folder's number; a name in an archive may have thousands."""


@dataclass
class Classified:
    """The images of a tree with their classes."""

    names: list[str]
    labels: np.ndarray
    """(N,) int64."""
    classes: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def classify(
    where: Path,
    names: list[str],
    listing: Listing,
    labels: bool,
    escaping: frozenset[str],
    load: Callable[[str], bytes],
) -> Classified:
    """What to call each image's class; no classes unless `labels`.  `load` reads a `dataset.json`.

    Names that are `escaping` from the archive belong to no class and get the label 0: they will be skipped.

    Raises:
        InputError: there are no images.  Or classes were asked for, and there are no two: `dataset.json` is wrong or
            has none, an image lies in no folder, or the folders are evidently no classes.
    """
    if not names:
        raise InputError(_no_images(where, listing))
    inside = [name for name in names if name not in escaping] if escaping else names
    chosen = _chosen(listing.description, inside)
    for name in listing.descriptions:
        if name != chosen:
            listing.left_out.add("other", name, ".json")
        elif not labels:
            listing.left_out.add("description", name)
    if not labels:
        found = Classified(names, np.zeros(len(names), np.int64), notes=_mixed_splits(where, inside, listing))
    elif chosen is not None:
        found = _described(where, chosen, names, escaping, load)
    else:
        found = _by_folder(where, names, inside, listing, escaping)
    found.left_out += listing.left_out.entries()
    found.notes += _alike(inside)
    return found


def _chosen(description: str | None, names: list[str]) -> str | None:
    """The `dataset.json`, if all images are in its folder."""
    if description is None:
        return None
    folder = description[: -len(DESCRIPTION)]
    return description if all(name.startswith(folder) for name in names) else None


def _no_images(where: Path, listing: Listing) -> str:
    for name in listing.descriptions:
        listing.left_out.add("other", name, ".json")
    lines = [told(entry) for entry in listing.left_out.entries()]
    if not lines:
        return f"{where}: no images in it: it is empty"
    return SEPARATOR.join([f"{where}: no images in it that can be read, but:", *lines])


# --- dataset.json


def _described(
    where: Path, description: str, names: list[str], escaping: frozenset[str], load: Callable[[str], bytes]
) -> Classified:
    place = f"{where}: {description}"
    numbers = read_labels(load(description), place)
    if numbers is None:
        raise InputError(f'{place}: says that there are no labels ("labels": null); set prepare.labels to false')
    start = len(description) - len(DESCRIPTION)
    kept = [name for name in names if name in escaping or name[start:] in numbers]
    values = np.array([0 if name in escaping else numbers[name[start:]] for name in kept], np.int64)
    listed = np.array([name not in escaping for name in kept], bool)
    if not listed.any():
        example = min(numbers)
        raise InputError(f"{place}: none of the images in it is here, such as {example}{ADVICE}")
    occurring = np.unique(values[listed])
    if len(occurring) == 1:
        raise InputError(
            f"{place}: one class only, {occurring[0]}, and labels need two or more; set prepare.labels to false"
        )
    labels = np.where(listed, np.searchsorted(occurring, values), 0)
    left_out = []
    if len(kept) < len(names):
        unlisted = (name for name in names if name not in escaping and name[start:] not in numbers)
        why = f"{description} gives them no label"
        left_out.append(LeftOut("images without a label", len(names) - len(kept), why, first(unlisted)))
    missing = numbers.keys() - {name[start:] for name in kept}
    if missing:
        why = f"{description} lists them, and they are not here or no images"
        left_out.append(LeftOut("images that are missing", len(missing), why, first(missing)))
    notes = []
    if occurring[-1] != len(occurring) - 1:
        notes.append(
            f"{description}: {len(occurring)} labels occur, from {occurring[0]} to {occurring[-1]}; "
            "they stay the classes' names, and are counted from 0 without the gaps"
        )
    return Classified(kept, labels, [str(number) for number in occurring], left_out, notes)


# --- folders


def _by_folder(
    where: Path, names: list[str], inside: list[str], listing: Listing, escaping: frozenset[str]
) -> Classified:
    folders = listing.folders
    base = _wrapping(inside, folders)
    start = len(base)
    loose = [name for name in inside if "/" not in name[start:]]
    if loose:
        raise InputError(_loose(where, loose, len(inside), listing))
    counts = Counter(name[start:].partition("/")[0] for name in inside)
    empty = sorted(_tops(folders, base) - counts.keys())
    _refuse_other_structures(where, base, inside, counts)
    merged = _merged(counts)
    classes = sorted(set(merged.values()))
    left_out = []
    if empty:
        left_out.append(LeftOut("folders without an image", len(empty), "no class is made of them", first(empty)))
    if len(classes) < 2:
        lines = [told(entry) for entry in (*left_out, *listing.left_out.entries())]
        lines += numbered_like(where) if where.is_file() else []
        raise InputError(SEPARATOR.join([_single(where, base, inside, classes), *lines]))
    index = {name: label for label, name in enumerate(classes)}
    known = {name: index[form] for name, form in merged.items()}
    labels = np.zeros(len(names), np.int64)
    for position, name in enumerate(names):
        if name not in escaping:
            labels[position] = known[name[start:].partition("/")[0]]
    notes = [f"the classes are the folders in {base}"] if base else []
    notes += [f"{name} is not read: images lie outside of its folder" for name in listing.descriptions[:1]]
    notes += [
        f"the class folders {' and '.join(forms)} are one name in several Unicode forms, and one class"
        for forms in _forms(merged)
    ]
    return Classified(names, labels, classes, left_out, notes + _same_but_for_case(classes))


def _wrapping(names: list[str], folders: list[str]) -> str:
    """The folder around all of the class folders, such as `dataset/`; nothing where they are at the root.

    A folder is taken for that only where nothing else is beside it, and no image lies directly in it.
    """
    base = ""
    for _ in range(MOST_WRAPPINGS):
        tops = _tops(names, base)
        if len(tops) != 1 or _tops(folders, base) - tops:
            return base
        inner = f"{base}{tops.pop()}/"
        if not all(name.startswith(inner) and "/" in name[len(inner) :] for name in names):
            return base
        base = inner
    return base


def _tops(paths: list[str], base: str) -> set[str]:
    """What lies directly in the folder `base`."""
    return {path[len(base) :].partition("/")[0] for path in paths if path.startswith(base)}


def _loose(where: Path, loose: list[str], count: int, listing: Listing) -> str:
    advice = "make a folder for each class, or set prepare.labels to false"
    if any(".cls" in entry.what for entry in listing.left_out.entries()):
        advice = f"the labels in files .cls (WebDataset) are not read; {advice}"
    if len(loose) == count:
        return f"{where}: none of the images ({count}, such as {loose[0]}) lies in a class folder; {advice}"
    if len(loose) == 1:
        return f"{where}: {loose[0]} lies in no class folder; move it, or set prepare.labels to false"
    return f"{where}: {len(loose)} images lie in no class folder, such as {', '.join(loose[:3])}; {advice}"


def _single(where: Path, base: str, names: list[str], classes: list[str]) -> str:
    """Why the tree has no two classes, and what to do."""
    advice = "make a folder for each class, or set prepare.labels to false"
    if not classes:
        return f"{where}: no image lies in a class folder; {advice}"
    inner = f"{base}{classes[0]}/"
    if len({name[len(inner) :].partition("/")[0] for name in names if "/" in name[len(inner) :]}) > 1:
        advice = f"if the folders in it are the classes, {_pointed_at(where, inner[:-1])}; else {advice}"
    return f"{where}: one class only, {base}{classes[0]}, and labels need two or more; {advice}"


def _pointed_at(where: Path, folder: str) -> str:
    if where.is_dir():
        return f"point prepare.path at {where / folder}"
    return f"unpack it and point prepare.path at its folder {folder}, with source: folder"


def _refuse_other_structures(where: Path, base: str, names: list[str], counts: "Counter[str]") -> None:
    """Raise InputError where the folders are evidently something else than classes."""
    folders = sorted(counts)
    shown = ", ".join(base + name for name in folders[:4]) + (" …" if len(folders) > 4 else "")
    if _are_splits(folders):
        train = next((name for name in folders if name.lower().startswith("train")), folders[0])
        raise InputError(
            f"{where}: {shown} are parts of a data set, not classes; {_pointed_at(where, base + train)}, "
            "or set prepare.labels to false"
        )
    reason = None
    if len(folders) > 1 and all(_ROLE.fullmatch(name.lower()) for name in folders):
        reason = "kinds of files"
    elif all(_CAMERA.fullmatch(name) for name in folders):
        reason = "folders of a camera"
    elif _are_shards(folders, names, counts, len(base)):
        reason = "portions of one data set"
    if reason is not None:
        raise InputError(
            f"{where}: {shown} are {reason}, not classes; set prepare.labels to false, or give the classes in a "
            "dataset.json; if they are classes after all, rename them"
        )


def _are_splits(folders: list[str]) -> bool:
    found = [name for name in folders if name.lower() in SPLITS]
    return len(found) > 1 and (len(found) == len(folders) or any(name.lower().startswith("train") for name in found))


def _are_shards(folders: list[str], names: list[str], counts: "Counter[str]", start: int) -> bool:
    """Whether folders hold a data set's images portion by portion: 00000, 00001 … or two hexadecimal digits.

    Numbered classes look alike, but the files' numbers begin again in each of them, or their counts differ.
    """
    digits = len(folders[0])
    if digits > LONGEST_NUMBER:
        return False
    if 16**digits == len(folders) and digits > 1 and all(re.fullmatch("[0-9a-f]+", name) for name in folders):
        return True
    if digits < 4 or len(folders) < 2 or not all(re.fullmatch(f"[0-9]{{{digits}}}", name) for name in folders):
        return False
    steps = {int(after) - int(before) for before, after in pairwise(folders)}
    if len(steps) > 1 or (steps == {1} and len(str(int(folders[-1]))) == digits):
        return False
    files: dict[str, list[str]] = {name: [] for name in folders}
    for name in names:
        files[name[start:].partition("/")[0]].append(name.rpartition("/")[2])
    if all(_order(max(files[a], key=_order)) < _order(min(files[b], key=_order)) for a, b in pairwise(folders)):
        return True
    full = counts[folders[0]]
    alike = full in ROUND and all(counts[name] == full for name in folders[:-1]) and counts[folders[-1]] <= full
    return alike and len({name for found in files.values() for name in found}) == len(names)


def _order(name: str) -> tuple[int, str]:
    """So that 10.png comes after 9.png."""
    return len(name), name


def _merged(names: Iterable[str]) -> dict[str, str]:
    """Folder -> class: names that are the same text in different Unicode forms are one."""
    first_of: dict[str, str] = {}
    return {name: first_of.setdefault(unicodedata.normalize("NFC", name), name) for name in sorted(names)}


def _forms(merged: dict[str, str]) -> list[list[str]]:
    """The folders of each class that has several; they look alike, so that those beyond ASCII are written out."""
    several = [name for name, count in Counter(merged.values()).items() if count > 1]
    return [[ascii(name) for name, form in merged.items() if form == shown] for shown in several]


def _same_but_for_case(classes: list[str]) -> list[str]:
    lower: dict[str, str] = {}
    notes = []
    for name in classes:
        other = lower.setdefault(name.casefold(), name)
        if other != name:
            notes.append(f"{other} and {name} are two classes, whose names differ in upper and lower case alone")
    return notes


def _mixed_splits(where: Path, names: list[str], listing: Listing) -> list[str]:
    """A note where images for training and for tests are in one tree."""
    base = _wrapping(names, listing.folders)
    folders = sorted(_tops([name for name in names if "/" in name[len(base) :]], base))
    if not _are_splits(folders):
        return []
    train = next((name for name in folders if name.lower().startswith("train")), folders[0])
    return [
        f"the images of {', '.join(base + name for name in folders[:4])} are taken together; to leave the others out, "
        f"{_pointed_at(where, base + train)}"
    ]


def _alike(names: list[str]) -> list[str]:
    """A note on files that would be one on a disk that does not tell upper from lower case, or Unicode's forms."""
    seen: set[int] = set()
    alike = []
    for name in names:
        key = hash(unicodedata.normalize("NFC", name).casefold())  # not the text itself: there may be millions
        if key in seen:
            alike.append(name)
        seen.add(key)
    if not alike:
        return []
    return [
        "names that differ only in upper and lower case or in their Unicode form: "
        f"{len(alike)}, such as {alike[0]}; all are read, but some disks keep one of each"
    ]
