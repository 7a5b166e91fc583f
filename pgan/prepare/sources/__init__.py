"""Where images come from. A source lists its images, then hands them over one by one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pgan.prepare.config import Prepare
from pgan.prepare.drawing import Drawing
from pgan.prepare.licences import Licence
from pgan.prepare.sources.left_out import LeftOut


@dataclass(frozen=True)
class Refused:
    """Stands for an image that is not to be read, and says why."""

    reason: str


Payload = bytes | Path | np.ndarray | Drawing | Refused
"""One image: encoded; the path of an encoded file; (H, W) or (H, W, 3) uint8; still to be drawn; or nothing, with the
reason."""


@dataclass(frozen=True)
class Source:
    """The list of all images, and the means to read them."""

    names: Sequence[Any]
    """What to call each image, in the order in which the pyramid will hold them."""

    labels: np.ndarray
    """(N,) int64, indices into `classes`; all 0 where the source has no classes or none were asked for."""

    classes: list[str]
    """Class names in label order."""

    read: Callable[[np.ndarray], Iterator[tuple[int, Payload]]]
    """Given ascending indices into `names`, (n,) int64, yields (index, payload) for each of them once. The order is the
    source's own, but always the same."""

    left_out: list[LeftOut] = field(default_factory=list)
    """What else there is, and why it is not used."""

    notes: list[str] = field(default_factory=list)
    """What a user should know of how the source was read, each a line."""

    attributes: list[str] = field(default_factory=list)
    """What is known of each image beside its class: the columns of attributes.csv. Such a source reads in order."""

    licences: list[Licence] = field(default_factory=list)
    """Of what the images are drawn from."""

    drawn_with: dict[str, str] = field(default_factory=dict)
    """Package -> version, where another version may draw other images."""


def spread(count: int, most: int | None) -> np.ndarray:
    """Ascending indices of the images to use: all, or `most` at equal distances, so that every class is among them."""
    if most is None or most >= count:
        return np.arange(count)
    return np.arange(most) * count // most


def open_source(settings: Prepare, seed: int) -> Source:
    """List the images of the source that `settings` name; `seed` determines what `mnist-rgb` draws.

    Raises:
        InputError: the source is missing, is not what it should be, or holds no images.
    """
    path = Path(settings.path or "")
    match settings.source:
        case "digits":
            from pgan.prepare.sources.digits import digits

            return digits(settings.labels)
        case "avatars":
            from pgan.prepare.sources.avatars import avatars

            return avatars(settings.avatars, settings.labels)
        case "idx":
            from pgan.prepare.sources.idx import idx

            return idx(path, Path(settings.labels_path) if settings.labels_path else None, settings.labels)
        case "folder":
            from pgan.prepare.sources.folder import folder

            return folder(path, settings.labels)
        case "zip":
            from pgan.prepare.sources.zip import zip_archive

            return zip_archive(path, settings.labels)
        case "tar":
            from pgan.prepare.sources.tar import tar_archive

            return tar_archive(path, settings.labels)
        case "cifar10":
            from pgan.prepare.sources.cifar10 import cifar10

            return cifar10(path, settings.labels)
        case "mnist-rgb":
            from pgan.prepare.sources.mnist_rgb import mnist_rgb

            labels_path = Path(settings.labels_path) if settings.labels_path else None
            return mnist_rgb(path, labels_path, settings.mnist_rgb, settings.labels, seed)
