"""A small asymmetric WGAN-GP of 32×32."""

from typing import TYPE_CHECKING

from pgan.networks.fish.section import Fish as Fish

if TYPE_CHECKING:
    from pgan.networks.network import Critic, Generator


def load_networks() -> "tuple[type[Generator], type[Critic]]":
    """The two classes, with torch imported only here."""
    from pgan.networks.fish.networks import Critic, Generator

    return Generator, Critic
