"""Grids of samples as PNG files, for eyes and trackers while a phase trains. No output of the phase depends on them."""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from pgan.errors import InputError, PganError
from pgan.files import check_output, whole_file
from pgan.training.cadence import Cadence

SECONDS = 10.0
"""Shortest time between two previews; longer where they would take too much of it."""
TILE, WIDTH = 48, 2048
"""Pixels: what small images are enlarged to at most, and the largest width of a grid."""
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class LiveFiles:
    """Files to follow while a phase trains."""

    log: Path | None = None
    """CSV: losses and img/s."""
    preview: Path | None = None
    """PNG: a grid of samples, redrawn as the phase trains."""
    pictures: Path | None = None
    """Folder with such a grid for each picture of samples.npy, named by the images shown since `init`: 12000.png."""


NO_FILES = LiveFiles()


class Preview:
    """Draws the grids. A file that cannot be written ends with a warning: training does not need it."""

    def __init__(self, files: LiveFiles, pictures: dict[int, np.ndarray]) -> None:
        """`pictures`: what a resumed phase already has, by the images shown since `init`.

        Raises:
            InputError: `files.preview` is there and is no PNG.
        """
        self._file, self._folder = files.preview, files.pictures
        if self._file is not None:
            _check(self._file)
        if self._folder is not None:
            for old in self._folder.glob("[0-9]*.png"):  # of an earlier run of the phase
                old.unlink(missing_ok=True)
        self._cadence, self._is_told = Cadence(SECONDS), False
        for total_images, images in pictures.items():
            self.keep(images, total_images)

    def due(self) -> bool:
        """Whether it is time for a new preview."""
        return self._file is not None and self._cadence.due()

    def refresh(self, draw: Callable[[], np.ndarray]) -> None:
        """Show what `draw` returns: uint8 (N, C, r, r)."""
        with self._cadence.measured():
            self._show(sheet(draw()))

    def keep(self, images: np.ndarray, total_images: int) -> None:
        """Show a picture of samples.npy, uint8 (N, C, r, r), and keep it; `total_images` were shown since `init`."""
        if self._file is None and self._folder is None:
            return
        with self._cadence.measured():
            picture = sheet(images)
            self._show(picture)
            if self._folder is not None and not _write(picture, self._folder / f"{total_images}.png"):
                self._folder = None

    def _show(self, picture: Image.Image) -> None:
        if self._file is None:
            return
        if not _write(picture, self._file):
            self._file = None
        elif not self._is_told:
            self._is_told = True
            _say(f"samples as they train: {self._file}")


def sheet(images: np.ndarray) -> Image.Image:
    """One picture of all images, row by row, as nearly square as can be.

    Args:
        images: uint8 (N, C, r, r), grey (C = 1) or RGB (C = 3).

    Returns:
        Mode L or RGB. Small images are enlarged by a whole factor; large ones are reduced to fit.
    """
    count, channels, resolution, _ = images.shape
    columns = math.ceil(math.sqrt(count))
    tile = resolution * max(1, TILE // resolution)
    while tile * columns > WIDTH and tile % 2 == 0:
        tile //= 2
    way = Image.Resampling.NEAREST if tile >= resolution else Image.Resampling.BOX
    whole = Image.new("L" if channels == 1 else "RGB", (tile * columns, tile * math.ceil(count / columns)))
    for number, image in enumerate(images):
        picture = Image.fromarray(image[0] if channels == 1 else image.transpose(1, 2, 0))
        row, column = divmod(number, columns)
        whole.paste(picture.resize((tile, tile), way), (tile * column, tile * row))
    return whole


def _check(path: Path) -> None:
    check_output(path)
    if path.is_file() and path.stat().st_size:
        with path.open("rb") as file:
            if file.read(len(PNG)) != PNG:
                raise InputError(f"{path}: exists and is no PNG; choose another --preview")


def _write(picture: Image.Image, path: Path) -> bool:
    """Whether it could be written."""
    try:
        with whole_file(path) as part:
            picture.save(part, "PNG")
    except (PganError, OSError) as error:
        _say(f"warning: no picture of the samples, training continues: {error}")
        return False
    return True


def _say(message: str) -> None:
    tqdm.write(message, file=sys.stderr)
