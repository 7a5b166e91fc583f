"""The generator as it is handed to others: the plain function, without what only training needs."""

import copy
from typing import cast

import torch
from torch import Tensor, nn

from pgan.networks.config import Networks
from pgan.networks.network import Generator
from pgan.networks.progressive import networks as progressive
from pgan.networks.progressive.layers import Scaled, UpConv


class Portable(nn.Module):
    """Latents (N, latent_size), and labels (N,) where there are classes, -> images (N, C, r, r) in about [-1, 1]."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = folded(generator)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        return cast(Tensor, self.generator(latents, labels))


def folded(generator: Generator) -> Generator:
    """A copy with He's constants multiplied into the weights, and with upsampling and convolution apart.

    The same function in layers that every runtime has: both changes are exact.
    """
    plain = copy.deepcopy(generator).cpu().eval().requires_grad_(False)
    for layer in plain.modules():
        if isinstance(layer, Scaled):
            layer.weight.copy_(layer.scaled_weight())
            layer.scale = 1.0
        if isinstance(layer, UpConv):
            layer.fused = False
    if isinstance(plain, progressive.Generator):
        for r in plain.resolutions[:-1]:
            del plain.to_image[str(r)]  # heads that only a fade needs
    return plain


def example(networks: Networks) -> tuple[Tensor, ...]:
    """Inputs to trace with: two latents, and two labels where there are classes."""
    latents = torch.linspace(-1, 1, 2 * networks.latent_dimensions).view(2, -1)
    return (latents, torch.zeros(2, dtype=torch.int64)) if networks.classes else (latents,)
