"""How networks are laid out in memory, and which form of the upsampling they use: the same function, faster.

The last digits differ.  So that a result is reproducible, the choice is a pure function of the parameters and of the
kind of device, never of a measurement at run time.  The constants were measured with benchmarks/step.py and
benchmarks/evaluation.py.
"""

from dataclasses import dataclass

import torch

from pgan.networks.config import Networks
from pgan.networks.network import Network
from pgan.networks.progressive import Progressive
from pgan.networks.progressive.networks import Generator, GeneratorBlock

CHANNELS_LAST_UP_TO = 256
"""Feature maps. On CPUs, channels-last convolutions are faster, except with 512 maps: there they are far slower."""
FUSE_UPSAMPLING_FROM = 16
"""Pixels per side. From here on the 4/9 of the multiplications outweigh what it takes to spread the kernel."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The choices."""

    channels_last: bool = False
    """Memory order (N, H, W, C) for kernels and, by their contagion, all maps."""
    fuse_upsampling_from: int | None = None
    """Resolution from which the generator's upsampling and convolution are one transposed convolution."""

    def prepare(self, *networks: Network) -> None:
        """Lay out the parameters in memory; choose the form of the upsampling. No value changes."""
        for network in networks:
            if self.channels_last:
                network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            if isinstance(network, Generator) and self.fuse_upsampling_from:
                for r, block in network.blocks.items():
                    if isinstance(block, GeneratorBlock) and int(r) >= self.fuse_upsampling_from:
                        block.conv0.fused = True


def choose(networks: Networks, resolution: int, device: str) -> Layout:
    """The layout of networks of a resolution on a kind of device: cpu, cuda, mps.

    Networks of fixed size are computed plainly: channels last, they took 10 to 20 % longer at their published widths.
    On other devices than a CPU nothing is measured yet.
    """
    if device != "cpu" or not isinstance(networks, Progressive):
        return Layout()
    widest = max(networks.feature_maps(networks.stage(r)) for r in networks.resolutions(resolution))
    return Layout(channels_last=widest <= CHANNELS_LAST_UP_TO, fuse_upsampling_from=FUSE_UPSAMPLING_FROM)
