"""An encoded file or an array -> an upright 8-bit image, grey or RGB, without transparency."""

from contextlib import suppress
from functools import cache
from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL import Image, features

from pgan.prepare import foreign, formats
from pgan.prepare.unreadable import CONVERT, Unreadable

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000", "AVIF", "HEIF")
"""Formats that Pillow may try: none that runs another program (EPS) or that its first bytes do not tell."""

SUFFIXES = {
    "JPEG": ".jfif .jpe .jpeg .jpg .mpo",
    "PNG": ".apng .png",
    "WEBP": ".webp",
    "BMP": ".bmp",
    "GIF": ".gif",
    "TIFF": ".tif .tiff",
    "PPM": ".pbm .pgm .pnm .ppm",
    "JPEG2000": ".j2c .j2k .jp2 .jpc .jpf .jpx",
    "AVIF": ".avif",
    "HEIF": ".heic .heif .hif",
}
"""Usual endings of files of each format."""

MAX_PIXELS = 2**27
"""An image of more pixels (134 million, 16384 × 8192) counts as broken: as RGB it would take 400 MB to decode."""

SIXTEEN_BIT = ("I", "I;16", "I;16L", "I;16B", "I;16N")
"""Pillow's modes for 16-bit grey."""

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

WHITE: Colour = (255, 255, 255)


class Header(NamedTuple):
    """What an encoded image says of itself, before it is decoded."""

    form: str
    """Pillow's name of the format."""
    mode: str
    """Pillow's name of the kind of pixels: L, RGB, P, I;16 …"""
    has_transparency: bool
    """Pixels may be transparent; whether any is, only the pixels tell."""


def decode(data: bytes, channels: int, background: Colour = WHITE) -> Image.Image:
    """The first frame of an encoded image, in mode L (`channels` 1) or RGB (3).

    Transparency is composited on `background` before colours become grey. EXIF rotation is applied, 16 bits become 8,
    colour profiles are ignored.

    Raises:
        Unreadable: the image is of a kind that would come out wrong, or only half of it is there.
        UnidentifiedImageError: it is no image that can be decoded here; the message says what it is.
        Exception: the data are broken, cut off or too large; Pillow's plugins raise nearly anything.
    """
    return decode_with_header(data, channels, background)[1]


def decode_with_header(data: bytes, channels: int, background: Colour = WHITE) -> tuple[Header, Image.Image]:
    """As `decode`, with what the encoded image says of itself."""
    with _open(formats.before_opening(data)) as image:
        head = Header(image.format or "", image.mode, image.has_transparency_data)
        if image.width * image.height > MAX_PIXELS:
            raise Unreadable(
                f"{image.width} × {image.height} pixels, more than the limit of {MAX_PIXELS}; save it smaller"
            )
        formats.before_loading(image, data)
        image.load()
        formats.after_loading(image, data)
        return head, _upright(image, _opaque(image, channels, background))


def suffixes() -> tuple[str, ...]:
    """Endings of the files that can be decoded here, sorted, in lower case."""
    return tuple(sorted(ending for name in _formats() for ending in SUFFIXES[name].split()))


def from_array(pixels: np.ndarray, channels: int) -> Image.Image:
    """(H, W) or (H, W, 3) uint8 as an image in mode L (`channels` 1) or RGB (3)."""
    return Image.fromarray(pixels).convert("L" if channels == 1 else "RGB")


def _open(data: bytes) -> Image.Image:
    """Pillow's image, not yet decoded."""
    try:
        return Image.open(BytesIO(data), formats=_formats())
    except Image.DecompressionBombError:
        raise Image.DecompressionBombError(f"more pixels than the limit of {MAX_PIXELS}; save it smaller") from None
    except Image.UnidentifiedImageError:
        raise Image.UnidentifiedImageError(foreign.reason(data, _formats())) from None


@cache
def _formats() -> tuple[str, ...]:
    """The FORMATS that can be decoded here: AVIF came with Pillow 11.3, and HEIF takes a plug-in."""
    Image.init()
    with suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener(decode_threads=1, thumbnails=False, depth_images=False, aux_images=False)
    missing = set() if features.check("avif") else {"AVIF"}
    return tuple(name for name in FORMATS if name in Image.OPEN and name not in missing)


def _opaque(image: Image.Image, channels: int, background: Colour) -> Image.Image:
    """Any mode -> L or RGB."""
    mode = "L" if channels == 1 else "RGB"
    if image.mode in SIXTEEN_BIT:
        image = _eight_bits(image)
    if image.mode == "F":
        raise Unreadable(f"floating-point pixels: nothing says which value is white; {CONVERT} of 8 or 16 bits")
    if image.mode == "LAB":  # which Pillow turns into RGB alone
        image = image.convert("RGB")
    if image.has_transparency_data:
        straight = {"La": "LA", "RGBa": "RGBA"}.get(image.mode, image.mode)  # from premultiplied alpha
        colour = image.convert(straight).convert("RGBA")
        page = Image.new("RGB", image.size, background)
        page.paste(colour, mask=colour.getchannel("A"))
        return page.convert(mode)
    return image if image.mode == mode else image.convert(mode)


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey -> 8-bit grey, with transparency where one value stands for it."""
    wide = np.asarray(image)
    if wide.min() < 0 or wide.max() > 65535:
        raise Unreadable(f"32-bit integer pixels: nothing says which value is white; {CONVERT} of 8 or 16 bits")
    white = formats.white(image)
    grey = ((wide.astype(np.uint32) * 255 + white // 2) // white).astype(np.uint8)
    if formats.is_negative(image):
        grey = 255 - grey
    transparent = image.info.get("transparency")
    if not isinstance(transparent, int):
        return Image.fromarray(grey)
    alpha = np.where(wide == transparent, 0, 255).astype(np.uint8)
    return Image.merge("LA", [Image.fromarray(grey), Image.fromarray(alpha)])


def _upright(encoded: Image.Image, image: Image.Image) -> Image.Image:
    """`image` turned as the EXIF block of the file that it came from says."""
    try:
        orientation = encoded.getexif().get(0x0112, 1)
    except Exception:  # a malformed EXIF block spoils the rotation alone, not the picture
        return image
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


_TURNS = {  # EXIF 2.3, tag 0x0112
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
