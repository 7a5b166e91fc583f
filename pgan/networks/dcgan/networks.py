"""The 64×64 networks of DCGAN (Radford et al. 2016) as Wasserstein GANs are built of them; conditional where wanted.

Critic: five 4×4 convolutions of stride 2, instance norm on the second to fourth, leaky ReLU after all but the last.
Generator: five 4×4 transposed convolutions, each but the last with batch norm and ReLU, the last with tanh.
"""

import copy
from itertools import pairwise

import torch
from torch import Tensor, nn

from pgan.networks import network
from pgan.networks.dcgan.section import Dcgan
from pgan.networks.layers import BatchNorm, leaky_relu, precisely
from pgan.networks.network import Alpha, check_labels
from pgan.randomness import torch_generator

INITIAL_STD = 0.02
"""Of all kernels (Radford et al. 2016, section 3)."""


class Generator(network.Generator):
    """Latents (N, latent_size) and labels (N,) -> images (N, channels, 64, 64) in [-1, 1]."""

    config: Dcgan

    def __init__(self, config: Dcgan, resolution: int) -> None:
        super().__init__(config, resolution)
        self.inputs = config.latent_size
        if config.classes:
            self.embedding = nn.Embedding(config.classes, config.label_size)
            self.inputs += config.label_size
        maps = [config.width * factor for factor in (16, 8, 4, 2)]
        first = nn.ConvTranspose2d(self.inputs, maps[0], 4, bias=False)  # 1×1 -> 4×4
        rest = [nn.ConvTranspose2d(a, b, 4, stride=2, padding=1, bias=False) for a, b in pairwise(maps)]
        self.layers = nn.ModuleList([first, *rest])
        self.norms = nn.ModuleList(map(BatchNorm, maps))
        self.to_image = nn.ConvTranspose2d(maps[-1], config.channels, 4, stride=2, padding=1)

    def forward(self, latents: Tensor, labels: Tensor | None = None, alpha: Alpha = 1.0) -> Tensor:
        x = latents
        if self.classes:
            x = torch.cat([x, self.embedding(check_labels(labels))], 1)
        x = x.view(-1, self.inputs, 1, 1)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = norm(layer(x)).relu()
        return torch.tanh(precisely(self.to_image, x))

    def initialize(self, seed: int) -> None:
        initialize(self, "Generator", seed)


class Critic(network.Critic):
    """Images (N, channels, 64, 64) -> scores (N,), and no logits: (N, 0).

    With classes it must be conditioned on their labels: see `conditioned_on`.
    """

    config: Dcgan
    labels: Tensor | None = None

    def __init__(self, config: Dcgan, resolution: int) -> None:
        super().__init__(config, resolution)
        maps, normed = [config.width * factor for factor in (1, 2, 4, 8)], config.instance_norm
        if config.classes:
            self.embedding = nn.Embedding(config.classes, resolution**2)
        first = nn.Conv2d(config.channels + (config.classes > 0), maps[0], 4, stride=2, padding=1)
        # a bias before a norm would be subtracted again
        rest = [nn.Conv2d(a, b, 4, stride=2, padding=1, bias=not normed) for a, b in pairwise(maps)]
        self.layers = nn.ModuleList([first, *rest])
        norms = (nn.InstanceNorm2d(width, affine=True) if normed else nn.Identity() for width in maps[1:])
        self.norms = nn.ModuleList([nn.Identity(), *norms])
        self.to_score = nn.Conv2d(maps[-1], 1, 4, stride=2)  # 4×4 -> 1×1

    def conditioned_on(self, labels: Tensor) -> "Critic":
        """This critic with the same weights, for images of these labels, or for several sets of them."""
        conditioned = copy.copy(self)
        conditioned.labels = labels
        return conditioned

    def forward(self, images: Tensor, alpha: Alpha = 1.0, sets: int = 1) -> tuple[Tensor, Tensor]:
        x = images
        if self.config.classes:
            labels = check_labels(self.labels)
            channel = self.embedding(labels.repeat(len(x) // len(labels)))
            x = torch.cat([x, channel.view(-1, 1, *x.shape[2:])], 1)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = leaky_relu(norm(layer(x)), self.config.leaky_slope)
        scores = precisely(self.to_score, x).flatten()
        return scores, scores.new_empty(len(scores), 0)

    def initialize(self, seed: int) -> None:
        initialize(self, "Critic", seed)


def initialize(part: Generator | Critic, role: str, seed: int) -> None:
    """Kernels from N(0, 0.02²), embeddings from N(0, 1), biases 0; norms are built with scale 1 and shift 0."""
    generator = torch_generator("cpu", seed, "weights", role, part.resolution)
    for layer in part.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, INITIAL_STD, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.Embedding):
            nn.init.normal_(layer.weight, generator=generator)
