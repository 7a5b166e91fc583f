"""The networks of DCGAN (Radford et al. 2016), of 64×64."""

from typing import TYPE_CHECKING

from pgan.networks.dcgan.section import Dcgan as Dcgan

if TYPE_CHECKING:
    from pgan.networks.network import Critic, Generator


def load_networks() -> "tuple[type[Generator], type[Critic]]":
    """The two classes, with torch imported only here."""
    from pgan.networks.dcgan.networks import Critic, Generator

    return Generator, Critic
