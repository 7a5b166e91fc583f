"""Official networks, ours with the same weights, and both at a level of detail."""

import copy
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pgan.errors import InputError
from pgan.interchange.official_pickle import Official
from pgan.interchange.variables import Variable, variables_of
from pgan.networks.checkpoint import Checkpoint, shrink
from pgan.networks.network import Critic, Generator, Network
from verification.arrays import Arrays
from verification.rows import check_shape

NetworkT = TypeVar("NetworkT", bound=Network)

TOLERANCES = {
    torch.float32: {"images": 1e-4, "scores": 1e-4, "losses": 1e-3, "gradients": 1e-3, "adam": 1e-3},
    torch.float64: {"images": 1e-5, "scores": 1e-5, "losses": 1e-5, "gradients": 1e-3, "adam": 1e-3},
}
"""The official arrays are float32: in float64, only their rounding remains.  Tolerances are tighter where that allows
it: a gradient that is nearly 0 may be 1.3e-4 off by their rounding alone."""


@dataclass(frozen=True)
class Pair:
    """Official networks, ours of the same weights, and what the official ones gave."""

    official: tuple[Official, Official, Official]
    ours: Checkpoint
    arrays: Arrays
    dtype: torch.dtype
    tolerance: dict[str, float]
    noise: float = 0.0
    """Relative noise on latents and reals, of the size of rounding."""

    def tensor(self, name: str) -> Tensor:
        """An array of the fixture."""
        values = torch.from_numpy(np.asarray(self.arrays[name])).to(self.dtype)
        if not self.noise or name not in ("latents", "reals"):
            return values
        random = torch.Generator().manual_seed(int(self.noise * 2**60))
        return values * (1 + self.noise * torch.randn(values.shape, generator=random))

    def column(self, name: str) -> Tensor:
        """An array of one value per image, (N,) or (N, 1), as (N,)."""
        values = self.tensor(name)
        return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values

    def labels(self) -> Tensor:
        """(N,) class indices; zeros without labels."""
        one_hot = self.arrays["labels"]
        if not self.ours.config.classes:
            return torch.zeros(len(one_hot), dtype=torch.long)
        if not ((one_hot == 1).sum(1) == 1).all() or not ((one_hot == 0) | (one_hot == 1)).all():
            raise InputError("labels: every row must have a single 1, and zeros else")
        return torch.from_numpy(one_hot.argmax(1))

    def level(self, lod: float) -> "Level":
        """The networks at a level of detail."""
        whole = int(min(max(lod, 0.0), np.log2(self.ours.resolution / self.ours.config.first_resolution)))
        alpha = 1.0 - min(max(lod - whole, 0.0), 1.0) if self.ours.resolution >> whole > 4 else 1.0
        networks = shrink(self.ours, self.ours.resolution >> whole)
        generator, critic, ema = networks.generator, networks.critic, networks.ema
        return Level(self.copy(generator), self.copy(critic), self.copy(ema), alpha, 2**whole)

    def copy(self, network: NetworkT) -> NetworkT:
        """A copy in the pair's precision, which takes gradients."""
        return copy.deepcopy(network).to(self.dtype).requires_grad_(True)


@dataclass(frozen=True)
class Level:
    """Our networks at the resolution of a level of detail; official images are `factor` times as large."""

    generator: Generator
    critic: Critic
    ema: Generator
    alpha: float
    factor: int

    def enlarge(self, images: Tensor) -> Tensor:
        """To the official size: nearest."""
        return images.repeat_interleave(self.factor, 2).repeat_interleave(self.factor, 3)

    def reduce(self, images: Tensor) -> Tensor:
        """From the official size: box means, as the official critic begins with."""
        return F.avg_pool2d(images, self.factor)


def both_tensors(
    pair: Pair, role: str, prefix: str, ours: dict[str, Tensor], before: dict[str, Tensor] | None = None
) -> dict[str, tuple[Tensor, Tensor]]:
    """Ours and theirs by array; what our networks of that level do not have, or do not touch, is zero in ours."""
    official = pair.official[("G", "D").index(role)]
    found = {}
    for variable in variables_of(role, pair.ours.resolution, official.variables):
        name = f"{prefix}/{variable.name}"
        if pair.arrays.holds(name):
            theirs = official_tensor(pair, official, variable, name).to(pair.dtype)
            if before is not None:
                theirs = theirs - before[variable.parameter].to(pair.dtype)
            found[name] = (ours.get(variable.parameter, torch.zeros_like(theirs)), theirs)
    return found


def official_tensor(pair: Pair, official: Official, variable: Variable, name: str) -> Tensor:
    """An array of the shape of an official variable, in our layout."""
    check_shape(name, pair.arrays[name].shape, official.variables[variable.name].shape)
    return variable.tensor(pair.arrays[name])
