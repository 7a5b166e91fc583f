"""A plain training step: the oracle of the fast one, and what benchmarks/step.py measures its speed against.

Written for clarity, in the order of the paper (Karras et al. 2018; Gulrajani et al. 2017 for the penalty): eager
PyTorch, float32 or float64, contiguous tensors, one convolution after the other, automatic differentiation throughout.
It shares no code with `pgan.networks` and `pgan.training`: it reads the networks' parameters by their names.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from pgan.networks.checkpoint import Checkpoint
from pgan.networks.config import Networks
from pgan.training.config import Training
from pgan.training.draws import CriticBatch, GeneratorBatch

Parameters = dict[str, Tensor]
Alpha = float | Tensor


# --- layers: section 4


def scaled(p: Parameters, name: str, config: Networks, gain: float = math.sqrt(2)) -> Tensor:
    """A weight times He's constant, where the learning rate is equalized."""
    weight = p[f"{name}.weight"]
    fan_in = weight[0].numel()
    return weight * (gain / math.sqrt(fan_in)) if config.equalized_lr else weight


def conv(p: Parameters, name: str, x: Tensor, config: Networks, gain: float = math.sqrt(2)) -> Tensor:
    """(N, C_in, H, W) -> (N, C_out, H, W)."""
    weight = scaled(p, name, config, gain)
    return F.conv2d(x, weight, p[f"{name}.bias"], padding=weight.shape[-1] // 2)


def dense(p: Parameters, name: str, x: Tensor, config: Networks, gain: float = math.sqrt(2)) -> Tensor:
    """(N, inputs) -> (N, outputs)."""
    return F.linear(x, scaled(p, name, config, gain), p[f"{name}.bias"])


def pixel_norm(x: Tensor) -> Tensor:
    """Root mean square 1 over dimension 1."""
    return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)


def minibatch_stddev(x: Tensor, group: int) -> Tensor:
    """One more channel: the deviation within a group (i, i + N/group, …), one number per group."""
    n, c, h, w = x.shape
    group = min(group, n)
    y = x.view(group, -1, c, h, w)
    deviation = ((y - y.mean(0)).square().mean(0) + 1e-8).sqrt().mean((1, 2, 3))
    return torch.cat([x, deviation.repeat(group).view(n, 1, 1, 1).expand(n, 1, h, w)], 1)


def upsample(x: Tensor) -> Tensor:
    """Nearest ×2."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


def downsample(x: Tensor) -> Tensor:
    """2×2 means."""
    return F.avg_pool2d(x, 2)


# --- networks: Table 2


def generate(p: Parameters, config: Networks, resolution: int, z: Tensor, labels: Tensor, alpha: Alpha) -> Tensor:
    """Latents (N, latent_size), labels (N,) -> images (N, C, r, r)."""

    def finish(x: Tensor) -> Tensor:
        x = F.leaky_relu(x, config.leaky_slope)
        return pixel_norm(x) if config.pixel_norm else x

    base = config.base_size
    x = torch.cat([z, F.one_hot(labels, config.classes).to(z)], 1) if config.classes else z
    x = pixel_norm(x) if config.normalize_latents else x
    x = F.linear(x, scaled(p, f"blocks.{base}.dense", config, math.sqrt(2) / base)).view(len(x), -1, base, base)
    x = finish(x + p[f"blocks.{base}.dense.bias"].view(1, -1, 1, 1))
    x = finish(conv(p, f"blocks.{base}.conv", x, config))
    before = x
    for r in config.resolutions(resolution)[1:]:
        before = x
        x = finish(conv(p, f"blocks.{r}.conv0", upsample(x), config))
        x = finish(conv(p, f"blocks.{r}.conv1", x, config))
    image = conv(p, f"to_image.{resolution}", x, config, gain=1.0)
    if resolution > base and (isinstance(alpha, Tensor) or alpha < 1):
        coarse = upsample(conv(p, f"to_image.{resolution // 2}", before, config, gain=1.0))
        image = coarse + (image - coarse) * alpha
    return image.tanh() if config.tanh else image


def score(p: Parameters, config: Networks, resolution: int, images: Tensor, alpha: Alpha) -> tuple[Tensor, Tensor]:
    """Images (N, C, r, r) -> scores (N,) and label logits (N, classes)."""

    def lrelu(x: Tensor) -> Tensor:
        return F.leaky_relu(x, config.critic_slope)

    base = config.base_size
    x = lrelu(conv(p, f"from_image.{resolution}", images, config))
    for r in reversed(config.resolutions(resolution)[1:]):
        x = lrelu(conv(p, f"blocks.{r}.conv0", x, config))
        x = conv(p, f"blocks.{r}.conv1", x, config)
        x = lrelu(downsample(x)) if config.fused_scale else downsample(lrelu(x))
        if r == resolution and (isinstance(alpha, Tensor) or alpha < 1):
            coarse = lrelu(conv(p, f"from_image.{r // 2}", downsample(images), config))
            x = coarse + (x - coarse) * alpha
    x = minibatch_stddev(x, config.minibatch_stddev) if config.minibatch_stddev else x
    x = lrelu(conv(p, f"blocks.{base}.conv", x, config))
    x = lrelu(dense(p, f"blocks.{base}.dense0", x.flatten(1), config))
    x = dense(p, f"blocks.{base}.dense1", x, config, gain=1.0)
    return x[:, 0], x[:, 1:]


# --- the step: appendix A.1


class ReferenceStep:
    """Copies of a checkpoint's parameters, with the two updates of `pgan.training.step.Step`."""

    def __init__(self, start: Checkpoint, settings: Training, lr: float, ema_decay: float) -> None:
        self.config, self.resolution = start.config, start.resolution
        self.settings, self.ema_decay = settings, ema_decay
        self.generator, self.critic, self.ema = (
            {name: p.detach().clone(memory_format=torch.contiguous_format) for name, p in network.named_parameters()}
            for network in (start.generator, start.critic, start.ema)
        )
        for p in (*self.generator.values(), *self.critic.values()):
            p.requires_grad_(True)
        betas, epsilon = (settings.adam_beta1, settings.adam_beta2), settings.adam_epsilon
        self.adam_generator = torch.optim.Adam(self.generator.values(), lr, betas, epsilon)
        self.adam_critic = torch.optim.Adam(self.critic.values(), lr, betas, epsilon)

    def critic_loss(self, batch: CriticBatch) -> Tensor:
        """WGAN-GP with drift, and AC-GAN's label terms."""
        s, target = self.settings, self.settings.gradient_target
        reals, labels, alpha = batch.reals, batch.labels, batch.alpha
        with torch.no_grad():
            fakes = self.fakes(batch)
        real, real_logits = self._score(reals, alpha)
        fake, fake_logits = self._score(fakes, alpha)
        mixed = torch.lerp(reals, fakes, batch.mix).requires_grad_(True)
        (gradient,) = torch.autograd.grad(self._score(mixed, alpha)[0].sum(), mixed, create_graph=True)
        norms = gradient.square().sum((1, 2, 3)).sqrt()
        loss = fake.mean() - real.mean() + s.drift * real.square().mean()
        loss = loss + s.gradient_penalty / target**2 * (norms - target).square().mean()
        if self.config.classes:
            entropies = F.cross_entropy(real_logits, labels) + F.cross_entropy(fake_logits, labels)
            loss = loss + s.label_weight * entropies
        return loss

    def generator_loss(self, batch: GeneratorBatch) -> Tensor:
        """-mean(D(G(z))), and the label term."""
        scores, logits = self._score(self.fakes(batch), batch.alpha)
        loss = -scores.mean()
        if self.config.classes:
            loss = loss + self.settings.label_weight * F.cross_entropy(logits, batch.labels)
        return loss

    def fakes(self, batch: CriticBatch | GeneratorBatch) -> Tensor:
        """Images of a batch's latents and labels."""
        return generate(self.generator, self.config, self.resolution, batch.latents, batch.labels, batch.alpha)

    def update_critic(self, batch: CriticBatch) -> Tensor:
        """One Adam step of the critic, then the generator's moving average; the loss."""
        loss = self.critic_loss(batch)
        self._descend(self.adam_critic, loss)
        with torch.no_grad():
            for mean, p in zip(self.ema.values(), self.generator.values(), strict=True):
                mean.lerp_(p, 1 - self.ema_decay)
        return loss.detach()

    def update_generator(self, batch: GeneratorBatch) -> Tensor:
        """One Adam step of the generator; the loss."""
        for p in self.critic.values():
            p.requires_grad_(False)  # or its gradients would be computed and thrown away
        loss = self.generator_loss(batch)
        self._descend(self.adam_generator, loss)
        for p in self.critic.values():
            p.requires_grad_(True)
        return loss.detach()

    def _score(self, images: Tensor, alpha: Alpha) -> tuple[Tensor, Tensor]:
        return score(self.critic, self.config, self.resolution, images, alpha)

    def _descend(self, adam: torch.optim.Adam, loss: Tensor) -> None:
        adam.zero_grad()
        loss.backward()
        adam.step()
