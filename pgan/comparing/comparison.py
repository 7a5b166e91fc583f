"""All of a comparison: the sets are read, brought to one size, and each is measured against the same real images."""

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pgan.comparing.image_set import Images, ImageSet, Terms, chosen
from pgan.comparing.measuring import figures, not_trusted
from pgan.comparing.notes import (
    notes_on_classes,
    notes_on_count,
    notes_on_metrics,
    notes_on_reference,
    notes_on_size,
)
from pgan.comparing.one_form import terms_of
from pgan.comparing.opening import open_images, open_reals_of
from pgan.comparing.picture import COLUMNS, ROWS, tiles
from pgan.comparing.reference import Reference, check_features, made_reference, make_reference
from pgan.comparing.request import Request, letters
from pgan.comparing.settings import evaluate_section, features_section
from pgan.errors import InputError, readable
from pgan.metrics.config import Evaluate, Features
from pgan.metrics.feature_space import read_space
from pgan.metrics.imagenet import find_weights
from pgan.metrics.inception import find_inception, load_inception
from pgan.metrics.sizes import FEWEST_REALS
from pgan.prepare.sources import spread


@dataclass(frozen=True)
class Measured:
    """One set of images and its figures."""

    source: ImageSet
    count: int
    """Images that were measured."""
    skipped: list[tuple[str, str]]
    digest: str
    """SHA-256 of the pixels that were measured."""
    metrics: dict[str, float]
    tiles: np.ndarray
    """Some of the images, uint8 (n, C, r, r)."""


@dataclass(frozen=True)
class Comparison:
    """What came out."""

    request: Request
    terms: Terms
    sets: list[Measured]
    """One for each path."""
    reference: Reference
    reference_tiles: np.ndarray
    reference_digest: str
    fresh: Measured | None
    """Other real images, as many as in each set."""
    params: Evaluate
    features: Features
    doubtful: dict[str, str]
    """Metrics and values that are not to be trusted, and why."""
    notes: list[str]
    """What a user should know of how the images were read."""


def compare(request: Request, scratch: Path) -> Comparison:
    """Measure all sets of images.

    Args:
        scratch: an empty folder for temporary files.

    Raises:
        InputError: an image set, the reference or a feature network is not what it should be, or has too few images.
        RunError: the disk is full, memory ran out, or a package is missing.
    """
    features = _features(request)
    real = open_reals_of(request.reference, request.device)
    sources = [open_images(path, request.device) for path in request.paths]
    terms = terms_of(request, real, sources, scratch)
    notes = notes_on_size(terms, real, sources) + notes_on_classes(terms, sources)
    names = list(letters(len(sources)))
    if request.features is not None:
        check_features(real, request.features, terms)
    planned = min([request.samples, *(source.count for source in sources if source.count is not None)])
    _params(request, real, planned, terms, features)  # whether anything can be measured is known before the work
    read = {
        name: _read(source, planned, terms, name)
        for name, source in zip(names, sources, strict=True)
        if source.count is not None
    }
    count = min([planned, *(len(images.pixels) for images in read.values())])
    if count < FEWEST_REALS:
        raise InputError(f"only {count} image of a set can be read, but sets of at least {FEWEST_REALS} are compared")
    params = _params(request, real, count, terms, features)
    notes += notes_on_metrics(params, terms, features, count)
    notes += notes_on_count(request, sources, names, read, count)
    reference = _reference(request, real, count, terms, features)
    notes += notes_on_reference(reference, count)
    for note in notes:
        print(readable(f"note: {note}"), file=sys.stderr)
    sets = []
    for name, source in zip(names, sources, strict=True):
        print(readable(f"{name}: {source.path}"), file=sys.stderr)
        images = read.pop(name, None) or _read(source, count, terms, name)
        sets.append(_measured(source, images, count, reference, params, terms))
    fresh = None
    if reference.fresh is not None:
        print("other real images", file=sys.stderr)
        fresh = _measured(real, reference.fresh, count, reference, params, terms)
    return Comparison(
        request,
        terms,
        sets,
        reference,
        tiles(reference.images.pixels),
        _digest(reference.images.pixels),
        fresh,
        params,
        features,
        _doubtful(params, reference, terms),
        notes,
    )


def _features(request: Request) -> Features:
    """The feature space; its network is looked for now, before the work. Raises InputError and RunError."""
    if request.features is not None:
        space = read_space(request.features).space
        if space == "inception" and request.inception is None:
            raise InputError(f"{request.features}: features of Inception; name its file with --inception")
        if space != "inception" and request.inception is not None:
            raise InputError(f"{request.features}: not features of Inception; leave out --inception")
    else:
        space = "inception" if request.inception else request.space
    if space not in ("imagenet", "inception", "classifier", "none"):
        raise InputError(f"{request.features}: features of an unknown space; make them again with `pgan features`")
    section = features_section(space, request.inception)  # type: ignore[arg-type]
    if space == "imagenet":
        find_weights()
    elif space == "inception":
        load_inception(find_inception(section.inception)[0], request.device)
    return section


def _params(request: Request, real: ImageSet, count: int, terms: Terms, features: Features) -> Evaluate:
    """How `count` images of each set are measured. Raises InputError where nothing can be."""
    assert real.count is not None
    reals = min(real.count, request.reference_samples or request.samples) if request.features is None else real.count
    params = evaluate_section(count, reals, terms.resolution, features)
    if params is None:
        raise InputError(f"nothing can be measured of images of {terms.resolution} pixels without a feature space")
    return params


def _read(source: ImageSet, count: int, terms: Terms, name: str) -> Images:
    wanted = np.arange(count) if source.count is None else chosen(source.count, count, terms.seed)
    return source.read(wanted, terms, name)


def _reference(request: Request, real: ImageSet, count: int, terms: Terms, features: Features) -> Reference:
    if request.features is not None:
        return made_reference(real, request.features, COLUMNS * ROWS, terms, features, request.device)
    most = request.reference_samples or request.samples
    return make_reference(real, most, count, terms, features, request.device)


def _measured(
    source: ImageSet, images: Images, count: int, reference: Reference, params: Evaluate, terms: Terms
) -> Measured:
    part = images.part(spread(len(images.pixels), count), terms.scratch)
    metrics = figures(part.pixels, reference, params, terms)
    return Measured(source, count, images.skipped, _digest(part.pixels), metrics, tiles(part.pixels))


def _digest(pixels: np.ndarray) -> str:
    total = hashlib.sha256()
    for i in range(0, len(pixels), 256):
        total.update(np.ascontiguousarray(pixels[i : i + 256]).data)
    return total.hexdigest()


def _doubtful(params: Evaluate, reference: Reference, terms: Terms) -> dict[str, str]:
    if reference.extractor is None:
        return {}
    empty = np.zeros((1, terms.channels, terms.resolution, terms.resolution), np.uint8)
    dimensions = reference.extractor.features(empty).shape[1]
    return not_trusted(params, reference.count, dimensions)
