"""Mode recovery: how many of the 1000 combinations of three digits a generator makes, and how evenly."""

import math

import torch
from torch import Tensor

from pgan.metrics.digit_channels import MODES
from pgan.metrics.sample import Sample


def compute(sample: Sample) -> dict[str, float]:
    """`modes` and `modes_kl` of the generated images, see `mode_metrics`."""
    return mode_metrics(sample.class_probabilities)


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
