"""The parameters of training: sections `training` and `phases` of params.yaml."""

from typing import Literal

from pydantic import Field, model_validator

from pgan.config import Section
from pgan.networks.config import Networks

MOST_SAMPLES = 2**16
"""Pictures of the fixed latents that a phase keeps, in memory until its end."""


class Training(Section):
    """What all phases share (Karras et al. 2018, appendix A.1)."""

    critic_steps: int = Field(ge=1, le=1000)
    """Critic updates per generator update, each on fresh data and latents."""
    gradient_penalty: float = Field(ge=0)
    """Weight λ of the gradient penalty; divided by gradient_target²."""
    gradient_target: float = Field(gt=0)
    """Norm to which the critic's gradient is drawn; 1 in WGAN-GP, 750 in the paper's CIFAR-10 runs."""
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
    ema_beta: float | None = Field(ge=0, lt=1)
    """Decay of the averaged generator per critic step (the paper: 0.999), or null to give a half-life instead."""
    ema_half_life_kimg: float | None = Field(gt=0)
    """The same as a half-life in thousands of images, independent of the batch; set exactly one of the two."""
    mirror: bool
    """Flip each real image left-right with probability ½; not for digits or other images with a handedness."""
    samples: int = Field(ge=1, le=2**16)
    """Number of fixed latents whose images are kept through all phases."""
    sample_frames: int = Field(ge=2, le=2**16)
    """Pictures of these latents per phase, the first before its first step, the last after its last."""
    log_every_kimg: float = Field(ge=0.001)
    """Distance of the rows of losses.csv in thousands of images; each row is the mean over what lies between."""
    divergence_limit: float = Field(gt=0)
    """A phase stops when the magnitude of a logged loss term exceeds this, or is not a number."""

    compile: Literal["auto", "always", "never"]
    """Whether a phase runs as compiled code: faster steps, after a minute or more of compiling.

    `auto` compiles a phase that is long enough to win the time back, by a rule that knows its parameters alone. It
    stands here, not among the machine's options, because it changes the last digits of the results."""

    @model_validator(mode="after")
    def _one_ema(self) -> "Training":
        if (self.ema_beta is None) == (self.ema_half_life_kimg is None):
            raise ValueError("set exactly one of ema_beta and ema_half_life_kimg, and the other to null")
        return self

    @model_validator(mode="after")
    def _few_samples(self) -> "Training":
        if self.samples * self.sample_frames > MOST_SAMPLES:
            raise ValueError(f"samples × sample_frames are more than the limit of {MOST_SAMPLES} pictures")
        return self

    def ema_decay(self, batch: int) -> float:
        """The decay per critic step of that many images."""
        if self.ema_half_life_kimg is None:
            assert self.ema_beta is not None
            return self.ema_beta
        return float(0.5 ** (batch / (self.ema_half_life_kimg * 1000)))


class Phase(Section):
    """One phase: which it continues, its resolution and length, batch and learning rate."""

    from_: str = Field(alias="from")
    """The phase that it continues, or `init`."""
    kind: Literal["stabilize", "grow", "fixed"]
    """`grow` fades in a new resolution over the whole phase; `stabilize` trains at a constant one; so does `fixed`,
    with networks of an architecture that cannot grow."""
    resolution: int = Field(ge=2)
    """Pixels per side."""
    kimg: float = Field(gt=0, le=1e9)
    """Length in thousands of real images shown to the critic."""
    batch: int = Field(ge=1, le=2**20)
    """Images per critic step."""
    lr: float = Field(gt=0)
    """Adam's learning rate, for both networks."""


def phase_problems(phase: Phase, networks: Networks, parent_resolution: int) -> list[tuple[str, str]]:
    """What is impossible about a phase that continues networks of `parent_resolution`: pairs of (key, reason)."""
    problems = []
    if phase.kind not in networks.kinds:
        reason = f"'{phase.kind}', but networks of architecture {networks.architecture} train in phases of kind"
        problems.append(("kind", f"{reason} {' and '.join(networks.kinds)}"))
    try:
        networks.resolutions(phase.resolution)
    except ValueError as error:
        problems.append(("resolution", str(error)))
    if not problems:
        try:
            networks.check_batch(phase.resolution, phase.batch)
        except ValueError as error:
            problems.append(("batch", str(error)))
    expected = parent_resolution * 2 if phase.kind == "grow" else parent_resolution
    if not problems and phase.resolution != expected:
        step = "twice that of" if phase.kind == "grow" else "that of"
        reason = f"a {phase.kind} phase must have {step} its parent, {expected}, not {phase.resolution}"
        problems.append(("resolution", reason))
    group = min(networks.group, phase.batch)
    if networks.group and phase.batch == 1:
        reason = "a batch of 1 has no standard deviation; raise it, or set networks.minibatch_stddev to 0"
        problems.append(("batch", reason))
    elif networks.group and phase.batch % group:
        problems.append(("batch", f"{phase.batch} is not a multiple of networks.minibatch_stddev = {group}"))
    return problems
