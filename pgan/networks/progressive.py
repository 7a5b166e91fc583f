"""The generator and the critic that grow (Karras et al. 2018, section 2 and Table 2; official `G_paper`, `D_paper`).

Both are built at one resolution and hold the blocks of that and all lower ones, each under its resolution's name, so
that a checkpoint of 8×8 loads into networks of 16×16 and leaves only the new block fresh.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pgan.networks.config import Networks
from pgan.networks.layers import (
    Conv,
    Dense,
    DenseToMap,
    DownConv,
    Scaled,
    UpConv,
    downsample,
    leaky_relu,
    minibatch_stddev,
    pixel_norm,
    precisely,
    upsample,
)
from pgan.randomness import torch_generator

# The fade: 0 shows the previous resolution only, 1 the new one only.  A tensor while growing, so that nothing that was
# compiled or captured depends on its value; the float 1.0 leaves the fade out altogether.
Alpha = float | Tensor


class Generator(nn.Module):
    """Latents (N, latent_size) and labels (N,) -> images (N, channels, resolution, resolution), about [-1, 1]."""

    def __init__(self, config: Networks, resolution: int) -> None:
        super().__init__()
        self.config = config
        self.resolutions = config.resolutions(resolution)
        base, width = config.base_size, config.feature_maps
        inputs = config.latent_dimensions + config.classes
        self.blocks = nn.ModuleDict()
        self.to_image = nn.ModuleDict()
        for r in self.resolutions:
            stage = config.stage(r)
            if r == base:
                self.blocks[str(r)] = GeneratorInput(config, inputs, width(stage))
            else:
                self.blocks[str(r)] = GeneratorBlock(config, width(stage - 1), width(stage))
            self.to_image[str(r)] = Conv(width(stage), config.channels, 1, config.equalized_lr, gain=1.0)

    @property
    def resolution(self) -> int:
        """Pixels per side of what it generates."""
        return self.resolutions[-1]

    @property
    def channels(self) -> int:
        """1 grey, 3 RGB."""
        return self.config.channels

    @property
    def latent_size(self) -> int:
        """Dimensions of a latent."""
        return self.config.latent_dimensions

    @property
    def classes(self) -> int:
        """Number of labels; 0 means unconditional."""
        return self.config.classes

    def forward(self, latents: Tensor, labels: Tensor | None = None, alpha: Alpha = 1.0) -> Tensor:
        x = with_labels(latents, labels, self.classes)
        before = x
        for r in self.resolutions:
            before, x = x, self.blocks[str(r)](x)
        image = precisely(self.to_image[str(self.resolution)], x)
        if fading(alpha) and len(self.resolutions) > 1:
            coarse = upsample(precisely(self.to_image[str(self.resolutions[-2])], before))
            image = coarse + (image - coarse) * alpha
        return torch.tanh(image) if self.config.tanh else image


class GeneratorInput(nn.Module):
    """(N, latent_size + classes) -> (N, C, base, base)."""

    def __init__(self, config: Networks, inputs: int, width: int) -> None:
        super().__init__()
        self.config = config
        self.dense = DenseToMap(inputs, width, config.base_size, config.equalized_lr)
        self.conv = Conv(width, width, 3, config.equalized_lr)

    def forward(self, x: Tensor) -> Tensor:
        if self.config.normalize_latents:
            x = pixel_norm(x)
        x = activate_and_norm(self.dense(x), self.config)
        return activate_and_norm(self.conv(x), self.config)


class GeneratorBlock(nn.Module):
    """(N, C_in, H, W) -> (N, C_out, 2H, 2W)."""

    def __init__(self, config: Networks, inputs: int, width: int) -> None:
        super().__init__()
        self.config = config
        self.conv0 = UpConv(inputs, width, config.equalized_lr, config.fused_scale)
        self.conv1 = Conv(width, width, 3, config.equalized_lr)

    def forward(self, x: Tensor) -> Tensor:
        x = activate_and_norm(self.conv0(x), self.config)
        return activate_and_norm(self.conv1(x), self.config)


class Critic(nn.Module):
    """Images (N, channels, resolution, resolution) -> scores (N,) and label logits (N, classes)."""

    def __init__(self, config: Networks, resolution: int) -> None:
        super().__init__()
        self.config = config
        self.resolutions = config.resolutions(resolution)
        width = config.feature_maps
        self.from_image = nn.ModuleDict()
        self.blocks = nn.ModuleDict()
        for r in self.resolutions:
            stage = config.stage(r)
            self.from_image[str(r)] = Conv(config.channels, width(stage), 1, config.equalized_lr)
            if r == config.base_size:
                self.blocks[str(r)] = CriticOutput(config, width(1), width(0))
            else:
                self.blocks[str(r)] = CriticBlock(config, width(stage), width(stage - 1))

    @property
    def resolution(self) -> int:
        """Pixels per side of what it judges."""
        return self.resolutions[-1]

    def forward(self, images: Tensor, alpha: Alpha = 1.0, sets: int = 1) -> tuple[Tensor, Tensor]:
        x = self.features(images, self.resolution)
        for r in reversed(self.resolutions[1:]):
            x = self.blocks[str(r)](x)
            if r == self.resolution and fading(alpha):
                coarse = self.features(downsample(images), self.resolutions[-2])
                x = coarse + (x - coarse) * alpha
        out = self.blocks[str(self.config.base_size)](x, sets)
        return out[:, 0], out[:, 1:]

    def features(self, images: Tensor, resolution: int) -> Tensor:
        """`from_image` of one resolution, activated."""
        return leaky_relu(self.from_image[str(resolution)](images), self.config.critic_slope)


class CriticBlock(nn.Module):
    """(N, C, 2H, 2W) -> (N, C_out, H, W)."""

    def __init__(self, config: Networks, width: int, outputs: int) -> None:
        super().__init__()
        self.slope = config.critic_slope
        self.fused = config.fused_scale
        self.conv0 = Conv(width, width, 3, config.equalized_lr)
        self.conv1: Conv = (
            DownConv(width, outputs, config.equalized_lr)
            if self.fused
            else Conv(width, outputs, 3, config.equalized_lr)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = leaky_relu(self.conv0(x), self.slope)
        x = leaky_relu(self.conv1(x), self.slope)
        return x if self.fused else downsample(x)


class CriticOutput(nn.Module):
    """(N, C, base, base) -> (N, 1 + classes): the score, then the label logits."""

    def __init__(self, config: Networks, width: int, hidden: int) -> None:
        super().__init__()
        self.config = config
        self.conv = Conv(width + (config.minibatch_stddev > 0), width, 3, config.equalized_lr)
        self.dense0 = Dense(width * config.base_size**2, hidden, config.equalized_lr)
        self.dense1 = Dense(hidden, 1 + config.classes, config.equalized_lr, gain=1.0)

    def forward(self, x: Tensor, sets: int = 1) -> Tensor:
        if self.config.minibatch_stddev:
            x = minibatch_stddev(x, self.config.minibatch_stddev, sets)
        x = leaky_relu(self.conv(x), self.config.critic_slope)
        x = leaky_relu(self.dense0(x.flatten(1)), self.config.critic_slope)
        return precisely(self.dense1, x)


def activate_and_norm(x: Tensor, config: Networks) -> Tensor:
    """Leaky ReLU, then pixel norm where it is switched on: the order of the generator's layers."""
    x = leaky_relu(x, config.leaky_slope)
    return pixel_norm(x) if config.pixel_norm else x


def with_labels(latents: Tensor, labels: Tensor | None, classes: int) -> Tensor:
    """The generator's input vector: the latent, then the label as one-hot; (N, latent_size + classes)."""
    if classes == 0:
        return latents
    if labels is None:
        raise ValueError("a conditional generator needs labels")
    return torch.cat([latents, F.one_hot(labels, classes).to(latents.dtype)], 1)


def fading(alpha: Alpha) -> bool:
    """Whether the lower resolution is to be computed at all."""
    return isinstance(alpha, Tensor) or alpha < 1.0


def initialize(network: Generator | Critic, seed: int, resolutions: list[int]) -> None:
    """Draw the weights of the blocks of the given resolutions.

    The draw depends on (seed, resolution) alone: a block is the same whether its network was built at that
    resolution or grown to it, and adding a higher resolution changes nothing below.
    """
    heads = network.to_image if isinstance(network, Generator) else network.from_image
    for r in resolutions:
        generator = torch_generator("cpu", seed, "weights", type(network).__name__, r)
        for part in (network.blocks[str(r)], heads[str(r)]):
            for layer in part.modules():
                if isinstance(layer, Scaled):
                    layer.initialize(generator)
