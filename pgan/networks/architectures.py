"""The architectures: a line for each, from which all else follows.

To add one, make a folder like the three here, with its parameters (`section.py`) and its networks (`networks.py`), and
add its line.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from pgan.networks import dcgan, fish, progressive
from pgan.networks.config import SECTIONS, Networks

if TYPE_CHECKING:
    from pgan.networks.network import Critic, Generator

MOST_PARAMETERS = 2**28
"""Of generator and critic together: 1 GiB in float32, six times what the paper's have at 1024×1024."""


class Architecture(NamedTuple):
    """What the rest of the program needs to know of an architecture."""

    section: type[Networks]
    """Its parameters; they say in which kinds of phases it trains, which resolutions it has, and more."""
    load_networks: "Callable[[], tuple[type[Generator], type[Critic]]]"
    """Imports its networks, and torch with them: only when they are built."""


ARCHITECTURES = {
    "progressive": Architecture(progressive.Progressive, progressive.load_networks),
    "dcgan": Architecture(dcgan.Dcgan, dcgan.load_networks),
    "fish": Architecture(fish.Fish, fish.load_networks),
}
SECTIONS.update({name: architecture.section for name, architecture in ARCHITECTURES.items()})


def build_generator(config: Networks, resolution: int) -> "Generator":
    """The generator, its weights not drawn yet. Raises ValueError when there is none of that resolution."""
    return ARCHITECTURES[config.architecture].load_networks()[0](config, resolution)


def build_critic(config: Networks, resolution: int) -> "Critic":
    """The critic, its weights not drawn yet. Raises ValueError when there is none of that resolution."""
    return ARCHITECTURES[config.architecture].load_networks()[1](config, resolution)


def check_resolution(config: Networks, resolution: int) -> None:
    """Raises ValueError when the networks cannot have that resolution, or would be too large for any use."""
    config.resolutions(resolution)
    if config.is_modest:
        return  # known to fit; torch, which takes seconds to import, is not needed
    count = count_parameters(config, resolution)
    if count is None or count > MOST_PARAMETERS:
        size = f"{count:,}" if count else "more than 2^63"
        raise ValueError(
            f"networks of {size} parameters at {resolution} pixels exceed the limit of {MOST_PARAMETERS:,}; "
            f"lower {config.size_keys}"
        )


@lru_cache(maxsize=64)
def count_parameters(config: Networks, resolution: int) -> int | None:
    """The parameters of generator and critic together; None where there are more than a tensor can have.

    Both are built without memory for their weights, which takes some hundredths of a second whatever their sizes.
    """
    from pgan.untrusted.weights import without_memory

    try:
        with without_memory():
            networks = build_generator(config, resolution), build_critic(config, resolution)
    except (RuntimeError, OverflowError, TypeError):  # what torch raises where the number of bytes exceeds an int64
        return None
    return sum(weight.numel() for network in networks for weight in network.parameters())
