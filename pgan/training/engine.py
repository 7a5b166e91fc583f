"""How a phase is computed: eagerly or compiled, in which memory layout, with which form of the upsampling.

All choices compute the same function; the last digits differ.  So that a phase is reproducible, the choice is a pure
function of its parameters and of the kind of device, never of a measurement at run time.  The constants below were
measured with benchmarks/step.py.
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
from pgan.training.config import Training
from pgan.training.image_gradient import is_written_out

Loss = Callable[..., tuple[Tensor, dict[str, Tensor]]]

CHANNELS_LAST_UP_TO = 256
"""Feature maps. On CPUs, channels-last convolutions are faster, except with 512 maps: there they are far slower."""
FUSE_UPSAMPLING_FROM = 16
"""Pixels per side. From here on the 4/9 of the multiplications outweigh what it takes to spread the kernel."""
COMPILE_FROM_UPDATES = 10_000
"""Critic updates (kimg · 1000 / batch) from which `training.compile: auto` compiles a phase on a CPU: each update saves
a few milliseconds at least, and compiling costs about a minute.

Compiled steps were 1.45, 1.22, 1.11, 1.08 and 1.03 times as fast from 4×4 to 64×64 on two threads of an AMD EPYC.  On
one thread of an Intel Xeon it was 1.34, 1.18, 1.25, 1.24 and 1.25, for 45 to 80 s of compiling.  (benchmarks/step.py
--against eager; maps up to 64, batch 16.)  On GPUs only `always` compiles: nothing is measured there yet.  Torch's
compiler also times kernels there to choose among them, so that two runs may differ in their last digits."""


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
"""Eager, everything as torch does it by default."""


def choose(networks: Networks, settings: Training, phase: Phase, device: str) -> Engine:
    """The engine of a phase on a kind of device: cpu, cuda, mps.

    Losses whose gradient penalty is differentiated automatically are never compiled: torch does not follow that.
    Networks of fixed size are computed plainly: channels last, they took 10 to 20 % longer at their published widths.
    """
    if not isinstance(networks, Progressive):
        return PLAIN
    compiled = can_compile(networks, settings) and (
        settings.compile == "always" or (settings.compile == "auto" and device == "cpu" and is_long(phase))
    )
    if device != "cpu":  # nothing is measured there yet
        return Engine(compiled=compiled, recompute=settings.recompute)
    widest = max(networks.feature_maps(networks.stage(r)) for r in networks.resolutions(phase.resolution))
    return Engine(
        compiled=compiled,
        channels_last=widest <= CHANNELS_LAST_UP_TO,
        fuse_upsampling_from=FUSE_UPSAMPLING_FROM,
        recompute=settings.recompute,
    )


def can_compile(networks: Networks, settings: Training) -> bool:
    """Whether torch.compile can follow the losses."""
    return is_written_out(networks) and not settings.recompute


def is_long(phase: Phase) -> bool:
    """Whether a phase wins back the time that compiling takes."""
    return phase.kimg * 1000 / phase.batch >= COMPILE_FROM_UPDATES


def without_effect(networks: Networks, settings: Training) -> list[str]:
    """What the parameters ask for and such networks cannot do, each as a sentence."""
    found = []
    if settings.compile == "always" and not can_compile(networks, settings):
        reason = "recompute" if settings.recompute else "the critic's gradient is differentiated automatically"
        found.append(f"training.compile: always has no effect: torch cannot compile this ({reason})")
    if settings.recompute and not isinstance(networks, Progressive):
        found.append(f"training.recompute has no effect on networks.architecture: {networks.architecture}")
    if settings.recompute and isinstance(networks, Progressive) and networks.batch_norm:
        found.append("training.recompute has no effect on a generator with batch norm")
    return found


def compiled(loss: Loss) -> Loss:
    """A loss as compiled code.

    Shapes are fixed: a phase has one.  Learning rate and fade are no part of the code (Adam is outside, the fade is a
    tensor), so nothing is compiled twice.  Torch keeps the code in its own cache ($TORCHINDUCTOR_CACHE_DIR, by default
    in the temporary folder) and finds it by content, for every phase, run and repository of the same shapes.
    """
    return torch.compile(loss, fullgraph=True, dynamic=False)


def warn_of_failed_compilation(error: Exception) -> None:
    """One line."""
    reason = str(error).strip().splitlines()[0]
    tqdm.write(f"warning: torch.compile failed, training continues without it: {reason}", file=sys.stderr)
