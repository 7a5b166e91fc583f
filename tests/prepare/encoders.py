"""Files that Pillow does not write, put together byte by byte."""

import struct
import zlib
from collections.abc import Sequence
from io import BytesIO

import numpy as np
from PIL import Image

PNG = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""From upright to how an image of that EXIF orientation is stored."""


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    """By Pillow."""
    file = BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    """Of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(values: np.ndarray, bits: int, kind: int, extra: bytes = b"", rows: int | None = None) -> bytes:
    """(H, W, C) values of so many bits as a PNG of a colour type; only the first `rows` are there."""
    height, width, _ = values.shape
    if bits == 16:
        lines = [line.astype(">u2").tobytes() for line in values]
    else:
        lines = [np.packbits(np.unpackbits(line.reshape(-1, 1), axis=1)[:, 8 - bits :]).tobytes() for line in values]
    pixels = zlib.compress(b"".join(b"\0" + line for line in lines[:rows]))
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    return PNG + chunk(b"IHDR", header) + extra + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def tiff(shape: tuple[int, int], pixels: bytes, order: str = "<", **tags: Sequence[int]) -> bytes:
    """A TIFF of (height, width) with one strip of pixels, unless `tags` (t258=[8, 8, 8]) say otherwise."""
    height, width = shape
    numbers = {256: [width], 257: [height], 258: [8], 259: [1], 262: [1], 273: [8], 277: [1], 278: [height]}
    numbers |= {279: [len(pixels)]} | {int(name[1:]): list(values) for name, values in tags.items()}
    if 324 in numbers:  # tiles instead
        for tag in (273, 278, 279):
            del numbers[tag]
    pixels += bytes(len(pixels) % 2)
    at = 8 + len(pixels) + 2 + 12 * len(numbers) + 4
    entries, rest = b"", b""
    for tag, values in sorted(numbers.items()):
        body = struct.pack(f"{order}{len(values)}I", *values)
        if len(values) > 1:
            rest, body = rest + body, struct.pack(f"{order}I", at + len(rest))
        entries += struct.pack(f"{order}HHI", tag, 4, len(values)) + body
    magic = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8 + len(pixels))
    return magic + pixels + struct.pack(f"{order}H", len(numbers)) + entries + bytes(4) + rest


def bmp(pixels: np.ndarray, masks: Sequence[int]) -> bytes:
    """(H, W) uint16 with masks of red, green, blue and alpha; an even width."""
    height, width = pixels.shape
    info = struct.pack("<IiiHHIIiiII", 56, width, -height, 1, 16, 3, pixels.nbytes, 0, 0, 0, 0)
    info += struct.pack("<4I", *masks)
    return b"BM" + struct.pack("<IHHI", 70 + pixels.nbytes, 0, 0, 70) + info + pixels.astype("<u2").tobytes()
