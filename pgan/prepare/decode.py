"""An encoded file or an array -> an upright 8-bit image, grey or RGB, without transparency."""

from functools import cache
from io import BytesIO

import numpy as np
from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000", "AVIF")
"""Formats that Pillow may try: none that runs another program (EPS) or that its first bytes do not tell."""

MAX_PIXELS = 2**27
"""An image of more pixels (134 million, 16384 × 8192) counts as broken: as RGB it would take 400 MB to decode."""

SIXTEEN_BIT = ("I", "I;16", "I;16L", "I;16B", "I;16N")
"""Pillow's modes for 16-bit grey."""


def decode(data: bytes, channels: int) -> Image.Image:
    """The first frame of an encoded image, in mode L (`channels` 1) or RGB (3).

    Transparency is composited on white, EXIF rotation is applied, 16 bits become 8, colour profiles are ignored.

    Raises:
        Exception: the data are broken, cut off, too large, or no image; Pillow's plugins raise nearly anything.
    """
    with Image.open(BytesIO(data), formats=_formats()) as image:
        if image.width * image.height > MAX_PIXELS:
            raise ValueError(f"{image.width} × {image.height} pixels, more than the limit of {MAX_PIXELS}")
        image.load()
        return _upright(image, _opaque(image, channels))


def from_array(pixels: np.ndarray, channels: int) -> Image.Image:
    """(H, W) or (H, W, 3) uint8 as an image in mode L (`channels` 1) or RGB (3)."""
    return Image.fromarray(pixels).convert("L" if channels == 1 else "RGB")


def formats() -> tuple[str, ...]:
    """The formats that can be decoded here."""
    return _formats()


@cache
def _formats() -> tuple[str, ...]:
    """Those of FORMATS that this build of Pillow knows: AVIF came with Pillow 11.3."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _opaque(image: Image.Image, channels: int) -> Image.Image:
    """Any mode -> L or RGB."""
    mode = "L" if channels == 1 else "RGB"
    if image.mode in SIXTEEN_BIT:
        return _eight_bits(image).convert(mode)
    if image.mode == "F":
        raise ValueError("floating-point pixels, of which nothing says what white is")
    if image.has_transparency_data:
        straight = {"La": "LA", "RGBa": "RGBA"}.get(image.mode, image.mode)  # from premultiplied alpha
        colour = image.convert(straight).convert("RGBA")
        page = Image.new("RGB", image.size, "white")
        page.paste(colour, mask=colour.getchannel("A"))
        return page.convert(mode)
    return image if image.mode == mode else image.convert(mode)


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey -> 8-bit grey: 65535 becomes 255; the value that stands for transparency becomes white."""
    wide = np.asarray(image)
    if wide.min() < 0 or wide.max() > 65535:
        raise ValueError("32-bit integer pixels, of which nothing says what white is")
    grey = ((wide.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey[wide == transparent] = 255
    return Image.fromarray(grey)


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
