"""What the parameters of all networks have in common, and the section `init` of params.yaml."""

from typing import Any, ClassVar, Literal

from pydantic import Field, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from pgan.config import Channels, PathText, Section

LARGEST = 8192
"""Pixels per side."""
MOST_VALUES = 2**35
"""Limit of the values in one network's feature maps for one batch: 128 GiB in float32."""

SECTIONS: dict[str, type["Networks"]] = {}
"""The parameters of each architecture by its name; `architectures.py` fills it."""
DEFAULT = "progressive"
"""The architecture of files that name none: those written when there was only one."""


class Networks(Section):
    """What all architectures have; `Networks.model_validate` returns the section of the one that its input names.

    Example: `Networks.model_validate({"architecture": "dcgan", …})` returns a `Dcgan`.
    """

    kinds: ClassVar[tuple[str, ...]]
    """The kinds of phases in which such networks train."""
    width_key: ClassVar[str]
    """The parameter that makes them narrower, and smaller in memory."""
    size_keys: ClassVar[str]
    """The parameters that make them smaller, for messages."""
    modest: ClassVar[dict[str, int]] = {}
    """Sizes up to which the networks fit at every resolution, by field: they need not be built to know it.

    A test builds the largest. Left empty, the networks are always built."""
    architecture: str
    """Which networks. Progressive ones grow, in phases of kind stabilize and grow; the others have one size, and train
    in phases of kind fixed."""
    channels: Channels
    """Image channels: 1 grey, 3 RGB. Must match prepare.channels."""
    classes: int
    """Number of labels; 0 trains without."""

    @model_validator(mode="wrap")
    @classmethod
    def _named(cls, value: Any, handler: ModelWrapValidatorHandler["Networks"]) -> "Networks":
        if cls is not Networks or not isinstance(value, dict):
            return handler(value)
        name = value.get("architecture", DEFAULT)
        if not isinstance(name, str) or name not in SECTIONS:
            *others, last = map(repr, SECTIONS)
            known = {"expected": f"{', '.join(others)} or {last}"}
            error = InitErrorDetails(type="literal_error", loc=("architecture",), input=name, ctx=known)
            raise ValidationError.from_exception_data("Networks", [error])
        return SECTIONS[name].model_validate(value)

    @classmethod
    def names(cls) -> list[str]:
        """The keys, as they stand in a parameter file; on `Networks` itself, the keys of all architectures."""
        every = [cls, *SECTIONS.values()] if cls is Networks else [cls]
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
        """Size of the groups of samples that the critic compares (minibatch stddev); 0: it compares none."""
        return 0

    @property
    def uses_whole_batch(self) -> list[str]:
        """What in these networks looks at all samples of a batch, so that no process can work on a share of it."""
        return []

    @property
    def is_modest(self) -> bool:
        """Whether all sizes are so small that the networks fit at every resolution."""
        return bool(self.modest) and all((getattr(self, key) or 0) <= limit for key, limit in self.modest.items())

    def resolutions(self, last: int) -> list[int]:
        """All resolutions through which the networks have grown, up to `last`.

        Raises:
            ValueError: such networks cannot have that resolution.
        """
        raise NotImplementedError

    def values(self, resolution: int) -> int:
        """The number of values in one image's feature maps, in both networks or a little more."""
        raise NotImplementedError

    def operations(self, resolution: int) -> float:
        """What one image costs in training, in a unit of its own: to compare resolutions of the same networks."""
        return float(self.values(resolution))

    def check_batch(self, resolution: int, batch: int) -> None:
        """Raises ValueError when no device could hold the feature maps of a batch."""
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
        """The parameters, with null replaced by what it stands for."""
        return self.model_dump()


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
