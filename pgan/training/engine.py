"""How a phase is computed: eagerly or compiled, in which memory layout, with which form of the upsampling.

All choices compute the same function; the last digits differ.  So that a phase is reproducible, the choice is a pure
function of its parameters and of the kind of device, never of a measurement: the constants below were measured once,
with benchmarks/step.py.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from pgan.networks.config import Networks
from pgan.networks.network import Network
from pgan.networks.progressive import Progressive
from pgan.networks.progressive.networks import Critic, Generator, GeneratorBlock
from pgan.phases import Phase
from pgan.training.adversarial import LOSSES
from pgan.training.config import Training
from pgan.training.image_gradient import is_written_out

Loss = Callable[..., tuple[Tensor, dict[str, Tensor]]]

CHANNELS_LAST_UP_TO = 256
"""Feature maps. On CPUs, channels-last convolutions are faster, but those of 512 maps, which are far slower."""
FUSE_UPSAMPLING_FROM = 16
"""Pixels per side. From here on the 4/9 of the multiplications outweigh what it takes to spread the kernel."""


# Passes through a network, in units of a forward pass.  Critic: as many batches forward as are judged; reals and fakes
# backward, by maps and by weights; each batch's penalised gradient, and its own backward pass by both; through that of
# mixed images, their maps too; the fakes.  Generator: both networks forward, the critic backward by its maps, the
# generator backward by both.
CRITIC_UPDATE_PASSES = {
    "at mixed images": 3 + 4 + (1 + 2) + 2 + 1,
    "at reals": 2 + 4 + (1 + 2) + 1,
    "at reals and fakes": 2 + 4 + 2 * (1 + 2) + 1,
    None: 2 + 4 + 1,
}
GENERATOR_UPDATE_PASSES = 2 + 1 + 2

# Two threads of a server CPU with AVX-512 (AMD EPYC), fmap_max 64, batch 16, rounded; benchmarks/step.py, with
# `--against eager` for what compiling alone gains: 1.45, 1.22, 1.11, 1.08 and 1.04 from 4×4 to 64×64.  A faster machine
# steps faster and compiles faster, so the length of phase at which both meet changes little.
EAGER_STEP_SECONDS = 0.0065
"""What a step takes however few its operations."""
EAGER_FLOPS = 1.85e11
COMPILED_SAVES_SECONDS = 0.003
"""Of each step, in calls to small operations."""
COMPILED_SAVES = 0.04
"""Share of the eager step's time beside that: convolutions, which are most of it, stay as they are."""
COMPILE_SECONDS = 35.0
COMPILE_SECONDS_PER_BLOCK = 12.0


@dataclass(frozen=True)
class Engine:
    """The choices."""

    compiled: bool = False
    """torch.compile of both losses, gradient penalty and all."""
    channels_last: bool = False
    """Memory order (N, H, W, C) for kernels and, by their contagion, all maps."""
    fuse_upsampling_from: int | None = None
    """Resolution from which the generator's upsampling and convolution are one transposed convolution."""

    recompute: bool = False
    """Blocks' maps are computed again for the backward pass instead of kept."""

    def prepare(self, *networks: Network) -> None:
        """Lay out the parameters in memory; choose the form of the upsampling and what is kept. No value changes."""
        for network in networks:
            if isinstance(network, Generator | Critic):
                network.recompute = self.recompute
            if self.channels_last:
                network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            if isinstance(network, Generator) and self.fuse_upsampling_from:
                for r, block in network.blocks.items():
                    if isinstance(block, GeneratorBlock) and int(r) >= self.fuse_upsampling_from:
                        block.conv0.fused = True


PLAIN = Engine()


def choose(networks: Networks, settings: Training, phase: Phase, steps: int, device: str) -> Engine:
    """The engine of a phase of so many steps on a kind of device: cpu, cuda, mps.

    Losses whose gradient penalty is differentiated automatically are never compiled: torch does not follow that.
    Networks of fixed size are computed plainly: channels last, they took 10 to 20 % longer at their published widths.
    """
    if not isinstance(networks, Progressive):
        return PLAIN
    compilable = is_written_out(networks) and not settings.recompute
    always = compilable and settings.compile == "always"
    if device != "cpu":  # nothing is measured there yet
        return Engine(compiled=always, recompute=settings.recompute)
    resolutions = networks.resolutions(phase.resolution)
    widest = max(networks.feature_maps(networks.stage(r)) for r in resolutions)
    worth_it = compilable and seconds_won(networks, settings, phase, steps) > compile_seconds(len(resolutions))
    return Engine(
        compiled=always or (settings.compile == "auto" and worth_it),
        channels_last=widest <= CHANNELS_LAST_UP_TO,
        fuse_upsampling_from=FUSE_UPSAMPLING_FROM,
        recompute=settings.recompute,
    )


def without_effect(networks: Networks, settings: Training) -> list[str]:
    """What the parameters ask for and such networks cannot have, each as a sentence."""
    found = []
    if settings.compile == "always" and (settings.recompute or not is_written_out(networks)):
        reason = "recompute" if settings.recompute else "the critic's gradient is differentiated automatically"
        found.append(f"training.compile: always has no effect: torch cannot compile this ({reason})")
    if settings.recompute and not isinstance(networks, Progressive):
        found.append(f"training.recompute has no effect on networks.architecture: {networks.architecture}")
    if settings.recompute and isinstance(networks, Progressive) and networks.batch_norm:
        found.append("training.recompute has no effect on a generator with batch norm")
    return found


def seconds_won(networks: Progressive, settings: Training, phase: Phase, steps: int) -> float:
    """What compiled code saves in a phase of so many steps, on the CPU that the constants were measured on."""
    critic_passes = CRITIC_UPDATE_PASSES[LOSSES[settings.loss].penalty]
    passes = critic_passes * settings.critic_steps + GENERATOR_UPDATE_PASSES
    flops = 2 * multiplications(networks, phase.resolution) * passes * phase.batch
    return steps * (COMPILED_SAVES_SECONDS + COMPILED_SAVES * (EAGER_STEP_SECONDS + flops / EAGER_FLOPS))


def compile_seconds(resolutions: int) -> float:
    """What compiling the losses of networks of so many resolutions takes, on that CPU."""
    return COMPILE_SECONDS + COMPILE_SECONDS_PER_BLOCK * (resolutions - 1)


def multiplications(networks: Progressive, resolution: int) -> int:
    """Multiplications per image in one pass through the critic or, what is much the same, the generator."""
    base, width = networks.base_size, networks.feature_maps
    count = base**2 * width(1) * (9 * width(1) + width(0))
    for r in networks.resolutions(resolution)[1:]:
        stage = networks.stage(r)
        count += 9 * r**2 * width(stage) * (width(stage) + width(stage - 1))
    return count


def compiled(loss: Loss) -> Loss:
    """A loss as compiled code.

    Fixed shapes: a phase has one.  Learning rate and fade are no part of it (Adam is outside, the fade is a tensor), so
    nothing is ever compiled twice.  The code is kept in torch's own cache ($TORCHINDUCTOR_CACHE_DIR, in the temporary
    folder unless set): it is found by content, and so serves every phase, run and repository of the same shapes.
    """
    return torch.compile(loss, fullgraph=True, dynamic=False)


def warn_of_failed_compilation(error: Exception) -> None:
    """One line."""
    reason = str(error).strip().splitlines()[0]
    tqdm.write(f"warning: torch.compile failed, training continues without it: {reason}", file=sys.stderr)
