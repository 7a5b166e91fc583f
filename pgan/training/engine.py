"""How a phase is computed: in which layout (pgan/networks/layout.py), eagerly or compiled, and what is kept in memory.

All choices compute the same function; the last digits differ.  As for layouts, the choice is a pure function of the
phase's parameters and of the kind of device.
"""

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from pgan.networks.config import Networks
from pgan.networks.layout import Layout
from pgan.networks.layout import choose as choose_layout
from pgan.networks.network import Network
from pgan.networks.progressive import Progressive
from pgan.networks.progressive.networks import Critic, Generator
from pgan.phases import Phase
from pgan.training.config import Training
from pgan.training.image_gradient import is_written_out

Loss = Callable[..., tuple[Tensor, dict[str, Tensor]]]

COMPILE_FROM_UPDATES = 10_000
"""Critic updates (kimg · 1000 / batch) from which `training.compile: auto` compiles a phase on a CPU: each update saves
a few milliseconds at least, and compiling costs about a minute.

Compiled steps were 1.45, 1.22, 1.11, 1.08 and 1.03 times as fast from 4×4 to 64×64 on two threads of an AMD EPYC.  On
one thread of an Intel Xeon it was 1.34, 1.18, 1.25, 1.24 and 1.25, for 45 to 80 s of compiling.  (benchmarks/step.py
--against eager; maps up to 64, batch 16.)  On GPUs only `always` compiles: nothing is measured there yet.  Torch's
compiler also times kernels there to choose among them, so that two runs may differ in their last digits."""


@dataclass(frozen=True, kw_only=True)
class Engine(Layout):
    """A layout, and what only training can choose."""

    compiled: bool = False
    """torch.compile of both losses, gradient penalty and all."""
    recompute: bool = False
    """Blocks' maps are computed again for the backward pass instead of kept."""

    def prepare(self, *networks: Network) -> None:
        """As `Layout.prepare`; choose what is kept for the backward pass, too. No value changes."""
        super().prepare(*networks)
        for network in networks:
            if isinstance(network, Generator | Critic):
                network.recompute = self.recompute


PLAIN = Engine()
"""Eager, everything as torch does it by default."""


def choose(networks: Networks, settings: Training, phase: Phase, device: str) -> Engine:
    """The engine of a phase on a kind of device: cpu, cuda, mps.

    Losses whose gradient penalty is differentiated automatically are never compiled: torch does not follow that.
    """
    if not isinstance(networks, Progressive):
        return PLAIN
    compiled = can_compile(networks, settings) and (
        settings.compile == "always" or (settings.compile == "auto" and device == "cpu" and is_long(phase))
    )
    layout = choose_layout(networks, phase.resolution, device)
    return Engine(compiled=compiled, recompute=settings.recompute, **asdict(layout))


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
