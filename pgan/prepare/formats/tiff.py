"""TIFF: the combinations of its tags that Pillow reads otherwise than they mean.

What is refused here was found by comparing Pillow with tifffile over the combinations of samples, bits, planes, byte
orders, compressions, strips and tiles; a test does so again.
"""

from typing import Any

from PIL import Image, ImagePalette

from pgan.prepare.signatures import ADVICE
from pgan.prepare.unreadable import CONVERT, GET_AGAIN, Unreadable

SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
STRIPS, SAMPLES, ROWS, PLANAR = 273, 277, 278, 284
COLOUR_MAP, TILE_WIDTH, TILE_HEIGHT, TILES, SUB_IFDS, FORMATS, SUBSAMPLING = 320, 322, 323, 324, 330, 339, 530
DNG = 50706
"""Tags."""

CANON = b"CR"
"""After the header of a raw image of Canon's."""

WHITE_IS_ZERO, YCBCR = 0, 6
"""Values of PHOTOMETRIC."""

RAW, SIGNED, SEPARATE = 1, 2, 2
"""Values of COMPRESSION, FORMATS and PLANAR."""


def refuse_misread(image: Image.Image, data: bytes) -> None:
    """Raise Unreadable if Pillow would read wrong pixels, or only some of them. Mends a colour map of 8 bits."""
    bits, planes = max(_tag(image, BITS, 1)), _tag(image, SAMPLES, 1)[0]
    raw = _tag(image, COMPRESSION, RAW)[0] == RAW
    if _is_preview(image, data):
        raise Unreadable(f"a camera's raw image; Pillow reads only its preview; {ADVICE['raw']}")
    if SIGNED in _tag(image, FORMATS, 1) and bits <= 16:
        raise Unreadable(f"a TIFF of signed numbers: nothing says which value is white; {CONVERT}")
    if _tag(image, PLANAR, 1)[0] == SEPARATE and planes > 1:
        if bits > 8 and raw:
            raise Unreadable(f"a TIFF of {bits} bits in separate planes, which Pillow misreads; {CONVERT}")
        if image.mode not in ("L", "I;16", "RGB", "RGBA", "CMYK"):
            raise Unreadable(f"a TIFF with separate planes of a kind that Pillow misreads; {CONVERT}")
    if _tag(image, PHOTOMETRIC, 1)[0] == YCBCR and raw and _tag(image, SUBSAMPLING, 2) != (1, 1) and planes == 3:
        raise Unreadable(f"a TIFF of YCbCr with fewer colours than pixels, which Pillow misreads; {CONVERT}")
    _refuse_missing(image, planes)
    _mend_colour_map(image)


def white(image: Image.Image) -> int:
    """The value that means white: Pillow leaves 12 bits as they are."""
    return 4095 if _tag(image, BITS, 1) == (12,) else 65535


def is_negative(image: Image.Image) -> bool:
    """Whether 0 means white, which Pillow heeds up to 8 bits."""
    return _tag(image, PHOTOMETRIC, 1)[0] == WHITE_IS_ZERO


def _is_preview(image: Image.Image, data: bytes) -> bool:
    """Whether the first image is a small stand-in for another one in the file."""
    is_more = SUB_IFDS in _tags(image) or getattr(image, "is_animated", False)
    return data[8:10] == CANON or DNG in _tags(image) or (bool(_tag(image, SUBFILE, 0)[0] & 1) and is_more)


def _refuse_missing(image: Image.Image, planes: int) -> None:
    """Pillow leaves black what no strip or tile covers, and looks for one at offset 0 in the file's header."""
    columns, rows = _tag(image, WIDTH, 0)[0], _tag(image, HEIGHT, 0)[0]  # before any rotation
    offsets, width, height = (
        (STRIPS, columns, _tag(image, ROWS, rows)[0])
        if STRIPS in _tags(image)
        else (TILES, _tag(image, TILE_WIDTH, columns)[0], _tag(image, TILE_HEIGHT, rows)[0])
    )
    if offsets not in _tags(image) or not width or not height:
        return
    wanted = -(-columns // width) * -(-rows // height)
    wanted *= planes if _tag(image, PLANAR, 1)[0] == SEPARATE else 1
    there = sum(offset != 0 for offset in _tag(image, offsets, 0)[:wanted])
    if there < wanted:
        raise Unreadable(f"{wanted - there} of the {wanted} parts of this TIFF are missing; {GET_AGAIN}")


def _mend_colour_map(image: Image.Image) -> None:
    """Some programs write colour maps of 8 bits where the format has 16."""
    values = _tag(image, COLOUR_MAP, 0)
    if image.mode in ("P", "PA") and max(values) < 256:
        image.palette = ImagePalette.raw("RGB;L", bytes(values))


def _tags(image: Image.Image) -> Any:
    return image.tag_v2  # type: ignore[attr-defined]


def _tag(image: Image.Image, tag: int, default: int) -> tuple[int, ...]:
    """The values of a tag."""
    value = _tags(image).get(tag, default)
    return value if isinstance(value, tuple) else (value,)
