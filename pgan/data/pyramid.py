"""The pyramid on disk: one uint8 array per resolution, labels, and what they were made from.

images_4.npy  images_8.npy  …   (N, C, r, r) uint8, plain .npy, read as memory maps: a data set may exceed the RAM
labels.npy                      (N,) int64, indices into `classes`; all 0 where there are no labels
meta.json                       `Meta`
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from pgan.errors import InputError

LABELS = "labels.npy"
META = "meta.json"


def level_name(resolution: int) -> str:
    """The file that holds one level."""
    return f"images_{resolution}.npy"


@dataclass(frozen=True)
class Meta:
    """What a pyramid holds and what it was made from. Nothing here depends on the time or the machine."""

    count: int
    channels: int
    levels: list[int]
    """Resolutions in pixels, ascending."""
    classes: list[str]
    """Class names in label order; empty where there are no labels."""
    source: str
    source_digest: str
    """SHA-256 over the content of the source."""
    skipped: list[dict[str, str]] = field(default_factory=list)
    """Files that could not be read: `{"file": …, "reason": …}`."""


def write_meta(folder: Path, meta: Meta) -> None:
    """Write `meta.json`."""
    (folder / META).write_text(json.dumps(asdict(meta), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_meta(folder: Path) -> Meta:
    """Read `meta.json`. Raises InputError when the folder holds no pyramid."""
    try:
        return Meta(**json.loads((folder / META).read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise InputError(f"{folder}: no pyramid here ({META} is missing); make one with `pgan prepare`") from None
    except (ValueError, TypeError) as error:
        raise InputError(f"{folder / META}: not a pyramid's description: {error}") from None


def open_level(folder: Path, resolution: int) -> np.ndarray:
    """One level as a read-only memory map, (N, C, resolution, resolution) uint8.

    Raises:
        InputError: the level is missing, or is not what its name says.
    """
    path = folder / level_name(resolution)
    if not (folder / LABELS).exists():
        raise InputError(f"{path}: no such file: there is no pyramid here; make one with `pgan prepare`")
    images = _open(path, f"the pyramid has no level of {resolution} pixels; raise prepare.resolution")
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[2:] != (resolution, resolution):
        raise InputError(
            f"{path}: expected uint8 (N, C, {resolution}, {resolution}), found {images.dtype} {images.shape}"
        )
    return images


def open_labels(folder: Path) -> np.ndarray:
    """The labels, (N,) int64, as a read-only memory map. Raises InputError when they are missing or of another type."""
    path = folder / LABELS
    labels = _open(path, "make the pyramid again with `pgan prepare`")
    if labels.dtype != np.int64 or labels.ndim != 1:
        raise InputError(f"{path}: expected int64 (N,), found {labels.dtype} {labels.shape}")
    return labels


def _open(path: Path, advice: str) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file: {advice}") from None
    except (ValueError, EOFError) as error:
        raise InputError(f"{path}: not a plain .npy array: {error}") from None
