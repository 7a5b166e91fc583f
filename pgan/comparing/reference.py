"""The real images of a comparison: those that all sets are compared with, and others that show what can be reached."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pgan.comparing.image_set import Images, ImageSet, Terms, chosen, rows_in_chunks
from pgan.comparing.image_sets import PyramidSet
from pgan.data.pyramid import Meta, level_name, write_meta
from pgan.errors import InputError
from pgan.metrics.config import Features
from pgan.metrics.feature_space import Extractor, make_features, open_extractor, read_space, real_features
from pgan.metrics.reals import Reals
from pgan.prepare.sources import spread
from pgan.sampling.stills import write_array

SPARE = 20
"""One more picture for each so many: some may be unreadable."""


@dataclass(frozen=True)
class Reference:
    """Real images as the metrics take them."""

    source: ImageSet
    images: Images
    """What the others are compared with; with `--features`, some of it, to be looked at."""
    count: int
    """How many the others are compared with."""
    fresh: Images | None
    """As many others as each set has, none of them among those; None where there are not enough."""
    reals: Reals
    meta: Meta
    extractor: Extractor | None


def make_reference(
    source: ImageSet, count: int, fresh: int, terms: Terms, features: Features, device: torch.device
) -> Reference:
    """Read images of the source, and compute their features.

    Args:
        count: most images to compare with.
        fresh: others that are wanted.

    Raises:
        InputError, RunError: as `ImageSet.read` and `make_features`.
    """
    assert source.count is not None, "a generator has no real images"
    compared = chosen(source.count, count, terms.seed)
    others = np.setdiff1d(np.arange(source.count), compared, assume_unique=True)
    if len(others) >= fresh:
        others = others[chosen(len(others), fresh + fresh // SPARE, terms.seed)]
        wanted = np.union1d(compared, others)
    else:
        wanted = compared
    read = source.read(wanted, terms, "reference")
    is_chosen = np.isin(read.indices, compared, assume_unique=True)
    images = read.part(np.flatnonzero(is_chosen), terms.scratch)
    rest = np.flatnonzero(~is_chosen)
    folder, features_folder = terms.scratch / "pyramid", terms.scratch / "features"
    meta = _write_pyramid(images.pixels, terms, folder)
    make_features(folder, features_folder, features, False, terms.seed, device)
    return Reference(
        source,
        Images(images.pixels, images.indices, read.skipped),
        len(images.pixels),
        read.part(rest[spread(len(rest), fresh)], terms.scratch) if len(rest) >= fresh else None,
        Reals(folder, features_folder, mirror=False),
        meta,
        open_extractor(features_folder, features, device),
    )


def _write_pyramid(pixels: np.ndarray, terms: Terms, folder: Path) -> Meta:
    """A pyramid of one level, from which the metrics read."""
    folder.mkdir()
    r = terms.resolution
    write_array(rows_in_chunks(pixels, np.arange(len(pixels))), pixels.shape, folder / level_name(r))
    meta = Meta(len(pixels), terms.channels, [r], [], source="compare", source_digest="")
    write_meta(folder, meta)
    return meta


def made_reference(
    source: ImageSet, folder: Path, shown: int, terms: Terms, features: Features, device: torch.device
) -> Reference:
    """The pyramid whose features `pgan features` has made: all of them are compared with.

    Args:
        source, folder: the pyramid, and its features; checked by `check_features`.
        shown: images to be looked at.
    """
    assert isinstance(source, PyramidSet)
    space = read_space(folder)
    wanted = spread(source.meta.count, shown)
    return Reference(
        source,
        source.read(wanted, terms, "reference"),
        len(real_features(folder, terms.resolution)) if space.levels else source.meta.count,
        None,
        Reals(source.path, folder, mirror=False),
        source.meta,
        open_extractor(folder, features, device),
    )


def check_features(source: ImageSet, folder: Path, terms: Terms) -> None:
    """Raises InputError where the source is no pyramid, or the features are of other images."""
    if not isinstance(source, PyramidSet):
        raise InputError(f"{source.path}: no pyramid, but --features needs the one that {folder} was made of")
    space = read_space(folder)
    if space.channels != terms.channels:
        raise InputError(
            f"{folder}: features of {_colour(space.channels)} images, but {_colour(terms.channels)} ones are compared; "
            "leave out --features"
        )
    if space.levels and terms.resolution not in space.levels:
        levels = ", ".join(map(str, space.levels))
        raise InputError(f"{folder}: no features at {terms.resolution} pixels; take --resolution from {levels}")


def _colour(channels: int) -> str:
    return "grey" if channels == 1 else "RGB"
