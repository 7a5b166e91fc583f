"""What the parameters of architectures of one size have in common: they do not grow."""

from typing import ClassVar

from pydantic import Field

from pgan.networks.config import Networks


class Fixed(Networks):
    """Networks of one resolution."""

    kinds: ClassVar[tuple[str, ...]] = ("fixed",)
    width_key: ClassVar[str] = "networks.width"
    size_keys: ClassVar[str] = "networks.width or latent_size"
    size: ClassVar[int]
    """Pixels per side."""
    latent_size: int = Field(ge=1, le=2**20)
    """Dimensions of the latent."""
    width: int = Field(ge=1, le=2**16)
    """Feature maps of the critic's first layer; the other layers have multiples of it."""
    leaky_slope: float = Field(ge=0, lt=1)
    """Slope of leaky ReLU below zero."""

    @property
    def latent_dimensions(self) -> int:
        """The latent's size."""
        return self.latent_size

    @property
    def first_resolution(self) -> int:
        """The only one."""
        return self.size

    def resolutions(self, last: int) -> list[int]:
        """The only one. Raises ValueError when `last` is another."""
        if last != self.size:
            what = f"networks of architecture {self.architecture} have {self.size}"
            raise ValueError(f"resolution {last}, but {what}; set it to {self.size}")
        return [last]
