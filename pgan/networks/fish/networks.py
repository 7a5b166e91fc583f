"""A small asymmetric WGAN-GP of 32×32, designed for a few thousand pictures of fish.

It was written in Keras, whose conventions its layers keep: "same" padding, and Glorot's uniform initialisation.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pgan.networks import network
from pgan.networks.fish.section import Fish
from pgan.networks.layers import leaky_relu, minibatch_stddev, pixel_norm, precisely, upsample
from pgan.networks.network import Alpha
from pgan.randomness import torch_generator

BASE = 8
"""Pixels per side where the generator begins."""


class Generator(network.Generator):
    """Latents (N, latent_size) -> images (N, channels, 32, 32), about [-1, 1].

    Pixel norm and leaky ReLU after each convolution but the last; none after the dense layer.
    """

    config: Fish

    def __init__(self, config: Fish, resolution: int) -> None:
        super().__init__(config, resolution)
        w = config.width
        self.dense = nn.Linear(config.latent_size, w * BASE**2)
        self.conv8a = SameConv(w, w, 5, transposed=True)
        self.conv8b = SameConv(w, w, 4, transposed=True)
        self.conv16 = SameConv(w, w, 5, transposed=True)
        self.conv32 = SameConv(w, w, 5, transposed=True)
        self.to_image = SameConv(w, config.channels, 5, transposed=True)

    def forward(self, latents: Tensor, labels: Tensor | None = None, alpha: Alpha = 1.0) -> Tensor:
        x = self.dense(latents).view(-1, self.config.width, BASE, BASE)
        x = self.activated(self.conv8a(x))
        x = self.activated(self.conv8b(x))
        x = self.activated(self.conv16(upsample(x)))
        x = self.activated(self.conv32(upsample(x)))
        image = precisely(self.to_image, x)
        return torch.tanh(image) if self.config.tanh else image

    def activated(self, x: Tensor) -> Tensor:
        """What follows each convolution."""
        return leaky_relu(pixel_norm(x), self.config.leaky_slope)

    def initialize(self, seed: int) -> None:
        initialize(self, "Generator", seed)


class Critic(network.Critic):
    """Images (N, channels, 32, 32) -> scores (N,), and no logits: (N, 0).

    While it trains, dropout draws from torch's own random numbers: whoever calls it seeds them.
    """

    config: Fish

    def __init__(self, config: Fish, resolution: int) -> None:
        super().__init__(config, resolution)
        w = config.width
        self.layers = nn.ModuleList(
            [
                SameConv(config.channels, w, 5),
                SameConv(w, w, 4, stride=2),  # 16×16
                SameConv(w, w, 4, stride=2),  # 8×8
                SameConv(w, 2 * w, 4, stride=2),  # 4×4
                SameConv(2 * w, 2 * w, 3),
            ]
        )
        self.last = SameConv(2 * w, 2 * w, 4)
        self.dense = nn.Linear((2 * w + (config.minibatch_stddev > 0)) * 4**2, 1)

    def forward(self, images: Tensor, alpha: Alpha = 1.0, sets: int = 1) -> tuple[Tensor, Tensor]:
        x, slope = images, self.config.leaky_slope
        for layer in self.layers:
            x = F.dropout(leaky_relu(layer(x), slope), self.config.dropout, self.training)
        x = leaky_relu(self.last(x), slope)
        if self.config.minibatch_stddev:
            x = minibatch_stddev(x, self.config.minibatch_stddev, sets)
        scores = precisely(self.dense, x.flatten(1)).flatten()
        return scores, scores.new_empty(len(scores), 0)

    def initialize(self, seed: int) -> None:
        initialize(self, "Critic", seed)


class SameConv(nn.Module):
    """A convolution with TensorFlow's "same" padding: (N, C_in, H, W) -> (N, C_out, H/stride, W/stride).

    Where the padding is odd, the side that comes after gets the larger half.  A transposed convolution of stride 1 is
    one with the kernel turned round, and so with the padding turned round; here its weight is the kernel as turned.
    Height and width are multiples of the stride.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, transposed: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.stride, self.padding = stride, (kernel - stride) // 2
        self.odd = (kernel - stride) % 2  # one more, on the side that comes after; transposed, on that before
        self.transposed = transposed

    def forward(self, x: Tensor) -> Tensor:
        if self.odd:
            x = F.pad(x, (1, 0, 1, 0) if self.transposed else (0, 1, 0, 1))
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding)


def initialize(part: Generator | Critic, role: str, seed: int) -> None:
    """Kernels as Glorot and Bengio 2010: uniform on ±√(6/(fan_in + fan_out)); biases 0."""
    generator = torch_generator("cpu", seed, "weights", role, part.resolution)
    for layer in part.modules():
        if isinstance(layer, SameConv | nn.Linear):
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            nn.init.zeros_(layer.bias)
