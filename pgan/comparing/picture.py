"""Grids of all image sets, side by side, the real images first."""

from pathlib import Path

import numpy as np
from PIL import Image

from pgan.prepare.sources import spread
from pgan.rendering.caption import caption, caption_width, credited
from pgan.rendering.grid import fitted, grid, scale, side_by_side

COLUMNS, ROWS = 6, 6
TILE = 64
"""Pixels of an image in a grid, about."""
IN_A_ROW = 4
"""Grids."""
SPACE = 16
"""Pixels between grids."""
LONGEST_NAME = 28
"""Characters of a path in a caption."""


def tiles(pixels: np.ndarray) -> np.ndarray:
    """The images of a grid, spread evenly over a set: uint8 (n, C, r, r)."""
    return np.asarray(pixels[spread(len(pixels), COLUMNS * ROWS)])


def picture(grids: list[tuple[str, np.ndarray]], credits: list[str]) -> Image.Image:
    """Grids under their titles.

    Args:
        grids: title and `tiles` of each set.
        credits: what the picture must say of its sources.
    """
    titled = []
    for title, images in grids:
        part = grid(scale(images, fitted(images.shape[-1], TILE)), COLUMNS)
        titled.append(caption(part, title, width=caption_width(part, title)))
    return credited(side_by_side(titled, IN_A_ROW, SPACE), credits)


def short(path: Path) -> str:
    """The last two parts of a path, or of a long one its end."""
    name = "/".join(path.parts[-2:])
    return name if len(name) <= LONGEST_NAME else f"…{name[-LONGEST_NAME + 1 :]}"
