"""The parameters of `pgan prepare`: the section `prepare` of params.yaml."""

import re
from contextlib import suppress
from typing import Annotated, Any, Literal, Self

import pydantic

from pgan.config import Channels, OnceEach, PathText, Section

SourceKind = Literal["digits", "idx", "folder", "zip", "tar", "cifar10", "mnist-rgb", "avatars"]
Fit = Literal["crop", "pad"]
Filter = Literal["lanczos", "bicubic", "bilinear", "box", "nearest"]

EMBEDDED = ("digits", "avatars")
"""Sources that come with a package and need no path."""

DRAWN = ("mnist-rgb",)
"""Sources whose images the experiment's seed determines."""

CLASSES = {"digits": 10, "cifar10": 10, "mnist-rgb": 1000}
"""Sources that always have the same number of classes."""

COUNTED = ("mnist-rgb",)
"""Sources whose classes are all kept, with or without an image: their number is what is measured."""

CC0_STYLES = (
    "open-peeps",
    "notionists",
    "lorelei",
    "pixel-art",
    "critters",
    "clay",
    "voxel-art",
    "landscape",
)
"""Styles of DiceBear that are dedicated to the public domain; there are others."""

MAX_RESOLUTION = 4096
"""Pixels: one float32 RGB image of this size is 192 MiB."""


def colour(text: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255, of a name of CSS or `#rrggbb`. Raises ValueError for anything else."""
    if text in _PLAIN:  # the usual ones, without waiting for Pillow
        return _PLAIN[text]
    from PIL import ImageColor

    if re.fullmatch("#[0-9a-fA-F]{6}|[a-zA-Z]+", text):
        with suppress(ValueError):
            red, green, blue = ImageColor.getrgb(text)[:3]
            return red, green, blue
    raise ValueError(f"no colour: {text[:40]!r}; take white, black, a name of CSS such as silver, or '#rrggbb'")


_PLAIN = {"white": (255, 255, 255), "black": (0, 0, 0)}


class Avatars(Section):
    """Faces, figures and scenes that DiceBear draws; for source `avatars` alone."""

    styles: Annotated[list[str], OnceEach] = pydantic.Field(default=list(CC0_STYLES), min_length=1)
    """DiceBear's names of the styles; the default ones are free of conditions (CC0). Each is a class."""

    count: int = pydantic.Field(default=10_000, ge=1, le=1_000_000)
    """Images of all styles together; each style has the same number, up to one."""

    seed: int = pydantic.Field(default=0, ge=0, le=2**63)
    """Which images are drawn. The experiment's own seed does not change them."""

    background: list[str] | None = pydantic.Field(default=None, min_length=1)
    """Colours behind the figures; each image has one. Names of CSS, or '#rrggbb' in quotes. Null: the style's own
    colours, and `prepare.background` for styles that are transparent."""

    accept_licences: list[str] = pydantic.Field(default=[])
    """Names of further licences that you have read and accept, as the error about a style states them."""

    @pydantic.field_validator("background")
    @classmethod
    def _are_colours(cls, value: list[str] | None) -> list[str] | None:
        for name in value or []:
            colour(name)
        return value

    @pydantic.model_validator(mode="after")
    def _one_image_each(self) -> Self:
        if self.count < len(self.styles):
            raise ValueError(f"count {self.count} is less than one image for each of {len(self.styles)} styles")
        return self

    @property
    def background_colours(self) -> tuple[str, ...]:
        """`background` as `#rrggbb`; empty where it is left to the style."""
        return tuple("#{:02x}{:02x}{:02x}".format(*colour(name)) for name in self.background or ())


class MnistRgb(Section):
    """Images of three digits, one in each channel; for source `mnist-rgb` alone."""

    count: int = pydantic.Field(default=100_000, ge=1, le=10_000_000)
    """Images: 4 KB each in the pyramid (the official tool makes 1,000,000 of MNIST's 60,000 digits)."""


class Prepare(Section):
    """From a source of images to a pyramid: one uint8 array per resolution."""

    source: SourceKind
    """Where the images come from. `digits`: embedded. `avatars`: drawn by packages of the extra `avatars`. `idx`: an
    IDX file, plain or .gz. `folder`, `zip`, `tar`: a tree of images. `cifar10`: cifar-10-python.tar.gz or
    cifar-10-binary.tar.gz, its training batches. `mnist-rgb`: three digits of MNIST's IDX file in each image."""

    path: PathText | None = None
    """The file or folder of the source, relative to the folder of the command; embedded sources ignore it."""

    labels_path: PathText | None = None
    """Sources `idx` and `mnist-rgb` alone: the IDX file of the labels; null finds it beside the images by MNIST's
    convention (train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz)."""

    resolution: int = pydantic.Field(ge=2, le=MAX_RESOLUTION)
    """Pixels per side of the largest level: base × 2^k."""

    base: int = pydantic.Field(default=4, ge=2)
    """Pixels per side of the smallest level."""

    channels: Channels = 3
    """1: grey (ITU-R 601 luma). 3: RGB."""

    labels: bool = False
    """Keep the classes. Of a tree of images, they are in its `dataset.json`, or are the first folder level."""

    fit: Fit = "crop"
    """How an image becomes square. `crop`: its centre is kept. `pad`: bars are added on both sides."""

    pad_value: int = pydantic.Field(default=0, ge=0, le=255)
    """The grey of the bars, 0 (black) to 255 (white)."""

    background: str = "white"
    """The colour that shows where an image is transparent: `white`, `black`, a name of CSS, or '#rrggbb' in quotes.
    With 1 channel the image is laid on this colour first, and becomes grey then. Sources without transparency ignore
    it."""

    filter: Filter = "lanczos"
    """Resampling filter that brings an image to `resolution`; all but `nearest` antialias when it shrinks."""

    allow_upscale: bool = False
    """Allow images that are smaller than `resolution`; otherwise they cannot be used."""

    max_skipped: int = pydantic.Field(default=0, ge=0)
    """Images that may be unreadable or too small: they are left out and listed in meta.json. More are an error."""

    max_images: int | None = pydantic.Field(default=None, ge=1)
    """Use no more images than this, spread evenly over the source; null uses all."""

    avatars: Avatars = Avatars()
    """Images of the source `avatars`."""

    mnist_rgb: MnistRgb = MnistRgb()
    """Images of the source `mnist-rgb`."""

    @pydantic.field_validator("background", mode="before")
    @classmethod
    def _quoted(cls, value: Any) -> Any:
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            raise ValueError("expected a colour; put '#rrggbb' in quotes, as # begins a comment in YAML")
        return value

    @pydantic.field_validator("background")
    @classmethod
    def _is_colour(cls, value: str) -> str:
        colour(value)
        return value

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.resolution not in (self.base << k for k in range(14)):
            near = self.base
            while near * 2 <= self.resolution:
                near *= 2
            raise ValueError(
                f"resolution {self.resolution} is not base × 2^k: with base {self.base}, take {near} or {near * 2}"
            )
        if self.path is None and self.source not in EMBEDDED:
            raise ValueError(f"source '{self.source}' needs a path")
        if self.labels_path is not None and self.source not in ("idx", "mnist-rgb"):
            raise ValueError(f"labels_path belongs to source 'idx' or 'mnist-rgb', not to '{self.source}'")
        if self.source == "mnist-rgb" and self.channels != 3:
            raise ValueError("source 'mnist-rgb' has a digit in each of 3 channels; set channels to 3")
        return self

    @property
    def background_colour(self) -> tuple[int, int, int]:
        """Red, green and blue of `background`, 0 to 255."""
        return colour(self.background)

    @property
    def known_classes(self) -> int | None:
        """Classes that the source is known to have before it is read; with few images, some may be missing."""
        if self.max_images is not None:
            return None
        return len(self.avatars.styles) if self.source == "avatars" else CLASSES.get(self.source)

    @property
    def levels(self) -> list[int]:
        """Resolutions in pixels, ascending from `base` to `resolution`."""
        return [self.base << k for k in range((self.resolution // self.base).bit_length())]
