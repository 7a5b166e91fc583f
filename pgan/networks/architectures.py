"""Which networks an architecture has."""

from pgan.networks import dcgan, fish, progressive
from pgan.networks.config import Networks
from pgan.networks.network import Critic, Generator

NETWORKS: dict[str, tuple[type[Generator], type[Critic]]] = {
    "progressive": (progressive.Generator, progressive.Critic),
    "dcgan": (dcgan.Generator, dcgan.Critic),
    "fish": (fish.Generator, fish.Critic),
}


def build_generator(config: Networks, resolution: int) -> Generator:
    """The generator, its weights not drawn yet. Raises ValueError when there is none of that resolution."""
    return NETWORKS[config.architecture][0](config, resolution)


def build_critic(config: Networks, resolution: int) -> Critic:
    """The critic, its weights not drawn yet. Raises ValueError when there is none of that resolution."""
    return NETWORKS[config.architecture][1](config, resolution)
