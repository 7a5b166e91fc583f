"""The parameters of training: section `training` of params.yaml, and what makes up one phase."""

from dataclasses import dataclass
from typing import Literal, Self

from pydantic import Field, model_validator

from pgan.config import Parameters, Section
from pgan.networks.architectures import check_resolution
from pgan.networks.config import Networks
from pgan.phases import Phase, Problem

MOST_SAMPLES = 2**16
"""Pictures of the fixed latents that a phase keeps, in memory until its end."""


class Range(Section):
    """Lowest and highest value of something drawn for each image."""

    low: float = Field(ge=0.01, le=100)
    """Lowest value."""
    high: float = Field(ge=0.01, le=100)
    """Highest value."""

    @model_validator(mode="after")
    def _ascends(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low is {self.low}, above high, {self.high}; exchange them")
        return self


class AugmentReals(Section):
    """What happens to each real image, before it fades, with new random numbers each time (see `augment_reals`).

    Geometry as in Keras' ImageDataGenerator: uniform draws; beyond the border, the nearest pixel is repeated.
    """

    rotation: float = Field(ge=0, le=180)
    """Degrees, to either side."""
    shift_x: float = Field(ge=0, le=1)
    """Share of the side, to the left or right."""
    shift_y: float = Field(ge=0, le=1)
    """Share of the side, up or down."""
    shear: float = Field(ge=0, le=80)
    """Tilt of level lines in degrees, to either side."""
    zoom: Range
    """Pixels of the image per pixel of what it becomes, along each axis by itself: above 1 it shrinks."""
    brightness: Range
    """Factor of all intensities, counted from black."""
    saturation: Range
    """Factor of each channel's distance from grey, from a triangular distribution with its peak in the middle."""


class Training(Section):
    """What all phases share (Karras et al. 2018, appendix A.1)."""

    loss: Literal["wgan-gp", "wgan", "logistic", "relativistic", "lsgan", "hinge"]
    """The adversarial loss with its gradient penalty, by its name in `pgan/training/adversarial.py`."""
    critic_steps: int = Field(ge=1, le=1000)
    """Critic updates per generator update, each on fresh data and latents."""
    simultaneous: bool
    """Update both networks at once, on one batch and the same latents, each with its gradient before either moves."""
    gradient_penalty: float = Field(ge=0)
    """Weight of the gradient penalty.

    `wgan-gp`: λ, divided by gradient_target². `logistic`, `relativistic`: γ; R1 and R2 are
    multiplied by γ/2, as in their papers. It has no effect on the other losses, which have no penalty."""
    gradient_target: float = Field(gt=0)
    """`wgan-gp`: norm to which the critic's gradient is drawn; 1, or 750 in the paper's CIFAR-10 runs."""
    weight_clip: float | None = Field(gt=0, le=1e6)
    """`wgan`: magnitude to which each of the critic's parameters is cut after its update [0.01]; null for the others.

    With networks.equalized_lr it is the parameter that is cut, before it is multiplied by He's constant."""
    drift: float = Field(ge=0)
    """Weight of mean(D(real)²), which keeps the critic's scores from drifting away from zero."""
    label_weight: float = Field(ge=0)
    """Weight of the label cross-entropy (AC-GAN); without effect when the critic tells no labels."""
    adam_beta1: float = Field(ge=0, lt=1)
    """Adam's decay of the mean of gradients."""
    adam_beta2: float = Field(ge=0, lt=1)
    """Adam's decay of the mean of squared gradients."""
    adam_epsilon: float = Field(gt=0)
    """Adam's ε."""
    lr_jitter: float | None = Field(ge=1, le=1000)
    """Multiply the learning rate by a factor drawn for each update, log-uniform on [1/lr_jitter, lr_jitter]."""
    ema_beta: float | None = Field(ge=0, lt=1)
    """Decay of the averaged generator per critic step (the paper: 0.999), or null to give a half-life instead."""
    ema_half_life_kimg: float | None = Field(gt=0)
    """The same as a half-life in thousands of images, independent of the batch; set exactly one of the two."""
    mirror: bool
    """Flip each real image left-right with probability ½; not for digits or other images with a handedness."""
    augment_reals: AugmentReals | None
    """Turn, shift, shear, zoom and recolour the real images, as if there were more of them; null: leave them."""
    diff_augment: list[Literal["color", "translation", "cutout"]] = Field(max_length=3)
    """What is done to all that the critic sees, reals and fakes, in both updates (DiffAugment); [] = nothing."""
    samples: int = Field(ge=1, le=2**16)
    """Number of fixed latents whose images are kept through all phases."""
    sample_frames: int = Field(ge=2, le=2**16)
    """Pictures of these latents per phase, the first before its first step, the last after its last."""
    log_every_kimg: float = Field(ge=0.001)
    """Interval between rows of losses.csv, in thousands of images; each row is the mean over its interval."""
    divergence_limit: float = Field(gt=0)
    """A phase stops when the magnitude of a logged loss term exceeds this, or is not a number."""
    precision: Literal["fp32", "tf32", "bf16"]
    """Arithmetic of the networks; see `precision.py`. `tf32` differs from `fp32` on NVIDIA GPUs only."""
    recompute: bool
    """Keep the feature maps of one block at a time, and compute the others again for the backward pass.

    For progressive networks whose maps do not fit into memory otherwise; never compiled. The penalty's own maps are
    kept. It stands here because the last digits differ."""
    compile: Literal["auto", "always", "never"]
    """Whether a phase runs as compiled code: faster steps, after a minute or more of compiling.

    `auto` compiles, on CPUs, phases of at least 10,000 critic updates (kimg · 1000 / batch), which win the time back.
    It is a parameter rather than an option of the machine, because it changes the last digits of the results."""

    @model_validator(mode="after")
    def _clipped_where_it_must_be(self) -> Self:
        if self.loss == "wgan" and self.weight_clip is None:
            raise ValueError("loss: wgan needs a weight_clip, such as 0.01")
        if self.loss != "wgan" and self.weight_clip is not None:
            raise ValueError(f"weight_clip belongs to loss: wgan; set it to null for loss: {self.loss}")
        return self

    @model_validator(mode="after")
    def _one_batch_for_both(self) -> Self:
        if self.simultaneous and self.critic_steps != 1:
            what = f"simultaneous updates have one critic step, not critic_steps: {self.critic_steps}"
            raise ValueError(f"{what}; set critic_steps to 1, or simultaneous to false")
        return self

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for name in self.diff_augment:
            if self.diff_augment.count(name) > 1:
                raise ValueError(f"diff_augment lists {name} twice; list it once")
        return self

    @model_validator(mode="after")
    def _one_ema(self) -> Self:
        if (self.ema_beta is None) == (self.ema_half_life_kimg is None):
            raise ValueError("set exactly one of ema_beta and ema_half_life_kimg, and the other to null")
        return self

    @model_validator(mode="after")
    def _few_samples(self) -> Self:
        if self.samples * self.sample_frames > MOST_SAMPLES:
            raise ValueError(f"samples × sample_frames are more than {MOST_SAMPLES} pictures; lower one of them")
        return self

    def ema_decay(self, batch: int) -> float:
        """The decay per critic step of that many images."""
        if self.ema_half_life_kimg is None:
            assert self.ema_beta is not None
            return self.ema_beta
        return float(0.5 ** (batch / (self.ema_half_life_kimg * 1000)))


@dataclass(frozen=True)
class Recipe:
    """The parameters that make a phase what it is."""

    name: str
    phase: Phase
    networks: Networks
    training: Training
    seed: int

    @classmethod
    def of(cls, parameters: Parameters, name: str) -> "Recipe":
        """Read a phase's recipe from a parameter file. Raises InputError on a bad one."""
        return cls(
            name=name,
            seed=parameters.value("seed", int),
            networks=parameters.section("networks", Networks),
            training=parameters.section("training", Training),
            phase=parameters.section(f"phases.{name}", Phase),
        )


def phase_problems(phase: Phase, networks: Networks, parent_resolution: int) -> list[Problem]:
    """What is impossible about a phase that continues networks of `parent_resolution`; keys are the phase's own."""
    problems: list[Problem] = []
    if phase.kind not in networks.kinds:
        reason = f"'{phase.kind}', but networks of architecture {networks.architecture} train in phases of kind"
        problems.append(("kind", f"{reason} {' and '.join(networks.kinds)}"))
    try:
        check_resolution(networks, phase.resolution)
    except ValueError as error:
        problems.append(("resolution", str(error)))
    if not problems:
        try:
            networks.check_batch(phase.resolution, phase.batch)
        except ValueError as error:
            problems.append(("batch", str(error)))
    expected = phase.resolution_after(parent_resolution)
    if not problems and phase.resolution != expected:
        step = "twice the resolution" if phase.kind == "grow" else "the resolution"
        reason = f"a {phase.kind} phase must have {step} of its parent, {expected}, not {phase.resolution}"
        problems.append(("resolution", reason))
    group = min(networks.group, phase.batch)
    if networks.group and phase.batch == 1:
        reason = "a batch of 1 has no standard deviation; raise it, or set networks.minibatch_stddev to 0"
        problems.append(("batch", reason))
    elif networks.group and phase.batch % group:
        low = phase.batch // group * group
        reason = f"{phase.batch} is not a multiple of networks.minibatch_stddev = {group}; take {low} or {low + group}"
        problems.append(("batch", reason))
    else:
        problems += _accumulate_problems(phase, networks, group)
    return problems


def _accumulate_problems(phase: Phase, networks: Networks, group: int) -> list[Problem]:
    """Why a batch cannot be computed in so many parts. Each needs whole minibatch-stddev groups, of `group` images."""
    parts, whole = phase.accumulate, networks.uses_whole_batch
    if parts > 1 and whole:
        return [("accumulate", f"{' and '.join(whole)} cannot do with a part of a batch; set it to 1")]
    units = phase.batch // max(group, 1)
    if units % parts:
        what = f"{units} minibatch-stddev groups of {group}" if group else f"{units} images"
        fitting = " or ".join(str(n) for n in range(1, min(parts, units)) if units % n == 0)
        return [
            ("accumulate", f"a batch of {phase.batch} has {what}, which {parts} parts cannot share; take {fitting}")
        ]
    return []
