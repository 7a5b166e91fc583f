"""The parameters of the networks that grow."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from pgan.networks.config import LARGEST, MOST_VALUES, Networks

SMALL_PARTS = 1e6
"""Multiplications that take as long as everything around the convolutions, for an image: measured at 4×4, batch 16."""
DISCRIMINATION_SIZE = 5
"""Dimensions per kernel of the minibatch discrimination; Salimans et al. 2016 state none, their code has 5."""


class Progressive(Networks):
    """The generator and critic that grow (Karras et al. 2018, Table 2 and section 4), and what its Table 1 varies."""

    kinds: ClassVar[tuple[str, ...]] = ("stabilize", "grow")
    width_key: ClassVar[str] = "networks.fmap_max"
    size_keys: ClassVar[str] = "networks.fmap_base, fmap_max or latent_size"
    modest: ClassVar[dict[str, int]] = {
        "base_size": 8,
        "classes": 1000,
        "latent_size": 512,
        "fmap_max": 512,
        "minibatch_discrimination": 1000,
    }
    architecture: Literal["progressive"] = "progressive"

    base_size: int = Field(ge=2, le=LARGEST)
    """Resolution of the first block in pixels: 4, or 7 for MNIST's 7 → 14 → 28."""
    classes: int = Field(ge=0, le=2**20)
    """Number of labels (AC-GAN); 0 trains without labels."""
    latent_size: int | None = Field(ge=1, le=2**20)
    """Dimensions of the latent; null means min(fmap_base, fmap_max)."""
    fmap_base: int = Field(ge=1, le=2**31)
    """Feature maps at stage s are min(fmap_base / 2^(s·fmap_decay), fmap_max); stage 1 is the base resolution."""
    fmap_decay: float = Field(ge=0, le=64)
    """How fast the feature maps shrink: doubling the resolution divides their number by 2^fmap_decay."""
    fmap_max: int = Field(ge=1, le=2**20)
    """Upper limit of feature maps in any layer."""
    fused_scale: bool
    """Scale and convolve in one strided convolution.

    The generator stays the same function; the critic becomes the official fused form, which is another function."""
    equalized_lr: bool
    """Weights from N(0, 1), multiplied at run time by the He constant (section 4.1); false: He's initialisation."""
    pixel_norm: bool
    """Normalise the feature vector of each pixel in the generator (section 4.2)."""
    normalize_latents: bool
    """Pixel norm on the generator's input vector (latent and label)."""
    leaky_slope: float = Field(ge=0, lt=1)
    """Slope of leaky ReLU below zero; 0 is ReLU."""
    critic_leaky_slope: float | None = Field(default=None, ge=0, lt=1)
    """The same in the critic where it differs, as in the official networks with ReLU: their critic stays leaky."""
    tanh: bool
    """End the generator with tanh; the paper's networks are linear."""
    minibatch_stddev: int = Field(ge=0, le=2**20)
    """Group size of the minibatch standard deviation (section 3); 0 leaves the layer out."""
    minibatch_discrimination: int = Field(default=0, ge=0, le=2**16)
    """Kernels of the minibatch discrimination before the critic's last layer (Salimans et al. 2016, section 3.2);
    Table 1, row e*, has 100; 0 leaves the layer out."""
    batch_norm: bool = False
    """Batch normalisation in the generator, between each layer and its activation, as in WGAN-GP's networks."""
    layer_norm: bool = False
    """Layer normalisation in the critic, between each layer and its activation, except in layers that read images."""

    def feature_maps(self, stage: int) -> int:
        """Width at a stage: 0 is the latent, 1 the base resolution, 2 twice that, …"""
        return max(1, min(int(self.fmap_base / 2.0 ** (stage * self.fmap_decay)), self.fmap_max))

    @property
    def latent_dimensions(self) -> int:
        """The latent's size, resolved."""
        return self.latent_size or self.feature_maps(0)

    @property
    def critic_slope(self) -> float:
        """The critic's slope, resolved."""
        return self.leaky_slope if self.critic_leaky_slope is None else self.critic_leaky_slope

    @property
    def first_resolution(self) -> int:
        """The resolution of the first block."""
        return self.base_size

    @property
    def group(self) -> int:
        """The minibatch stddev's."""
        return self.minibatch_stddev

    @property
    def uses_whole_batch(self) -> list[str]:
        """By key."""
        keys = ("batch_norm", "minibatch_discrimination")
        return [f"networks.{key}" for key in keys if getattr(self, key)]

    def resolved(self) -> dict[str, Any]:
        """The parameters, with null replaced by what it stands for."""
        resolved = {"latent_size": self.latent_dimensions, "critic_leaky_slope": self.critic_slope}
        return super().resolved() | resolved

    def stage(self, resolution: int) -> int:
        """The stage of a resolution. Raises ValueError unless it is base_size · 2^k, up to `LARGEST`."""
        doublings, rest = divmod(resolution, self.base_size)
        if rest or doublings < 1 or doublings & (doublings - 1):
            near = self.base_size << max(0, (resolution // self.base_size).bit_length() - 1)
            form = f"networks.base_size × 2^k = {self.base_size} × 2^k"
            raise ValueError(f"resolution {resolution} is not {form}; take {near} or {near * 2}")
        if resolution > LARGEST:
            raise ValueError(f"resolution {resolution} exceeds the limit of {LARGEST} pixels")
        return doublings.bit_length()

    def values(self, resolution: int) -> int:
        """The number of values in one image's feature maps."""
        stages = range(1, self.stage(resolution) + 1)
        return sum(2 * self.feature_maps(k) * (self.base_size << (k - 1)) ** 2 for k in stages)

    def operations(self, resolution: int) -> float:
        """Multiplications of the generator's convolutions for one image; the critic has about as many.

        Time per operation is the same within a fifth from 4×4 to 64×64 (docs/measurements.md).
        """
        base, width = self.base_size, self.feature_maps
        total = SMALL_PARTS + 9.0 * width(1) ** 2 * base**2
        for k in range(2, self.stage(resolution) + 1):
            total += 9.0 * (width(k - 1) * width(k) + width(k) ** 2) * (base << (k - 1)) ** 2
        return total

    def resolutions(self, last: int) -> list[int]:
        """All from the base to `last`. Raises ValueError as `stage`."""
        return [self.base_size * 2**k for k in range(self.stage(last))]

    def check_batch(self, resolution: int, batch: int) -> None:
        """Raises ValueError when no device could hold the feature maps of a batch, or its comparisons."""
        super().check_batch(resolution, batch)
        if batch**2 * self.minibatch_discrimination * DISCRIMINATION_SIZE > MOST_VALUES:
            raise ValueError(f"a batch of {batch} is too large for minibatch discrimination; lower the batch")
