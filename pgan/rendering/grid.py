"""Images -> one picture: whole-number scaling and a grid."""

import numpy as np
from PIL import Image

GROUND = 24
"""Grey level between and around the images, 0 to 255."""


def enlarged(resolution: int, target: int) -> int:
    """The largest whole multiple of `resolution` up to `target` pixels, and at least `resolution` itself."""
    return resolution * max(1, target // resolution)


def fitted(resolution: int, target: int) -> int:
    """As `enlarged`, but an image larger than `target` is halved until it fits or its edge is odd."""
    while resolution > target and resolution % 2 == 0:
        resolution //= 2
    return enlarged(resolution, target)


def scale(images: np.ndarray, size: int) -> np.ndarray:
    """Images of r pixels at `size` pixels: nearest neighbour up, box mean down.

    Args:
        images: uint8 (N, C, r, r); one of r and size is a multiple of the other.

    Returns:
        uint8 (N, C, size, size).
    """
    n, c, r, _ = images.shape
    if size % r == 0:
        return images.repeat(size // r, axis=2).repeat(size // r, axis=3)
    if r % size:
        raise ValueError(f"neither of {r} and {size} pixels is a multiple of the other")
    boxes = images.reshape(n, c, size, r // size, size, r // size)
    return np.rint(boxes.mean(axis=(3, 5))).astype(np.uint8)


def grid(images: np.ndarray, columns: int) -> Image.Image:
    """Images row by row in up to `columns` columns, with a thin gap between and around them.

    Args:
        images: uint8 (N, C, H, W), grey (C = 1) or RGB (C = 3).

    Returns:
        A picture of mode L or RGB.
    """
    n, c, h, w = images.shape
    columns = min(columns, n)
    rows = -(-n // columns)
    gap = gap_of(w)
    picture = np.full((rows * (h + gap) + gap, columns * (w + gap) + gap, c), GROUND, np.uint8)
    for i, image in enumerate(images):
        y, x = gap + i // columns * (h + gap), gap + i % columns * (w + gap)
        picture[y : y + h, x : x + w] = image.transpose(1, 2, 0)
    return Image.fromarray(picture[:, :, 0] if c == 1 else picture)


def side_by_side(pictures: list[Image.Image], in_a_row: int, space: int = 0) -> Image.Image:
    """Pictures of one mode in rows, `space` pixels between them; each keeps its size, and the rest is ground."""
    rows = [pictures[i : i + in_a_row] for i in range(0, len(pictures), in_a_row)]
    width = max(sum(each.width for each in row) + space * (len(row) - 1) for row in rows)
    heights = [max(each.height for each in row) for row in rows]
    ground = GROUND if pictures[0].mode == "L" else (GROUND,) * 3
    whole = Image.new(pictures[0].mode, (width, sum(heights) + space * (len(rows) - 1)), ground)
    top = 0
    for row, height in zip(rows, heights, strict=True):
        left = 0
        for each in row:
            whole.paste(each, (left, top))
            left += each.width + space
        top += height + space
    return whole


def gap_of(tile: int) -> int:
    """Pixels between tiles: visible, but never more than the images deserve."""
    return max(2, tile // 32)


def columns_by_class(columns: int, classes: int) -> int:
    """Columns of a grid in which column i shows class i; all of them where there are no classes."""
    return min(columns, classes) if classes else columns
