"""The generator and the critic that grow (Karras et al. 2018, section 2 and Table 2; official `G_paper`, `D_paper`).

Networks of a resolution hold its block and the blocks of all lower resolutions, each under its resolution's name.  A
checkpoint of 8×8 therefore loads into networks of 16×16 and leaves only the new block fresh.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pgan.networks import network
from pgan.networks.layers import BatchNorm, downsample, leaky_relu, minibatch_stddev, pixel_norm, precisely, upsample
from pgan.networks.network import Alpha, check_labels
from pgan.networks.progressive.layers import (
    Conv,
    Dense,
    DenseToMap,
    DownConv,
    LayerNorm,
    MinibatchDiscrimination,
    Scaled,
    UpConv,
    run,
)
from pgan.networks.progressive.section import Progressive
from pgan.randomness import torch_generator


class Generator(network.Generator):
    """Latents (N, latent_size) and labels (N,) -> images (N, channels, resolution, resolution), about [-1, 1]."""

    config: Progressive
    recompute = False
    """Whether the maps of its blocks are computed again in the backward pass instead of kept."""

    def __init__(self, config: Progressive, resolution: int) -> None:
        super().__init__(config, resolution)
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

    def forward(self, latents: Tensor, labels: Tensor | None = None, alpha: Alpha = 1.0) -> Tensor:
        x = with_labels(latents, labels, self.classes)
        before = x
        again = self.recompute and not self.config.batch_norm  # its statistics would count the batch twice
        for r in self.resolutions:
            before, x = x, run(self.blocks[str(r)], x, again=again)
        image = precisely(self.to_image[str(self.resolution)], x)
        if fading(alpha) and len(self.resolutions) > 1:
            coarse = upsample(precisely(self.to_image[str(self.resolutions[-2])], before))
            image = coarse + (image - coarse) * alpha
        return torch.tanh(image) if self.config.tanh else image

    def initialize(self, seed: int) -> None:
        initialize("Generator", seed, self.blocks, self.to_image)


class GeneratorInput(nn.Module):
    """(N, latent_size + classes) -> (N, C, base, base)."""

    def __init__(self, config: Progressive, inputs: int, width: int) -> None:
        super().__init__()
        self.config = config
        self.dense = DenseToMap(inputs, width, config.base_size, config.equalized_lr)
        self.norm0 = generator_norm(width, config)
        self.conv = Conv(width, width, 3, config.equalized_lr)
        self.norm1 = generator_norm(width, config)

    def forward(self, x: Tensor) -> Tensor:
        if self.config.normalize_latents:
            x = pixel_norm(x)
        x = activate_and_norm(self.norm0(self.dense(x)), self.config)
        return activate_and_norm(self.norm1(self.conv(x)), self.config)


class GeneratorBlock(nn.Module):
    """(N, C_in, H, W) -> (N, C_out, 2H, 2W)."""

    def __init__(self, config: Progressive, inputs: int, width: int) -> None:
        super().__init__()
        self.config = config
        self.conv0 = UpConv(inputs, width, config.equalized_lr, config.fused_scale)
        self.norm0 = generator_norm(width, config)
        self.conv1 = Conv(width, width, 3, config.equalized_lr)
        self.norm1 = generator_norm(width, config)

    def forward(self, x: Tensor) -> Tensor:
        x = activate_and_norm(self.norm0(self.conv0(x)), self.config)
        return activate_and_norm(self.norm1(self.conv1(x)), self.config)


class Critic(network.Critic):
    """Images (N, channels, resolution, resolution) -> scores (N,) and label logits (N, classes)."""

    config: Progressive
    recompute = False
    """As in the generator."""

    def __init__(self, config: Progressive, resolution: int) -> None:
        super().__init__(config, resolution)
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

    def forward(self, images: Tensor, alpha: Alpha = 1.0, sets: int = 1) -> tuple[Tensor, Tensor]:
        x = self.features(images, self.resolution)
        for r in reversed(self.resolutions[1:]):
            x = run(self.blocks[str(r)], x, again=self.recompute)
            if r == self.resolution and fading(alpha):
                coarse = self.features(downsample(images), self.resolutions[-2])
                x = coarse + (x - coarse) * alpha
        out = self.blocks[str(self.config.base_size)](x, sets)
        return out[:, 0], out[:, 1:]

    def features(self, images: Tensor, resolution: int) -> Tensor:
        """`from_image` of one resolution, activated."""
        return leaky_relu(self.from_image[str(resolution)](images), self.config.critic_slope)

    def initialize(self, seed: int) -> None:
        initialize("Critic", seed, self.blocks, self.from_image)


class CriticBlock(nn.Module):
    """(N, C, 2H, 2W) -> (N, C_out, H, W)."""

    def __init__(self, config: Progressive, width: int, outputs: int) -> None:
        super().__init__()
        self.slope = config.critic_slope
        self.fused = config.fused_scale
        self.conv0 = Conv(width, width, 3, config.equalized_lr)
        self.conv1: Conv = (
            DownConv(width, outputs, config.equalized_lr)
            if self.fused
            else Conv(width, outputs, 3, config.equalized_lr)
        )
        self.norm0, self.norm1 = critic_norm(width, config), critic_norm(outputs, config)

    def forward(self, x: Tensor) -> Tensor:
        x = leaky_relu(self.norm0(self.conv0(x)), self.slope)
        x = leaky_relu(self.norm1(self.conv1(x)), self.slope)
        return x if self.fused else downsample(x)


class CriticOutput(nn.Module):
    """(N, C, base, base) -> (N, 1 + classes): the score, then the label logits."""

    def __init__(self, config: Progressive, width: int, hidden: int) -> None:
        super().__init__()
        self.config = config
        self.conv = Conv(width + (config.minibatch_stddev > 0), width, 3, config.equalized_lr)
        self.dense0 = Dense(width * config.base_size**2, hidden, config.equalized_lr)
        self.norm0, self.norm1 = critic_norm(width, config), critic_norm(hidden, config)
        kernels = config.minibatch_discrimination
        self.compare = MinibatchDiscrimination(hidden, kernels, config.equalized_lr) if kernels else None
        self.dense1 = Dense(hidden + kernels, 1 + config.classes, config.equalized_lr, gain=1.0)

    def forward(self, x: Tensor, sets: int = 1) -> Tensor:
        if self.config.minibatch_stddev:
            x = minibatch_stddev(x, self.config.minibatch_stddev, sets)
        x = leaky_relu(self.norm0(self.conv(x)), self.config.critic_slope)
        x = leaky_relu(self.norm1(self.dense0(x.flatten(1))), self.config.critic_slope)
        if self.compare is not None:
            x = self.compare(x, sets)
        return precisely(self.dense1, x)


def generator_norm(width: int, config: Progressive) -> nn.Module:
    """What stands between a layer of the generator and its activation."""
    return BatchNorm(width) if config.batch_norm else nn.Identity()


def critic_norm(width: int, config: Progressive) -> nn.Module:
    """What stands between a layer of the critic and its activation."""
    return LayerNorm(width) if config.layer_norm else nn.Identity()


def activate_and_norm(x: Tensor, config: Progressive) -> Tensor:
    """Leaky ReLU, then pixel norm where it is switched on: the order of the generator's layers."""
    x = leaky_relu(x, config.leaky_slope)
    return pixel_norm(x) if config.pixel_norm else x


def with_labels(latents: Tensor, labels: Tensor | None, classes: int) -> Tensor:
    """The generator's input vector: the latent, then the label as one-hot; (N, latent_size + classes)."""
    if classes == 0:
        return latents
    return torch.cat([latents, F.one_hot(check_labels(labels), classes).to(latents.dtype)], 1)


def fading(alpha: Alpha) -> bool:
    """Whether the lower resolution is to be computed at all."""
    return isinstance(alpha, Tensor) or alpha < 1.0


def initialize(role: str, seed: int, blocks: nn.ModuleDict, heads: nn.ModuleDict) -> None:
    """Draw the weights of a network's blocks, and of the heads that make images or read them.

    The draw depends on (seed, role, resolution) alone.  A block is therefore the same whether its network was built at
    that resolution or grown to it, and a higher resolution changes nothing below.
    """
    for r, block in blocks.items():
        generator = torch_generator("cpu", seed, "weights", role, int(r))
        for part in (block, heads[r]):
            for layer in part.modules():
                if isinstance(layer, Scaled):
                    layer.initialize(generator)
