"""The parameters of the networks: sections `networks` and `init` of params.yaml."""

from itertools import pairwise
from typing import Any, ClassVar, Literal

from pydantic import Field, ModelWrapValidatorHandler, model_validator

from pgan.config import PathText, Section

LARGEST = 8192
"""Pixels per side."""
MOST_PARAMETERS = 2**28
"""Of generator and critic together: 1 GiB in float32, six times what the paper's have at 1024×1024."""
MOST_VALUES = 2**35
"""Of one network's feature maps for one batch: 128 GiB in float32."""

DISCRIMINATION_SIZE = 5
"""Dimensions per kernel of the minibatch discrimination; Salimans et al. 2016 state none, their code has 5."""


class Architecture(Section):
    """Which networks: each architecture has a section of its own, with keys of its own."""

    architecture: Literal["progressive", "dcgan", "fish"] = "progressive"
    """Progressive networks grow, through phases of kind stabilize and grow; the others have one size, and train in
    phases of kind fixed."""


class Networks(Architecture):
    """What all architectures have. `Networks.model_validate` makes the one that its input names."""

    kinds: ClassVar[tuple[str, ...]]
    """Of phases in which such networks train."""
    width_key: ClassVar[str]
    """What makes them narrower, and smaller in memory."""
    channels: Literal[1, 3]
    """Image channels: 1 grey, 3 RGB. Must match prepare.channels."""
    classes: int
    """Number of labels; 0 trains without."""

    @model_validator(mode="wrap")
    @classmethod
    def _named(cls, value: Any, handler: ModelWrapValidatorHandler["Networks"]) -> "Networks":
        if cls is not Networks or not isinstance(value, dict):
            return handler(value)
        chosen = Architecture.model_validate({key: value[key] for key in ("architecture",) if key in value})
        return ARCHITECTURES[chosen.architecture].model_validate(value)

    @classmethod
    def names(cls) -> list[str]:
        """Those of all architectures, where none is chosen."""
        every = [cls, *ARCHITECTURES.values()] if cls is Networks else [cls]
        return list(dict.fromkeys(key for one in every for key in super(Networks, one).names()))

    @property
    def latent_dimensions(self) -> int:
        """The latent's size, resolved."""
        raise NotImplementedError

    @property
    def first_resolution(self) -> int:
        """The lowest resolution that such networks can have, where training begins unless `init` says otherwise."""
        raise NotImplementedError

    @property
    def group(self) -> int:
        """Size of the groups of samples that the critic looks at together (minibatch stddev); 0: at each alone."""
        return 0

    @property
    def uses_whole_batch(self) -> list[str]:
        """What in these networks looks at all samples of a batch, so that no process can do with a share of it."""
        return []

    def resolutions(self, last: int) -> list[int]:
        """All that the networks of a resolution have been through: the last is `last`.

        Raises:
            ValueError: such networks cannot have that resolution, or would be too large.
        """
        raise NotImplementedError

    def values(self, resolution: int) -> int:
        """Of one image's feature maps, in both networks or a little more."""
        raise NotImplementedError

    def check_batch(self, resolution: int, batch: int) -> None:
        """Raises ValueError when the feature maps of a batch could not be held by any device."""
        values = batch * self.values(resolution)
        if values > MOST_VALUES:
            reason = f"a batch of {batch} at {resolution} pixels makes feature maps of {values:,} values"
            raise ValueError(f"{reason}, more than any device holds; lower the batch")

    def class_problem(self, found: int) -> str | None:
        """Why `classes` does not fit data of `found` classes (0: without labels), if so.

        With more, labels would be asked for that no image has.
        """
        if self.classes in (0, found):
            return None
        if not found:
            return f"{self.classes}, but the data have no labels; set it to 0, or prepare.labels to true"
        return f"{self.classes}, but the data have {found}; set it to {found}, or to 0 to train without labels"

    def resolved(self) -> dict[str, Any]:
        """The parameters, with what null stands for."""
        return self.model_dump()


def check_size(parameters: int, resolution: int, keys: str) -> None:
    """Raises ValueError when networks of so many parameters are too large; `keys` says which ones to lower."""
    if parameters > MOST_PARAMETERS:
        raise ValueError(
            f"networks of {parameters:,} parameters at {resolution} pixels exceed the limit of {MOST_PARAMETERS:,}; "
            f"lower {keys}"
        )


class Progressive(Networks):
    """The generator and critic that grow (Karras et al. 2018, Table 2 and section 4), and what its Table 1 varies."""

    kinds: ClassVar[tuple[str, ...]] = ("stabilize", "grow")
    width_key: ClassVar[str] = "networks.fmap_max"
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
    minibatch_discrimination: int = Field(default=0, ge=0, le=2**16)
    """Kernels of the minibatch discrimination before the critic's last layer (Salimans et al. 2016, section 3.2);
    Table 1, row e*, has 100; 0 leaves the layer out."""
    batch_norm: bool = False
    """Batch normalisation in the generator, between each layer and its activation, as in WGAN-GP's networks."""
    layer_norm: bool = False
    """Layer normalisation in the critic, between each layer and its activation but for those that read images."""

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
        """That of the first block."""
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
        """The parameters, with what null stands for."""
        resolved = {"latent_size": self.latent_dimensions, "critic_leaky_slope": self.critic_slope}
        return super().resolved() | resolved

    def stage(self, resolution: int) -> int:
        """The stage of a resolution. Raises ValueError unless it is base_size · 2^k, and the networks not too large."""
        doublings, rest = divmod(resolution, self.base_size)
        if rest or doublings < 1 or doublings & (doublings - 1):
            near = self.base_size << max(0, (resolution // self.base_size).bit_length() - 1)
            form = f"networks.base_size × 2^k = {self.base_size} × 2^k"
            raise ValueError(f"resolution {resolution} is not {form}; take {near} or {near * 2}")
        if resolution > LARGEST:
            raise ValueError(f"resolution {resolution} exceeds the limit of {LARGEST} pixels")
        stage = doublings.bit_length()
        check_size(self.parameters(stage), resolution, "networks.fmap_base, fmap_max or latent_size")
        return stage

    def parameters(self, stage: int) -> int:
        """Of generator and critic together at a stage, known without building them."""
        widths = [self.feature_maps(k) for k in range(stage + 1)]
        hidden, first, area = widths[0], widths[1], self.base_size**2
        grouped = int(self.minibatch_stddev > 0)
        count = (self.latent_dimensions + self.classes) * first * area + first  # the generator's dense layer
        count += first * area * hidden + hidden  # the critic's
        count += (hidden + self.minibatch_discrimination + 1) * (1 + self.classes)  # and its last one
        count += (hidden * DISCRIMINATION_SIZE + 1) * self.minibatch_discrimination
        count += 9 * first * (2 * first + grouped) + 2 * first  # the convolutions at the base, one in each
        for narrow, wide in zip(widths[2:], widths[1:], strict=False):  # two convolutions in each
            count += 18 * narrow * (narrow + wide) + 3 * narrow + wide
        if self.batch_norm:  # a scale and a shift for each map, of two layers at each resolution
            count += 4 * sum(widths[1:])
        if self.layer_norm:
            count += 2 * sum(a + b for a, b in pairwise(widths))
        return count + sum(2 * self.channels * width + self.channels + width for width in widths[1:])  # the heads

    def values(self, resolution: int) -> int:
        """Of one image's feature maps."""
        stages = range(1, self.stage(resolution) + 1)
        return sum(2 * self.feature_maps(k) * (self.base_size << (k - 1)) ** 2 for k in stages)

    def resolutions(self, last: int) -> list[int]:
        """All from the base to `last`. Raises ValueError as `stage`."""
        return [self.base_size * 2**k for k in range(self.stage(last))]

    def check_batch(self, resolution: int, batch: int) -> None:
        """Raises ValueError when the feature maps of a batch, or its comparisons, could not be held by any device."""
        super().check_batch(resolution, batch)
        if batch**2 * self.minibatch_discrimination * DISCRIMINATION_SIZE > MOST_VALUES:
            raise ValueError(f"a batch of {batch} is too large for minibatch discrimination; lower the batch")


class Fixed(Networks):
    """What the architectures of one size have."""

    kinds: ClassVar[tuple[str, ...]] = ("fixed",)
    width_key: ClassVar[str] = "networks.width"
    size: ClassVar[int]
    """Pixels per side."""
    latent_size: int = Field(ge=1, le=2**20)
    """Dimensions of the latent."""
    width: int = Field(ge=1, le=2**16)
    """Feature maps of the critic's first layer; those of all others are multiples."""
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

    def parameters(self) -> int:
        """Of generator and critic together, known without building them."""
        raise NotImplementedError

    def resolutions(self, last: int) -> list[int]:
        """The only one. Raises ValueError when it is another, or the networks too large."""
        if last != self.size:
            what = f"networks of architecture {self.architecture} have {self.size}"
            raise ValueError(f"resolution {last}, but {what}; set it to {self.size}")
        check_size(self.parameters(), last, "networks.width or latent_size")
        return [last]


class Dcgan(Fixed):
    """64×64: DCGAN's networks (Radford et al. 2016) as Wasserstein GANs are often built, with labels where wanted.

    A label is embedded twice: as a vector beside the generator's latent, and as a channel beside the critic's image.
    The critic gives a score alone: training.label_weight has no effect.
    """

    size: ClassVar[int] = 64
    architecture: Literal["dcgan"]
    classes: int = Field(ge=0, le=2**20)
    """Number of labels of which generator and critic are told; 0 trains without."""
    label_size: int = Field(ge=1, le=2**20)
    """Dimensions of the generator's embedding of a label; without effect when there are no classes."""
    instance_norm: bool
    """Instance normalisation of the critic's second to fourth layer."""

    @property
    def uses_whole_batch(self) -> list[str]:
        """The generator's batch norm."""
        return ["the batch norm of networks.architecture: dcgan"]

    def parameters(self) -> int:
        """Of generator and critic together."""
        w, c = self.width, self.channels
        down, up = [w, 2 * w, 4 * w, 8 * w], [16 * w, 8 * w, 4 * w, 2 * w]
        inputs = self.latent_size + (self.label_size if self.classes else 0)
        generator = 16 * inputs * up[0] + 2 * sum(up) + 16 * up[-1] * c + c
        critic = 16 * (c + (self.classes > 0)) * w + w + (2 if self.instance_norm else 1) * sum(down[1:])
        critic += 16 * down[-1] + 1
        between = 16 * sum(a * b for a, b in (*pairwise(up), *pairwise(down)))
        return generator + critic + between + self.classes * (self.label_size + self.size**2)

    def values(self, resolution: int) -> int:
        """Of one image's feature maps: maps double where pixels per side are halved."""
        return sum((64 + 32) * self.width * r for r in (4, 8, 16, 32))


class Fish(Fixed):
    """32×32: a small asymmetric WGAN-GP, whose critic uses dropout and the minibatch standard deviation."""

    size: ClassVar[int] = 32
    architecture: Literal["fish"]
    classes: Literal[0] = 0
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

    def parameters(self) -> int:
        """Of generator and critic together."""
        w, c = self.width, self.channels
        generator = (self.latent_size + 1) * 64 * w + (3 * 25 + 16) * w * w + 4 * w + 25 * w * c + c
        critic = 25 * c * w + w + 2 * (16 * w * w + w) + 16 * w * 2 * w + 2 * w + (9 + 16) * 4 * w * w + 4 * w
        return generator + critic + 16 * (2 * w + (self.minibatch_stddev > 0)) + 1

    def values(self, resolution: int) -> int:
        """Of one image's feature maps."""
        generator = self.width * (3 * 8**2 + 2 * 16**2 + 2 * 32**2)
        critic = self.width * (32**2 + 16**2 + 8**2 + 3 * 2 * 4**2)
        return generator + critic


ARCHITECTURES: dict[str, type[Networks]] = {"progressive": Progressive, "dcgan": Dcgan, "fish": Fish}


class Init(Section):
    """What the first phases start from."""

    source: Literal["random", "checkpoint"]
    """`random` draws weights; `checkpoint` takes trained ones (fine-tuning), such as `pgan import` makes."""
    path: PathText
    """The checkpoint's file. It must exist with `random` too, for DVC's sake, but is not read then."""
    resolution: int | None = Field(ge=2)
    """Pixels per side; null means the lowest that the networks can have. A checkpoint of a higher resolution is cut
    down to it."""

    @model_validator(mode="after")
    def _stated(self) -> "Init":
        if self.source == "checkpoint" and self.resolution is None:
            raise ValueError("with source: checkpoint, state the resolution at which the first phase continues it")
        return self

    def size(self, networks: Networks) -> int:
        """The resolution, resolved. Raises ValueError when the networks cannot have it."""
        size = networks.first_resolution if self.resolution is None else self.resolution
        networks.resolutions(size)
        return size
