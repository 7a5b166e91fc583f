"""The networks that grow (Karras et al. 2018)."""

from typing import TYPE_CHECKING

from pgan.networks.progressive.section import Progressive as Progressive

if TYPE_CHECKING:
    from pgan.networks.network import Critic, Generator


def load_networks() -> "tuple[type[Generator], type[Critic]]":
    """The two classes, with torch imported only here."""
    from pgan.networks.progressive.networks import Critic, Generator

    return Generator, Critic
