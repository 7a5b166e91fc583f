"""The parameters of DCGAN's networks."""

from typing import ClassVar, Literal

from pydantic import Field

from pgan.networks.fixed import Fixed


class Dcgan(Fixed):
    """64×64: DCGAN's networks (Radford et al. 2016) as Wasserstein GANs are often built, with labels where wanted.

    A label is embedded twice: as a vector beside the generator's latent, and as a channel beside the critic's image.
    The critic gives a score alone: training.label_weight has no effect.
    """

    size: ClassVar[int] = 64
    modest: ClassVar[dict[str, int]] = {"width": 128, "latent_size": 1024, "classes": 1000, "label_size": 1024}
    architecture: Literal["dcgan"]
    classes: int = Field(ge=0, le=2**20)
    """Number of labels that condition generator and critic; 0 trains without."""
    label_size: int = Field(ge=1, le=2**20)
    """Dimensions of the generator's embedding of a label; without effect when there are no classes."""
    instance_norm: bool
    """Instance normalisation of the critic's second to fourth layer."""

    @property
    def uses_whole_batch(self) -> list[str]:
        """The generator's batch norm."""
        return ["the batch norm of networks.architecture: dcgan"]

    def values(self, resolution: int) -> int:
        """The number of values in one image's feature maps: maps double where pixels per side are halved."""
        return sum((64 + 32) * self.width * r for r in (4, 8, 16, 32))
