"""The folder that stage `features` makes: the feature extractor, and the features of the real images at every level.

space.json       `Space`: what the features are, so that `evaluate` can check that they are what it was asked for
classifier.pt    the classifier's weights, where the space is `classifier`
attributes.csv   what is drawn in the real images, a row for each, where the pyramid says it
real_<r>.npy     features of the real images at r pixels, (N, D) float32, in the data set's order
metrics.json     accuracy of the classifier; empty for other spaces
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pgan.data.pyramid import ATTRIBUTES, PREPARE, read_meta
from pgan.errors import InputError, shown
from pgan.files import replaced_folder
from pgan.metrics.classifier import FEATURES, load_classifier, save_classifier, train_classifier
from pgan.metrics.config import Features
from pgan.metrics.digit_channels import DIGITS, channels_apart, together
from pgan.metrics.imagenet import imagenet_features, imagenet_probabilities, load_imagenet
from pgan.metrics.inception import find_inception, inception_features, inception_probabilities, load_inception
from pgan.metrics.outputs import rounded, write_json
from pgan.metrics.progress import counted
from pgan.metrics.reals import choose, real_chunks
from pgan.metrics.sizes import too_few
from pgan.untrusted.arrays import open_array
from pgan.untrusted.inputs import read_json

SPACE, CLASSIFIER, METRICS = "space.json", "classifier.pt", "metrics.json"


@dataclass(frozen=True)
class Space:
    """What `space.json` says."""

    space: str
    """classifier, imagenet, inception or none."""
    channels: int
    """Of the images: 1 grey, 3 RGB."""
    levels: list[int]
    """Resolutions whose real features are there; empty for none."""
    inception_sha256: str | None
    """The network's file, by content: where it lies on this machine does not matter."""


@dataclass(frozen=True)
class Extractor:
    """A feature network. Both functions take uint8 images (N, C, r, r) and give float32 on the CPU."""

    features: Callable[[np.ndarray], Tensor]
    """(N, D)."""
    probabilities: Callable[[np.ndarray], Tensor]
    """Of the network's classes, (N, K)."""


def make_features(
    pyramid: Path, out: Path, params: Features, mirror: bool, seed: int, device: torch.device
) -> dict[str, float]:
    """Make the folder `out`; returns what went into `metrics.json`.

    Raises:
        InputError: no labels for the classifier, no Inception file where `params` says, or `out` is something else.
        RunError: Inception could not be downloaded, or the package with ImageNet's weights is not installed.
    """
    meta = read_meta(pyramid)
    metrics: dict[str, float] = {}
    digest = None
    if reason := too_few(meta.count):
        raise InputError(f"{pyramid}: {reason}")
    with replaced_folder(out, marker=SPACE, maker="pgan features") as folder:
        if params.space == "classifier":
            model, metrics = train_classifier(pyramid, params.classifier, mirror, seed, device)
            save_classifier(model, folder / CLASSIFIER)
        elif params.space == "inception":
            _, digest = find_inception(params.inception)
        space = Space(params.space, meta.channels, [] if params.space == "none" else meta.levels, digest)
        write_json(asdict(space), folder / SPACE)
        if extractor := open_extractor(folder, params, device):
            indices = choose(meta.count, params.real_images, seed, "features")
            _keep_attributes(pyramid, indices, folder)
            for level in space.levels:
                chunks = real_chunks(pyramid, level, indices, mirror, seed, params.batch)
                chunks = counted(chunks, len(indices), f"real features, {level} pixels")
                np.save(folder / f"real_{level}.npy", extract(extractor.features, chunks).numpy())
        write_json(rounded(metrics), folder / METRICS)
    return metrics


def _keep_attributes(pyramid: Path, indices: np.ndarray, folder: Path) -> None:
    """Copy the rows of these images from the pyramid's table, if it has one. Raises InputError where one is missing."""
    try:
        header, *rows = (pyramid / ATTRIBUTES).read_text(encoding="utf-8").splitlines(keepends=True)
    except FileNotFoundError:
        return
    except ValueError:
        raise InputError(f"{pyramid / ATTRIBUTES}: not a table; {PREPARE}") from None
    if len(indices) and indices[-1] >= len(rows):
        raise InputError(f"{pyramid / ATTRIBUTES}: {len(rows)} rows, fewer than there are images; {PREPARE}")
    (folder / ATTRIBUTES).write_text(header + "".join(rows[i] for i in indices), encoding="utf-8")


def extract(function: Callable[[np.ndarray], Tensor], chunks: Iterable[np.ndarray]) -> Tensor:
    """What an extractor's function gives for a whole set, (N, …)."""
    return torch.cat([function(chunk) for chunk in chunks])


def read_space(folder: Path) -> Space:
    """What the folder holds. Raises InputError when `pgan features` did not make it."""
    try:
        space = Space(**read_json(folder / SPACE))
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(f"{folder}: no features here ({SPACE} is missing); make them with `pgan features`") from None
    except (ValueError, TypeError) as error:
        raise InputError(f"{folder / SPACE}: not a description of features ({error}); {FEATURES}") from None
    if not isinstance(space.levels, list) or not all(type(level) is int for level in space.levels):
        raise InputError(f"{folder / SPACE}: not a description of features: levels: {shown(space.levels)}; {FEATURES}")
    return space


def open_extractor(folder: Path, params: Features, device: torch.device) -> Extractor | None:
    """The feature network of the folder, None where the space is `none`.

    Raises:
        InputError: the folder was made with another space than `params` names, or with another Inception file.
        RunError: the package with ImageNet's weights is not installed.
    """
    space = read_space(folder)
    if space.space != params.space:
        raise InputError(f"{folder}: holds space {shown(space.space)}, features.space is '{params.space}'; {FEATURES}")
    if space.space == "classifier":
        return _classifier_extractor(folder / CLASSIFIER, space.channels, device)
    if space.space == "imagenet":
        return _imagenet_extractor(device)
    if space.space == "inception":
        path, digest = find_inception(params.inception)
        if digest != space.inception_sha256:
            raise InputError(f"{path}: not the Inception file that {folder} was made with; {FEATURES}")
        return _inception_extractor(path, device)
    return None


def _classifier_extractor(path: Path, channels: int, device: torch.device) -> Extractor:
    """Reads whole images; or, where the classifier reads one digit of three, each channel.

    Then the channels' features follow one another, and the probabilities are of combinations of digits.
    """
    model = load_classifier(path, device)

    def run(images: np.ndarray) -> tuple[Tensor, Tensor]:
        return model(torch.from_numpy(images).to(device))

    if model.shape["channels"] == channels:
        return Extractor(
            features=lambda images: run(images)[0].cpu(), probabilities=lambda images: run(images)[1].softmax(1).cpu()
        )
    if (channels, model.shape["channels"], model.shape["classes"]) != (3, 1, DIGITS):
        raise InputError(f"{path}: a classifier of images of other channels than {SPACE} says; {FEATURES}")
    return Extractor(
        features=lambda images: run(channels_apart(images))[0].reshape(len(images), -1).cpu(),
        probabilities=lambda images: together(run(channels_apart(images))[1].softmax(1).cpu()),
    )


def _imagenet_extractor(device: torch.device) -> Extractor:
    model = load_imagenet(device)
    return Extractor(
        features=lambda images: imagenet_features(model, images, device),
        probabilities=lambda images: imagenet_probabilities(model, images, device),
    )


def _inception_extractor(path: Path, device: torch.device) -> Extractor:
    model = load_inception(path, device)
    return Extractor(
        features=lambda images: inception_features(model, images, device),
        probabilities=lambda images: inception_probabilities(model, images, device),
    )


def real_features(folder: Path, resolution: int) -> Tensor:
    """Cached features of the real images at one level, (N, D) float32. Raises InputError when they are missing."""
    path = folder / f"real_{resolution}.npy"
    try:
        found = open_array(path, private=True)
    except (FileNotFoundError, IsADirectoryError):
        levels = ", ".join(map(str, read_space(folder).levels)) or "none"
        what = f"no real features at {resolution} pixels; the folder's levels are {levels}"
        raise InputError(f"{path}: {what}; {FEATURES}") from None
    if found.dtype != np.float32 or found.ndim != 2:
        raise InputError(f"{path}: expected float32 (N, D), found {found.dtype} {found.shape}; {FEATURES}")
    features = torch.from_numpy(found)
    if len(features) < 2 or not features.isfinite().all():
        raise InputError(f"{path}: fewer than two images, or values that are no numbers; {FEATURES}")
    return features
