"""Images with a grey digit in each of three channels, as source `mnist-rgb` makes them: 1000 combinations.

A classifier of digits reads each channel by itself; one of 1000 classes would see each class too seldom to be trusted.
"""

import numpy as np
import torch
from torch import Tensor

from pgan.data.pyramid import Meta

DIGITS = 10
MODES = DIGITS**3


def has_modes(meta: Meta) -> bool:
    """Whether each channel of a pyramid's images is a digit."""
    return meta.source == "mnist-rgb" and meta.channels == 3


def channels_apart(images: np.ndarray) -> np.ndarray:
    """(N, 3, r, r) -> (3N, 1, r, r), a view: red, green and blue of the first image, then of the second, …"""
    return images.reshape(-1, 1, *images.shape[2:])


def digits_apart(labels: np.ndarray) -> np.ndarray:
    """Labels 100·red + 10·green + blue, (N,) -> the digits of the channels, (3N,), in the order of `channels_apart`."""
    return np.stack([labels // 100, labels // 10, labels], axis=1).reshape(-1) % DIGITS


def together(digits: Tensor) -> Tensor:
    """Probabilities of the digits, (3N, 10) -> of their combinations, (N, 1000)."""
    red, green, blue = digits.view(-1, 3, DIGITS).unbind(1)  # (N, 10) each
    return torch.einsum("nr,ng,nb->nrgb", red, green, blue).reshape(-1, MODES)
