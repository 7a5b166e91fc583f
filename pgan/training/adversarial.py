"""The adversarial losses: functions of the critic's scores, one for the critic and one for the generator.

To add one, write its function, add its line to `LOSSES`, and its name to `training.loss` in config.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

Pair = tuple[Tensor, Tensor]
Images = Literal["reals", "fakes", "mixed"]
"""Images that the critic sees; the mixed ones lie between reals and fakes (Gulrajani et al. 2017, algorithm 1)."""


def wasserstein(real: Tensor, fake: Tensor) -> Pair:
    """Critic: D(fake) - D(real). Generator: -D(fake).

    Arjovsky et al. 2017 (arXiv 1701.07875), equations 2 and 3; with a gradient penalty Gulrajani et al. 2017
    (arXiv 1704.00028), equation 3.
    """
    return fake - real, -fake


def logistic(real: Tensor, fake: Tensor) -> Pair:
    """Critic: softplus(-D(real)) + softplus(D(fake)). Generator, non-saturating: softplus(-D(fake)).

    Goodfellow et al. 2014 (arXiv 1406.2661), section 3; with R1 Mescheder et al. 2018 (arXiv 1801.04406), equation 9.
    """
    return F.softplus(-real) + F.softplus(fake), F.softplus(-fake)


def relativistic(real: Tensor, fake: Tensor) -> Pair:
    """Critic: softplus(D(fake) - D(real)). Generator: softplus(D(real) - D(fake)). One real for each fake.

    Jolicoeur-Martineau 2018 (arXiv 1807.00734); with R1 and R2 Huang et al. 2024 (R3GAN, arXiv 2501.05441), equation 2.
    """
    return F.softplus(fake - real), F.softplus(real - fake)


def least_squares(real: Tensor, fake: Tensor) -> Pair:
    """Critic: ½(D(real) - 1)² + ½D(fake)². Generator: ½(D(fake) - 1)².

    Mao et al. 2017 (LSGAN, arXiv 1611.04076), equation 9: fakes are drawn to 0, reals to 1.
    """
    return 0.5 * ((real - 1.0).square() + fake.square()), 0.5 * (fake - 1.0).square()


def hinge(real: Tensor, fake: Tensor) -> Pair:
    """Critic: max(0, 1 - D(real)) + max(0, 1 + D(fake)). Generator: -D(fake).

    Lim and Ye 2017 (arXiv 1705.02894), section 3; Miyato et al. 2018 (arXiv 1802.05957), equations 16 and 17.
    """
    return F.relu(1.0 - real) + F.relu(1.0 + fake), -fake


@dataclass(frozen=True)
class Adversarial:
    """One of the losses."""

    of_scores: Callable[[Tensor, Tensor], Pair]
    """Scores of as many reals and fakes, (N,) each -> the critic's loss and the generator's, (N,) each."""
    penalised: tuple[Images, ...] = ()
    """Images at which the critic's gradient is penalised: mixed (WGAN-GP), reals (R1), reals and fakes (R1 + R2)."""
    pairs: bool = False
    """Whether the generator's loss depends on the reals."""


LOSSES = {
    "wgan-gp": Adversarial(wasserstein, penalised=("mixed",)),
    "wgan": Adversarial(wasserstein),  # with weight clipping, after the update
    "logistic": Adversarial(logistic, penalised=("reals",)),
    "relativistic": Adversarial(relativistic, penalised=("reals", "fakes"), pairs=True),
    "lsgan": Adversarial(least_squares),
    "hinge": Adversarial(hinge),
}
"""By their names in `training.loss`."""
