"""nearest.png: generated images beside the training images that are nearest to them. Are they copies?"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pydantic
from PIL import Image
from pydantic import Field

from pgan.config import first_problem
from pgan.errors import InputError
from pgan.rendering.caption import caption, caption_width
from pgan.rendering.config import Render
from pgan.rendering.grid import enlarged, gap_of, grid, scale, side_by_side
from pgan.untrusted.arrays import open_array
from pgan.untrusted.inputs import read_json

NUMBERS, IMAGES = "nearest.json", "nearest.npy"
Distance = Annotated[float, Field(ge=0, lt=1e100, strict=True)]
Count = Annotated[int, Field(ge=0, strict=True)]
ONLY_THESE = pydantic.ConfigDict(extra="forbid")


@pydantic.dataclasses.dataclass(frozen=True, config=ONLY_THESE)
class Row:
    """One generated image and its nearest real ones; as `pgan evaluate` wrote it."""

    generated: Count
    closest: pydantic.StrictBool
    real: list[Count]
    distances: list[Distance]


@pydantic.dataclasses.dataclass(frozen=True, config=ONLY_THESE)
class Numbers:
    """What nearest.json says."""

    rows: list[Row]
    searched: Count
    real_images: Count
    between_reals: Distance


@dataclass(frozen=True, eq=False)
class Nearest:
    """What was found of one phase."""

    images: np.ndarray
    """uint8 (n, 1 + k, C, r, r): a generated image, then its nearest real ones."""
    numbers: Numbers


def read_nearest(evaluate: Path, phase: str) -> Nearest | None:
    """What `pgan evaluate` found; None where it found nothing, or was not asked to look.

    Raises:
        InputError: the files are not what it writes.
    """
    path, file = evaluate / phase / NUMBERS, evaluate / phase / IMAGES
    again = f"evaluate the phase '{phase}' again"
    if not path.exists() and not file.exists():
        return None
    try:
        numbers = Numbers(**read_json(path))
        if not numbers.rows:
            return None
        images = open_array(file)
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(f"{path.parent}: {NUMBERS} or {IMAGES} is no file; {again}") from None
    except InputError as error:
        raise InputError(f"{error}; {again}") from None
    except (ValueError, TypeError) as error:
        reason = first_problem(error) if isinstance(error, pydantic.ValidationError) else error
        raise InputError(f"{path}: not a list of nearest images: {reason}; {again}") from None
    shown, lengths = len(numbers.rows), {len(row.distances) for row in numbers.rows}
    if images.dtype != np.uint8 or images.ndim != 5 or not _fits(images.shape, shown, lengths):
        found = f"found {images.dtype} {images.shape} for {shown} rows"
        raise InputError(f"{file}: does not fit {NUMBERS}: {found}; {again}")
    return Nearest(images, numbers)


def _fits(shape: tuple[int, ...], rows: int, lengths: set[int]) -> bool:
    """Whether these are `rows` rows of square images, a generated one and a real one for each distance."""
    count, columns, channels, height, width = shape
    return count == rows and lengths <= {columns - 1} and channels in (1, 3) and height == width > 0


def nearest_picture(nearest: Nearest, settings: Render) -> Image.Image:
    """Two blocks: the generated images that are nearest to a real one, and the first of the others.

    A row is a generated image and its nearest real images, each under its distance. The unit is the median distance
    from a real image to the nearest other one: below about 1/2, it is time to look.
    """
    rows = list(zip(nearest.images, nearest.numbers.rows, strict=True))
    blocks = []
    for closest, title in ((True, f"nearest of {nearest.numbers.searched:,}"), (False, "others")):
        chosen = [
            _row(images, row, nearest.numbers.between_reals, settings) for images, row in rows if row.closest == closest
        ]
        if chosen:
            block = side_by_side(chosen, in_a_row=1)
            blocks.append(caption(block, title, width=caption_width(block, title)))
    picture = side_by_side(blocks, in_a_row=2, space=6 * gap_of(enlarged(nearest.images.shape[-1], settings.tile)))
    what = f"generated, and the nearest of {nearest.numbers.real_images:,} real images"
    unit = "1 = usual between real images" if nearest.numbers.between_reals else ""
    return caption(picture, what, unit, width=caption_width(picture, what, unit))


def _row(images: np.ndarray, row: Row, unit: float, settings: Render) -> Image.Image:
    tiles = scale(images, enlarged(images.shape[-1], settings.tile))
    generated, *real = (grid(tile[None], 1) for tile in tiles)
    distances = [distance / unit if unit else distance for distance in row.distances]
    parts = [caption(generated, f"#{row.generated}")]
    parts += [
        caption(tile, f"{distance:.2f}" if distance < 100 else f"{distance:.0e}")
        for tile, distance in zip(real, distances, strict=True)
    ]
    return side_by_side(parts, in_a_row=len(parts))
