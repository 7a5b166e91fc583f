"""Images -> a grid as .png, a folder of single .png files, or one .npy."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from pgan.errors import InputError
from pgan.files import whole_file, whole_folder
from pgan.rendering.grid import gap_of, grid, scale

Name = tuple[int, int | None]
"""Seed and label of an image."""

MOST_PIXELS = 2**28
"""Of one picture; a viewer would hardly open more."""


def write_array(chunks: Iterable[np.ndarray], shape: tuple[int, ...], out: Path) -> None:
    """One uint8 array (N, C, H, W), chunk by chunk: the whole need not fit into memory."""
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with whole_file(out) as part, part.open("wb") as file:  # not mapped: a full disk would then kill the process
        np.lib.format.write_array_header_1_0(file, header)
        for chunk in chunks:
            file.write(np.ascontiguousarray(chunk).data)


def write_folder(chunks: Iterable[np.ndarray], names: list[Name], classes: int, out: Path, enlarge: int) -> None:
    """One file per image: seed0003.png, or seed0003_label7.png."""
    with whole_folder(out) as part:
        files = iter(names)
        for chunk in chunks:
            for image in scale(chunk, chunk.shape[-1] * enlarge):
                picture(image).save(part / file_name(next(files), classes))


def write_grid(chunks: Iterable[np.ndarray], shape: tuple[int, ...], columns: int, out: Path, enlarge: int) -> None:
    """All images in one picture, row by row."""
    check_size(shape[0], columns, shape[-1] * enlarge, out)
    images = np.concatenate(list(chunks))
    with whole_file(out) as part:
        grid(scale(images, shape[-1] * enlarge), columns).save(part, format="PNG")


def file_name(name: Name, classes: int) -> str:
    """Of one image; names sort as the numbers do, up to 10,000 seeds."""
    seed, label = name
    return f"seed{seed:04d}.png" if label is None else f"seed{seed:04d}_label{label:0{len(str(classes - 1))}d}.png"


def picture(image: np.ndarray) -> Image.Image:
    """(C, H, W) -> a picture of mode L or RGB."""
    return Image.fromarray(image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0)))


def check_size(count: int, columns: int, tile: int, out: Path, side: int = 2**16 - 1) -> None:
    """Raises InputError when a grid of `count` tiles would be larger than the format or a viewer can bear."""
    columns = min(columns, count)
    step = tile + gap_of(tile)
    width, height = (n * step + gap_of(tile) for n in (columns, -(-count // columns)))
    if max(width, height) > side or width * height > MOST_PIXELS:
        raise InputError(f"{out}: a picture of {width}×{height} pixels is too large; ask for fewer images at a time")
