"""The pyramid on disk: one uint8 array per resolution, labels, and what they were made from.

images_4.npy  images_8.npy  …   (N, C, r, r) uint8, plain .npy, read as memory maps: a data set may exceed the RAM
labels.npy                      (N,) int64, indices into `classes`; all 0 where there are no labels
attributes.csv                  of drawn images alone: a row for each image in their order, a column for each attribute;
                                `none` where the image does not show it, empty where its style has no such attribute
meta.json                       `Meta`
"""

import json
from dataclasses import asdict, field
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import pydantic
from pydantic import Field

from pgan.config import Channels, first_problem
from pgan.errors import InputError
from pgan.untrusted.arrays import open_array
from pgan.untrusted.inputs import read_json

LABELS = "labels.npy"
ATTRIBUTES = "attributes.csv"
STYLE = "style"
"""The attribute that every drawn image has; it says which others it can have."""
META = "meta.json"
LONGEST_CREDIT = 200
"""Characters."""
PREPARE = "make the pyramid again with `pgan prepare`, or `dvc repro prepare`"


def level_name(resolution: int) -> str:
    """The file that holds one level."""
    return f"images_{resolution}.npy"


def _ascending(levels: list[int]) -> list[int]:
    if sorted(set(levels)) != levels:
        raise ValueError(f"must ascend, found {levels}")
    return levels


@pydantic.dataclasses.dataclass(frozen=True, config=pydantic.ConfigDict(strict=True, extra="forbid"))
class Meta:
    """What a pyramid holds and what it was made from. Nothing here depends on the time or the machine."""

    count: Annotated[int, Field(ge=1, le=2**40)]
    channels: Channels
    levels: Annotated[
        list[Annotated[int, Field(ge=1, le=2**16)]], Field(min_length=1), pydantic.AfterValidator(_ascending)
    ]
    """Resolutions in pixels, ascending."""
    classes: list[str]
    """Class names in label order; empty where there are no labels."""
    source: str
    source_digest: str
    """SHA-256 over the content of the source."""
    skipped: list[dict[str, str]] = field(default_factory=list)
    """Images that could not be used: `{"file": …, "reason": …}`."""
    left_out: list[dict[str, Any]] = field(default_factory=list)
    """What else the source holds, by kind: `{"what": …, "count": …, "why": …, "examples": [up to 5 names]}`."""
    class_counts: list[Annotated[int, Field(ge=0, le=2**40)]] = field(default_factory=list)
    """Images of each class, parallel to `classes`; empty where there are no labels, or an older `pgan` made it."""
    remarks: list[dict[str, Any]] = field(default_factory=list)
    """What is odd about images that were read: `{"what": …, "count": …, "examples": […]}`."""
    licences: Annotated[list[dict[str, str]], Field(max_length=1000)] = field(default_factory=list)
    """Of each style of drawn images: `{"style": …, "name": …, "url": …, "work": …, "creator": …, "credit": …, …}`."""
    drawn_with: dict[str, str] = field(default_factory=dict)
    """Package -> version, where another version may draw other images."""

    @pydantic.model_validator(mode="after")
    def _one_count_per_class(self) -> Self:
        if len(self.class_counts) not in (0, len(self.classes)):
            raise ValueError(f"class_counts: {len(self.class_counts)} for {len(self.classes)} classes")
        return self

    @property
    def credits(self) -> list[str]:
        """What a picture of these images, or of what a generator made of them, must say: see `credit` in `licences`."""
        texts = (entry.get("credit", "")[:LONGEST_CREDIT] for entry in self.licences)
        return [text for text in dict.fromkeys(texts) if text]


def write_meta(folder: Path, meta: Meta) -> None:
    """Write `meta.json`."""
    (folder / META).write_text(json.dumps(asdict(meta), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_meta(folder: Path) -> Meta:
    """Read `meta.json`. Raises InputError when the folder holds no pyramid."""
    path = folder / META
    try:
        return Meta(**read_json(path))
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(f"{folder}: no pyramid here ({META} is missing); make one with `pgan prepare`") from None
    except (ValueError, TypeError) as error:
        reason = first_problem(error) if isinstance(error, pydantic.ValidationError) else error
        raise InputError(f"{path}: not a pyramid's description: {reason}; {PREPARE}") from None


def open_level(folder: Path, resolution: int) -> np.ndarray:
    """One level as a read-only memory map, (N, C, resolution, resolution) uint8.

    Raises:
        InputError: the level is missing, or is not what its name says.
    """
    path = folder / level_name(resolution)
    if not path.exists() and not (folder / LABELS).exists():
        raise InputError(f"{path}: no such file: there is no pyramid here; make one with `pgan prepare`")
    images = _open(path, f"the pyramid has no level of {resolution} pixels; raise prepare.resolution")
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[2:] != (resolution, resolution):
        expected = f"expected uint8 (N, C, {resolution}, {resolution})"
        raise InputError(f"{path}: {expected}, found {images.dtype} {images.shape}; {PREPARE}")
    return images


def open_labels(folder: Path) -> np.ndarray:
    """The labels, (N,) int64, as a read-only memory map. Raises InputError when they are missing or of another type."""
    path = folder / LABELS
    labels = _open(path, PREPARE)
    if labels.dtype != np.int64 or labels.ndim != 1:
        raise InputError(f"{path}: expected int64 (N,), found {labels.dtype} {labels.shape}; {PREPARE}")
    if labels.min() < 0:
        raise InputError(f"{path}: a label {labels.min()}, but labels count from 0; {PREPARE}")
    return labels


def count_classes(labels: np.ndarray) -> int:
    """Classes of a pyramid by its labels, (N,): the last one has an image. 0 where there are none: all labels are 0."""
    return int(labels.max()) + 1 if labels.any() else 0


def _open(path: Path, advice: str) -> np.ndarray:
    try:
        return open_array(path)
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(f"{path}: no such file: {advice}") from None
    except InputError as error:
        raise InputError(f"{error}; {PREPARE}") from None
