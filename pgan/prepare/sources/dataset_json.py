"""`dataset.json`: the classes of StyleGAN's and EDM's archives, `{"labels": [["00000/img00000000.png", 6], …]}`."""

import json
from typing import Any

from pgan.errors import InputError, shown
from pgan.prepare.sources.tree import normalised

NAME = "dataset.json"

MOST_BYTES = 2**27
"""128 MiB; ImageNet's, with 1.28 million images, has 45."""

MOST_VALUES = 2**23
"""Names, labels and lists in it (8 million): Python needs up to 70 bytes for each."""

ADVICE = "; mend it, or move it away and make a folder for each class, or set prepare.labels to false"


def read_labels(data: bytes, where: str) -> dict[str, int] | None:
    """Name in the data set -> label number; None where it says that there are no labels.

    Raises:
        InputError: it is too large, no JSON, or something else than a list of names and whole numbers.
    """
    if len(data) > MOST_BYTES or sum(data.count(sign) for sign in (b",", b"[", b"{")) > MOST_VALUES:
        raise InputError(f"{where}: too large to be read: {len(data)} bytes")
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: no JSON: {error}{ADVICE}") from None
    if not isinstance(content, dict) or "labels" not in content:
        raise InputError(f'{where}: no list of labels: no "labels" in it{ADVICE}')
    pairs = content["labels"]
    if pairs is None or pairs == []:
        return None
    if not isinstance(pairs, list):
        raise InputError(f'{where}: "labels": expected a list of [name, number], found {shown(pairs)}{ADVICE}')
    return _numbers(pairs, where)


def _numbers(pairs: list[Any], where: str) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for pair in pairs:
        if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str)):
            raise InputError(f'{where}: "labels": expected [name, number], found {shown(pair)}{ADVICE}')
        name, number = pair
        if isinstance(number, list):
            raise InputError(
                f"{where}: {name}: its label is a list of numbers, not a class; set prepare.labels to false"
            )
        if type(number) is not int or not 0 <= number < 2**63:
            raise InputError(
                f"{where}: {name}: expected a whole number from 0 as its label, found {shown(number)}{ADVICE}"
            )
        name = name.replace("\\", "/")
        name = normalised(name) or name
        if numbers.setdefault(name, number) != number:
            raise InputError(f"{where}: {name}: listed twice, with the labels {numbers[name]} and {number}{ADVICE}")
    return numbers
