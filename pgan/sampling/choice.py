"""Which images: `--seeds 0-15,20` and `--labels 0,3`, read from the command line."""

import difflib
import re
from pathlib import Path

from pgan.data.pyramid import read_meta
from pgan.errors import InputError

MOST_IMAGES = 100_000
"""Limit for one command: a typing error should not fill the disk."""
MOST_SEED = 2**63 - 1
MOST_NAMES = 20
"""Classes that a message names."""
LONGEST_NAME = 30
PYRAMID = Path("data/pyramid")
"""Where `pgan prepare` writes by default."""


def parse_seeds(text: str) -> list[int]:
    """`0-3,20` -> [0, 1, 2, 3, 20].

    Raises:
        InputError: not such a list, a range that descends, a seed given twice, or far too many.
    """
    ranges = _ranges(text, "--seeds", MOST_SEED, "numbers and ranges such as 0-15,20", "")
    seeds = [seed for first, last in ranges for seed in range(first, last + 1)]
    _check_unique(seeds, "--seeds")
    return seeds


def parse_labels(text: str | None, classes: int) -> list[int] | None:
    """`all` or `0,2-4` -> labels; None for None.

    Raises:
        InputError: the generator has no labels, or not these; or the text is no such list.
    """
    if text is None:
        return None
    if not classes:
        raise InputError(f"--labels {text}: this generator was trained without labels; leave the option out")
    if text.strip().lower() == "all":
        return list(range(classes))
    ranges = _ranges(
        text,
        "--labels",
        classes - 1,
        "'all' or numbers and ranges such as 0,2-4",
        f"; {numbered_classes(classes, text)}",
    )
    labels = [label for first, last in ranges for label in range(first, last + 1)]
    _check_unique(labels, "--labels")
    return labels


def numbered_classes(classes: int, text: str = "", pyramid: Path = PYRAMID) -> str:
    """In a message: a network's classes by number, and their names where the pyramid here has as many.

    Names are shown and not read: no checkpoint says which pyramid it was trained on, and a wrong class would go unseen.

    Args:
        text: what was asked for; the names in it are shown in any case.
    """
    many = f"{classes} classes: 0 to {classes - 1}" if classes > 1 else "1 class: 0"
    try:
        names = read_meta(pyramid).classes
    except (InputError, OSError):
        names = []
    if len(names) != classes or names == [str(number) for number in range(classes)]:
        return f"this network has {many}"
    asked = {part.strip() for part in text.split(",")}
    chosen = [number for number, name in enumerate(names) if name in asked]
    chosen += [number for number in range(classes) if number not in chosen]
    listed = ", ".join(f"{number} {names[number][:LONGEST_NAME]}" for number in sorted(chosen[:MOST_NAMES]))
    return f"this network has {many} (in {pyramid}: {listed}{', …' * (classes > MOST_NAMES)})"


def pair(seeds: list[int], labels: list[int] | None, classes: int) -> list[tuple[int, int | None]]:
    """(seed, label) of each image: every seed with every label, or, where none is asked for, with label seed % classes.

    An image thus depends on its own seed and label, not on what else is asked for.

    Raises:
        InputError: that would be too many.
    """
    if len(seeds) * len(labels or [0]) > MOST_IMAGES:
        raise InputError(f"--seeds with --labels: more than {MOST_IMAGES:,} images; ask for fewer at a time")
    if labels is not None:
        return [(seed, label) for seed in seeds for label in labels]
    return [(seed, seed % classes if classes else None) for seed in seeds]


def check_ending(out: Path, known: tuple[str, ...], otherwise: str) -> str:
    """The file's ending, in lower case.

    Raises:
        InputError: it is none of the known ones; the message says which there are, and which is near.
    """
    ending = out.suffix.lower()
    if ending in known:
        return ending
    near = difflib.get_close_matches(ending, known, n=1, cutoff=0.5)
    hint = f"; did you mean '{out.with_suffix(near[0]).name}'?" if near else ""
    raise InputError(f"{out}: cannot write '{out.suffix}': the name must end in {', '.join(known)}{otherwise}{hint}")


def _ranges(text: str, option: str, limit: int, form: str, known: str) -> list[tuple[int, int]]:
    """Pairs of first and last, up to `limit`. Where the text is wrong, `form` and `known` say what is right."""
    found, count = [], 0
    for part in text.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,19})\s*(?:-\s*([0-9]{1,19})\s*)?", part)
        if not match:
            raise InputError(f"{option} {text[:80]}: expected {form}, found '{part.strip()[:40]}'{known}")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise InputError(f"{option} {text[:80]}: the range {first}-{last} descends; write {last}-{first}")
        if last > limit:
            raise InputError(f"{option} {text[:80]}: {last} is too large{known or f'; the limit is {limit}'}")
        count += last - first + 1
        if count > MOST_IMAGES:
            raise InputError(f"{option} {text[:80]}: more than {MOST_IMAGES:,}; ask for fewer at a time")
        found.append((first, last))
    return found


def _check_unique(numbers: list[int], option: str) -> None:
    seen: set[int] = set()
    for number in numbers:
        if number in seen:
            raise InputError(f"{option}: {number} is given twice")
        seen.add(number)
