"""What `pgan new` found in the images, from findings.json, where that is about the images of this run."""

import sys
from pathlib import Path
from typing import Annotated, Any

import pydantic
from pydantic import Field

from pgan.errors import InputError, readable
from pgan.untrusted.inputs import read_json

Count = Annotated[int, Field(ge=0, lt=2**40, strict=True)]


@pydantic.dataclasses.dataclass(frozen=True, config=pydantic.ConfigDict(extra="ignore"))
class Found:
    """The part of findings.json that a report shows."""

    source: str
    path: str
    images: Count
    distinct_images: Count
    formats: dict[str, Count]
    sizes_in_percentiles: dict[str, dict[str, Count]]
    in_colour: Count
    exact_duplicates: list[list[str]]
    near_duplicates: list[list[str]]
    of_one_colour: list[str]


def read_findings(path: Path, prepare: dict[str, Any]) -> dict[str, str]:
    """Names and texts for people; nothing where the file is missing, or about other images.

    The file is the user's, and no stage depends on it. So one that cannot be read costs a note and no failure.

    Args:
        prepare: the section of that name, which says what images the run was made of.
    """
    try:
        found = Found(**read_json(path))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, InputError):
        print(readable(f"note: {path}: not what `pgan new` writes; the report is made without it"), file=sys.stderr)
        return {}
    if (found.source, found.path) != (prepare.get("source"), prepare.get("path")):
        return {}
    return _in_words(found)


def _in_words(found: Found) -> dict[str, str]:
    formats = ", ".join(f"{form} {count:,}" for form, count in found.formats.items())
    grey = found.images - found.in_colour
    rows = {
        "images that can be used": f"{found.images:,}; without duplicates {found.distinct_images:,}",
        "formats": formats,
        "shorter side": _sizes(found.sizes_in_percentiles.get("short_side", {})),
        "colours": f"{found.in_colour:,} in colour, {grey:,} grey" if found.in_colour and grey else "",
        "exact duplicates": _groups(found.exact_duplicates),
        "near duplicates": _groups(found.near_duplicates),
        "of one colour": ", ".join(found.of_one_colour[:3]) + " …" * (len(found.of_one_colour) > 3),
    }
    return {name: text for name, text in rows.items() if text}


def _sizes(percentiles: dict[str, int]) -> str:
    low, middle, high = (percentiles.get(share) for share in ("0", "50", "100"))
    if None in (low, middle, high):
        return ""
    return f"{low} pixels" if low == high else f"{low} to {high} pixels, half of them {middle} or more"


def _groups(groups: list[list[str]]) -> str:
    if not groups:
        return ""
    example = " = ".join(groups[0][:2])
    return f"{len(groups):,} group{'s' * (len(groups) > 1)}, such as {example}"
