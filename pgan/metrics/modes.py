"""Mode recovery: how many of the 1000 combinations of three digits a generator makes, and how evenly.

The images of source `mnist-rgb` are three grey digits, one in each channel. A classifier of digits reads each channel
by itself; one of 1000 classes would see each class too seldom to be trusted.
"""

import math

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


def mode_metrics(probabilities: Tensor) -> dict[str, float]:
    """Which combinations occur, each image counted as its likeliest (Metz et al. 2017, section 3.3.1).

    Args:
        probabilities: of all combinations, (N, 1000).

    Returns:
        `modes`, those found at least once (0 … 1000), and `modes_kl`, KL(found ‖ uniform) in nats (0 … log 1000).
        The KL of N images that are drawn evenly is about 1000 / 2N rather than 0: 0.02 for the papers' 25,600.
    """
    counts = torch.bincount(probabilities.argmax(1), minlength=MODES).double()
    entropy = float(torch.special.entr(counts / counts.sum()).sum())
    return {"modes": float((counts > 0).sum()), "modes_kl": max(0.0, math.log(MODES) - entropy)}
