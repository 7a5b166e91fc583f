"""All that a step draws at random, and the batches made from it.

Every number is a pure function of (seed, phase, step, purpose), and of the image that it belongs to.  The state after
step k is therefore a function of the job and of k, and an interrupted phase ends with the same bytes.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pgan.data.batches import Stream
from pgan.networks.layers import downsample, upsample
from pgan.networks.network import Alpha
from pgan.randomness import derive, seed_layers, torch_generator
from pgan.training.adversarial import LOSSES
from pgan.training.augment_reals import augment_reals, draws_per_image
from pgan.training.diff_augment import DRAWS, diff_augment
from pgan.training.job import Job
from pgan.training.parallel import ALONE, Ranks
from pgan.training.transfer import Batches

Update = Literal["critic", "generator", "both"]
"""Which network an update moves."""


class CriticBatch(NamedTuple):
    """What the critic's update takes; an update of both networks takes the same."""

    reals: Tensor
    """(N, C, r, r) in [-1, 1], as the critic is to see them: mirrored, augmented, faded."""
    labels: Tensor
    """(N,) int64, of the reals; the fakes are made with the same ones."""
    latents: Tensor
    """(N, latent_size), normal."""
    mix: Tensor
    """(N, 1, 1, 1), uniform on [0, 1]: where WGAN-GP's mixed images lie between reals (0) and fakes (1)."""
    alpha: Alpha
    """Share of the new resolution while it fades in."""
    augmentation: Tensor | None = None
    """(N, DRAWS), uniform on [0, 1): how `diff_augment` changes the fakes; None where it does nothing."""


class GeneratorBatch(NamedTuple):
    """What the generator's update takes."""

    latents: Tensor
    """(N, latent_size), normal."""
    labels: Tensor
    """(N,) int64: with which the fakes are made."""
    alpha: Alpha
    """Share of the new resolution while it fades in."""
    augmentation: Tensor | None = None
    """(N, DRAWS), uniform on [0, 1): how `diff_augment` changes the fakes; None where it does nothing."""
    reals: Tensor | None = None
    """(N, C, r, r) as the critic saw them last, for losses that pair each fake with a real."""


class Draws:
    """The draws of one phase, step by step. Each rank draws for the whole batch, and keeps its share."""

    def __init__(self, job: Job, latent_size: int, device: torch.device, ranks: Ranks = ALONE) -> None:
        self.job, self.latent_size, self.device, self.ranks = job, latent_size, device, ranks
        self.batches = Batches(Stream(job.images, job.labels, job.seed, job.name), device)

    def critic_batch(self, step: int, repeat: int) -> CriticBatch:
        """The batch of the critic's update number `repeat` within a step. Raises RunError where the data changed."""
        n, alpha = self.job.phase.batch, self.alpha(step)
        self.job.inputs.check()  # reading a mapped file that was cut short would kill the process
        position = self.job.schedule.images(step) + repeat * n
        images, labels = self.batches.batch(position, n, self.ranks.share)
        return CriticBatch(
            reals=self.reals(images, alpha, step, repeat),
            labels=labels,
            latents=self._normal("critic latents", step, repeat),
            mix=self._uniform("mix", step, repeat, (n, 1, 1, 1)),
            alpha=alpha,
            augmentation=self._augmentation("critic fakes", step, repeat),
        )

    def generator_batch(self, step: int, shown: CriticBatch) -> GeneratorBatch:
        """The batch of a step's generator update; `shown` is what the critic saw last.

        Where the loss pairs reals and fakes, the labels are the reals' own. Else they are drawn as they occur in
        the data.
        """
        return GeneratorBatch(
            latents=self._normal("generator latents", step),
            labels=shown.labels if LOSSES[self.job.settings.loss].pairs else self._labels(step),
            alpha=shown.alpha,
            augmentation=self._augmentation("generator fakes", step),
            reals=shown.reals,
        )

    def lr(self, step: int, update: Update, repeat: int = 0) -> float:
        """The learning rate of an update: the phase's, times a drawn factor where `lr_jitter` asks for one."""
        jitter, lr = self.job.settings.lr_jitter, self.job.phase.lr
        if jitter is None:
            return lr
        rng = np.random.default_rng(derive(*self._key(_purpose(update, "learning rate"), step, repeat)))
        return float(lr * jitter ** rng.uniform(-1.0, 1.0))

    def seed_layers(self, step: int, update: Update, repeat: int = 0) -> None:
        """Seed the layers that draw by themselves, such as dropout; each rank's share draws something else."""
        seed_layers(*self._key(_purpose(update, "layers"), step, repeat), self.ranks.rank)

    def alpha(self, step: int) -> Alpha:
        """The fade of a step: a tensor while growing, so that compiled code does not depend on its value."""
        if not self.job.schedule.grow:
            return 1.0
        return torch.tensor(self.job.schedule.alpha(step), device=self.device)

    def reals(self, images: Tensor, alpha: Alpha, step: int, repeat: int) -> Tensor:
        """uint8 (N, C, r, r) -> what the critic sees."""
        settings, n, channels = self.job.settings, self.job.phase.batch, images.shape[1]
        mirror = self._uniform("mirror", step, repeat, (n,)) < 0.5 if settings.mirror else None
        augment = None
        if settings.augment_reals is not None:
            drawn = self._uniform("augment reals", step, repeat, (n, draws_per_image(channels)))
            augment = partial(augment_reals, draws=drawn, settings=settings.augment_reals)
        reals = prepare_reals(images, alpha, mirror, augment)
        draws = self._augmentation("reals", step, repeat)
        return reals if draws is None else diff_augment(reals, draws, settings.diff_augment)

    def _augmentation(self, what: str, step: int, repeat: int = 0) -> Tensor | None:
        if not self.job.settings.diff_augment:
            return None
        return self._uniform(f"diff augment {what}", step, repeat, (self.job.phase.batch, DRAWS))

    def _labels(self, step: int) -> Tensor:
        """(N,) int64: the labels of random images."""
        drawn = self._uniform("labels", step, 0, (self.job.phase.batch,)).cpu().double().numpy()
        labels = np.asarray(self.job.labels[(drawn * len(self.job.labels)).astype(np.int64)])
        return torch.from_numpy(labels).to(self.device)

    def _normal(self, purpose: str, step: int, repeat: int = 0) -> Tensor:
        generator = torch_generator(self.device, *self._key(purpose, step, repeat))
        size = (self.job.phase.batch, self.latent_size)
        return torch.randn(size, generator=generator, device=self.device)[self.ranks.share].contiguous()

    def _uniform(self, purpose: str, step: int, repeat: int, size: tuple[int, ...]) -> Tensor:
        generator = torch_generator(self.device, *self._key(purpose, step, repeat))
        return torch.rand(size, generator=generator, device=self.device)[self.ranks.share].contiguous()

    def _key(self, purpose: str, step: int, repeat: int) -> tuple[int, str, int, str, int]:
        return self.job.seed, self.job.name, step, purpose, repeat


def _purpose(update: Update, what: str) -> str:
    return what if update == "both" else f"{update} {what}"


def prepare_reals(
    images: Tensor, alpha: Alpha, mirror: Tensor | None, augment: Callable[[Tensor], Tensor] | None = None
) -> Tensor:
    """Real images as the critic sees them.

    uint8 (N, C, r, r) -> float in [-1, 1]. They are flipped where `mirror` (N,) is true, then augmented, as if the data
    set held such images.  While growing, they fade like the generator's images, lerp(x, up(down(x)), 1 - alpha): the
    coarse image is made of 2×2 means.
    """
    x = images.float() / 127.5 - 1.0
    if mirror is not None:
        x = torch.where(mirror.view(-1, 1, 1, 1), x.flip(3), x)
    if augment is not None:
        x = augment(x)
    if isinstance(alpha, Tensor) or alpha < 1.0:
        coarse = upsample(downsample(x))
        x = coarse + (x - coarse) * alpha
    return x
