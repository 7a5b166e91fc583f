"""Pictures inside the page, as data URIs.  Where one is too large, a smaller copy links to the file."""

import base64
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup
from PIL import Image

from pgan.errors import InputError
from pgan.rendering.config import MOST_FILM_PIXELS, MOST_PIXELS
from pgan.untrusted.inputs import read_bytes

MOST_STILL, MOST_FILM = 2 * 2**20, 8 * 2**20
"""Bytes of a picture, and of a GIF, that goes into the page as it is. In Base64 it takes a third more."""
MOST_FILE = 2**30
"""Bytes of a picture that is read at all."""
PREVIEW = 1600
"""Pixels of the longer side of a smaller copy."""
AGAIN = "draw it again with `pgan render`"


@dataclass(frozen=True)
class Picture:
    """A picture in the page."""

    name: str
    """Of the file."""
    source: Markup
    """A data URI."""
    width: int
    height: int
    """Pixels of the file; a smaller copy is shown at this size at most, too."""
    link: str
    """The file, relative to the page."""
    size: str
    """Of the file, for people."""
    is_reduced: bool
    """A smaller copy, or a single frame of a film."""
    last_frame: Markup
    """Of a film: for print, and for readers who want nothing to move. Otherwise empty."""


def embed(path: Path, page: Path) -> Picture:
    """A PNG or a GIF for a page that will be written to `page`.

    Raises:
        InputError: the file is missing, damaged or no such picture.
    """
    data, picture = _read(path)
    width, height = picture.size
    is_film = picture.format == "GIF"
    is_reduced = len(data) > (MOST_FILM if is_film else MOST_STILL)
    frame = _small(picture) if is_film or is_reduced else Markup("")
    return Picture(
        name=path.name,
        source=frame if is_reduced else _data_uri(data, f"image/{str(picture.format).lower()}"),
        width=width,
        height=height,
        link=relative(path, page),
        size=size(len(data)),
        is_reduced=is_reduced,
        last_frame=frame if is_film and not is_reduced else Markup(""),
    )


def relative(path: Path, page: Path) -> str:
    """The address of a file in a link on a page."""
    return quote(os.path.relpath(path, page.parent).replace(os.sep, "/"))


def size(count: int) -> str:
    """Bytes, for people."""
    return f"{count / 2**20:.1f} MiB" if count >= 2**20 else f"{max(1, round(count / 2**10))} KiB"


def _read(path: Path) -> tuple[bytes, Image.Image]:
    """The bytes and the decoded picture, of a film the last frame."""
    try:
        data = read_bytes(path, MOST_FILE)
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(f"{path}: no such file; {AGAIN}") from None
    try:
        with _without_pillow_s_limit():
            picture = Image.open(io.BytesIO(data), formats=("PNG", "GIF"))
            frames = getattr(picture, "n_frames", 1)
            _check_pixels(path, picture.width * picture.height, frames)
            picture.seek(frames - 1)
            picture.load()
    except InputError:
        raise
    except (OSError, SyntaxError, ValueError, EOFError, IndexError) as error:
        raise InputError(f"{path}: not a PNG or GIF that can be read: {error}; {AGAIN}") from None
    return data, picture


@contextmanager
def _without_pillow_s_limit() -> Iterator[None]:
    """Pillow takes a picture of 180 megapixels for an attack; `_check_pixels` knows what a run may draw."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _check_pixels(path: Path, pixels: int, frames: int) -> None:
    most = 3 * MOST_PIXELS if frames == 1 else 3 * MOST_FILM_PIXELS  # two grids side by side, and captions
    if pixels * frames > most:
        raise InputError(f"{path}: {pixels * frames:,} pixels, more than any picture of a run; {AGAIN}")


def _small(picture: Image.Image) -> Markup:
    """The picture at `PREVIEW` pixels per side at most: a PNG, or a JPEG where that would be too large."""
    picture = picture if picture.mode in ("L", "RGB") else picture.convert("RGB")
    picture.thumbnail((PREVIEW, PREVIEW), Image.Resampling.LANCZOS)
    data = _saved(picture, "PNG")
    if len(data) <= MOST_STILL // 4:
        return _data_uri(data, "image/png")
    return _data_uri(_saved(picture, "JPEG"), "image/jpeg")


def _saved(picture: Image.Image, form: str) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, quality=88, optimize=True)
    return buffer.getvalue()


def _data_uri(data: bytes, kind: str) -> Markup:
    """Safe in HTML: Base64 has none of its special characters."""
    return Markup(f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}")
