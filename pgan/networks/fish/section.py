"""The parameters of the fish networks."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pgan.config import NotBoolean
from pgan.networks.fixed import Fixed


class Fish(Fixed):
    """32×32: a small asymmetric WGAN-GP, whose critic uses dropout and the minibatch standard deviation."""

    size: ClassVar[int] = 32
    modest: ClassVar[dict[str, int]] = {"width": 512, "latent_size": 1024}
    architecture: Literal["fish"]
    classes: Annotated[Literal[0], NotBoolean] = 0
    """It knows no labels."""
    dropout: float = Field(ge=0, lt=1)
    """Share of the critic's values that are set to 0 after each of the first five layers while it trains."""
    minibatch_stddev: int = Field(ge=0, le=2**20)
    """Group size of the minibatch standard deviation; 0 leaves the layer out."""
    tanh: bool
    """End the generator with tanh; false: linear."""

    @property
    def group(self) -> int:
        """The minibatch stddev's."""
        return self.minibatch_stddev

    def values(self, resolution: int) -> int:
        """The number of values in one image's feature maps."""
        generator = self.width * (3 * 8**2 + 2 * 16**2 + 2 * 32**2)
        critic = self.width * (32**2 + 16**2 + 8**2 + 3 * 2 * 4**2)
        return generator + critic
