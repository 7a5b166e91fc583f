"""What an exported generator is: the small JSON text that travels with its weights or its graph."""

import json
from dataclasses import dataclass
from typing import Any

import pydantic

from pgan.config import first_problem
from pgan.errors import InputError, shown
from pgan.networks.architectures import check_resolution
from pgan.networks.config import LARGEST, Networks

FORMAT = "pgan generator 1"
KEY = "pgan"
"""Under which name the text lies in a file's own metadata."""
LARGEST_TEXT = 2**20
"""Bytes of the text; it has about a thousand."""


@dataclass(frozen=True)
class Description:
    """Architecture and resolution of a generator."""

    networks: Networks
    resolution: int
    """Pixels per side of what it generates."""

    def summary(self) -> str:
        """For a person, in a few words."""
        colour = "grey" if self.networks.channels == 1 else "RGB"
        labels = f", {self.networks.classes} labels" if self.networks.classes else ""
        return f"{self.resolution}×{self.resolution} {colour}, latent {self.networks.latent_dimensions}{labels}"

    def to_json(self) -> str:
        """For the file, and for a reader who knows nothing of this project."""
        n = self.networks
        labels = {"labels": {"shape": ["N"], "type": "int64", "below": n.classes}} if n.classes else {}
        content = {
            "format": FORMAT,
            "resolution": self.resolution,
            "networks": n.model_dump(),
            "inputs": {"latents": {"shape": ["N", n.latent_dimensions], "drawn_from": "N(0, 1)"}} | labels,
            "outputs": {"images": {"shape": ["N", n.channels, self.resolution, self.resolution], "range": [-1, 1]}},
        }
        return json.dumps(content, indent=2) + "\n"


def parse(text: str | bytes, where: str) -> Description:
    """The inverse of `to_json`. Raises InputError, beginning with `where`, on anything else."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError(f"{where}: its description is not valid JSON; export it again") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{where}: not a generator that `pgan export` wrote (format '{FORMAT}')")
    return describe(content.get("networks"), content.get("resolution"), where)


def describe(networks: Any, resolution: Any, where: str) -> Description:
    """A checked description. Raises InputError, beginning with `where`, when it describes no generator."""
    try:
        config = Networks.model_validate(networks)
        if type(resolution) is not int or not 0 < resolution <= LARGEST:
            raise ValueError(f"damaged: resolution {shown(resolution)} is not a number of pixels up to {LARGEST}")
        check_resolution(config, resolution)
        return Description(config, resolution)
    except pydantic.ValidationError as error:
        what = first_problem(error, "networks")
        raise InputError(f"{where}: damaged, or of another version of pgan: {what}") from None
    except (ValueError, OverflowError) as error:
        raise InputError(f"{where}: {error}") from None
