"""The parameters of the networks: sections `networks` and `init` of params.yaml."""

from typing import Literal

from pydantic import Field, model_validator

from pgan.config import Section

LARGEST = 8192
"""Pixels per side."""
MOST_PARAMETERS = 2**28
"""Of generator and critic together: 1 GiB in float32, six times what the paper's have at 1024×1024."""
MOST_VALUES = 2**35
"""Of one network's feature maps for one batch: 128 GiB in float32."""


class Networks(Section):
    """Architecture of the progressive generator and critic (Karras et al. 2018, Table 2 and section 4)."""

    base_size: int = Field(ge=2, le=LARGEST)
    """Resolution of the first block in pixels: 4, or 7 for MNIST's 7 → 14 → 28."""
    channels: Literal[1, 3]
    """Image channels: 1 grey, 3 RGB. Must match prepare.channels."""
    classes: int = Field(ge=0, le=2**20)
    """Number of labels (AC-GAN); 0 trains without labels."""
    latent_size: int | None = Field(ge=1, le=2**20)
    """Dimensions of the latent; null means min(fmap_base, fmap_max)."""
    fmap_base: int = Field(ge=1, le=2**31)
    """Feature maps at stage s are min(fmap_base / 2^(s·fmap_decay), fmap_max); stage 1 is the base resolution."""
    fmap_decay: float = Field(ge=0, le=64)
    """Log2 of the factor by which the feature maps shrink when the resolution doubles."""
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

    def stage(self, resolution: int) -> int:
        """The stage of a resolution. Raises ValueError unless it is base_size · 2^k, and the networks not too large."""
        doublings, rest = divmod(resolution, self.base_size)
        if rest or doublings < 1 or doublings & (doublings - 1):
            raise ValueError(f"resolution {resolution} is not networks.base_size × 2^k = {self.base_size} × 2^k")
        if resolution > LARGEST:
            raise ValueError(f"resolution {resolution} exceeds the limit of {LARGEST} pixels")
        stage = doublings.bit_length()
        if (count := self.parameters(stage)) > MOST_PARAMETERS:
            raise ValueError(
                f"networks of {count:,} parameters at {resolution} pixels exceed the limit of {MOST_PARAMETERS:,}; "
                "lower networks.fmap_base, fmap_max or latent_size"
            )
        return stage

    def parameters(self, stage: int) -> int:
        """Of generator and critic together at a stage, known without building them."""
        widths = [self.feature_maps(k) for k in range(stage + 1)]
        hidden, first, area = widths[0], widths[1], self.base_size**2
        grouped = int(self.minibatch_stddev > 0)
        count = (self.latent_dimensions + self.classes) * first * area + first  # the generator's dense layer
        count += first * area * hidden + hidden + (hidden + 1) * (1 + self.classes)  # the critic's
        count += 9 * first * (2 * first + grouped) + 2 * first  # the convolutions at the base, one in each
        for narrow, wide in zip(widths[2:], widths[1:], strict=False):  # two convolutions in each
            count += 18 * narrow * (narrow + wide) + 3 * narrow + wide
        return count + sum(2 * self.channels * width + self.channels + width for width in widths[1:])  # the heads

    def check_batch(self, resolution: int, batch: int) -> None:
        """Raises ValueError when the feature maps of a batch could not be held by any device."""
        stages = range(1, self.stage(resolution) + 1)
        values = batch * sum(2 * self.feature_maps(k) * (self.base_size << (k - 1)) ** 2 for k in stages)
        if values > MOST_VALUES:
            reason = f"a batch of {batch} at {resolution} pixels makes feature maps of {values:,} values"
            raise ValueError(f"{reason}, more than any device holds; lower the batch")

    def resolutions(self, last: int) -> list[int]:
        """All resolutions from the base to `last`. Raises ValueError as `stage`."""
        return [self.base_size * 2**k for k in range(self.stage(last))]


class Init(Section):
    """What the first phases start from."""

    source: Literal["random", "checkpoint"]
    """`random` draws weights; `checkpoint` takes trained ones (fine-tuning), such as `pgan import` makes."""
    path: str
    """The checkpoint's file. It must exist with `random` too, for DVC's sake, but is not read then."""
    resolution: int | None = Field(ge=2)
    """Pixels per side; null means networks.base_size. A checkpoint of a higher resolution is cut down to it."""

    @model_validator(mode="after")
    def _stated(self) -> "Init":
        if self.source == "checkpoint" and self.resolution is None:
            raise ValueError("with source: checkpoint, state the resolution at which the first phase continues it")
        return self

    def size(self, networks: Networks) -> int:
        """The resolution, resolved. Raises ValueError unless it is base_size · 2^k."""
        size = networks.base_size if self.resolution is None else self.resolution
        networks.stage(size)
        return size
