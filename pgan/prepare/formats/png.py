"""PNG: chunks that no picture needs, checksums, rows that are missing, transparent values.

Pillow gives up on a picture whose text or colour profile unpacks to more than 1 MiB, though it needs neither. It does
not compare the checksums of the pixels, and takes rows that are missing for black. It compares a transparent value of
few bits, or of 16 bits in colour, with pixels of eight.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from PIL import Image

from pgan.prepare.unreadable import CONVERT, GET_AGAIN, Unreadable

SIGNATURE = b"\x89PNG\r\n\x1a\n"

ORIENTED = (b"Raw profile type exif", b"XML:com.adobe.xmp")
"""Keywords of texts that may say which side is up."""

MAX_TEXT = 2**20
"""Bytes to which such a text may unpack; one that holds an orientation takes a hundredth."""

NEEDED = (b"tRNS", b"eXIf", b"acTL", b"fcTL", b"fdAT")
"""Chunks that Pillow needs for the picture although they are called ancillary: transparency, orientation, frames."""

GREY, RGB, PALETTE = 0, 2, 3
"""Colour types."""

_SAMPLES = {GREY: 1, RGB: 3, PALETTE: 1, 4: 2, 6: 4}  # by colour type
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Adam7: first column, first row, distance of columns, distance of rows."""


class _Chunk(NamedTuple):
    kind: bytes
    start: int
    """Where its length stands."""
    end: int


def trimmed(data: bytes) -> bytes:
    """The same picture without texts, profiles and whatever else does not change it.

    Raises:
        Unreadable: a checksum says that the pixels are damaged.
    """
    chunks = list(_chunks(data))
    for kind, start, end in chunks:
        if kind == b"IDAT" and zlib.crc32(memoryview(data)[start + 4 : end - 4]) != _number(data, end - 4):
            raise Unreadable(f"damaged: a PNG whose checksum does not fit its pixels; {GET_AGAIN}")
    dropped = [chunk for chunk in chunks if not _is_needed(data, chunk)]
    if not dropped:
        return data
    pieces, at = [], 0
    for _, start, end in dropped:
        pieces.append(data[at:start])
        at = end
    return b"".join([*pieces, data[at:]])


def refuse_misread(data: bytes) -> None:
    """Of 16-bit colours Pillow keeps the high bytes, which do not tell a transparent colour from its neighbours."""
    if data[24] == 16 and data[25] == RGB and any(chunk.kind == b"tRNS" for chunk in _chunks(data)):
        raise Unreadable(f"a 16-bit PNG with one transparent colour, which Pillow misreads; {CONVERT} of 8 bits")


def scale_transparency(image: Image.Image, data: bytes) -> None:
    """Grey of 2 or 4 bits becomes grey of 8 when it is loaded, but the value that means transparent does not."""
    value, bits = image.info.get("transparency"), data[24]
    if data[25] == GREY and bits in (2, 4) and isinstance(value, int):
        image.info["transparency"] = value * 255 // (2**bits - 1)


def refuse_half(image: Image.Image, data: bytes) -> None:
    """Rows that are missing come out black, so that only a picture that ends in black need be looked at again."""
    interlaced = data[28] == 1
    last = image.crop((0, image.height - 1, image.width, image.height))
    if not interlaced and last.getbbox(alpha_only=False) is not None:
        return
    wanted = _size(image.width, image.height, data[24] * _SAMPLES[data[25]], interlaced)
    if _unpacked(data, wanted) < wanted:
        raise Unreadable(f"cut off: rows at the end are missing; {GET_AGAIN}")


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """The chunks that are whole, up to the end of the picture."""
    start = len(SIGNATURE)
    while start + 12 <= len(data):
        kind = data[start + 4 : start + 8]
        end = start + 12 + _number(data, start)
        if end > len(data):
            return
        yield _Chunk(kind, start, end)
        if kind == b"IEND":
            return
        start = end


def _is_needed(data: bytes, chunk: _Chunk) -> bool:
    """Whether the picture would be another one without the chunk, or could not be read."""
    if not chunk.kind[:1].islower() or chunk.kind in NEEDED:
        return True
    if chunk.kind not in (b"tEXt", b"zTXt", b"iTXt"):
        return False
    body = data[chunk.start + 8 : chunk.end - 4]
    keyword, _, rest = body.partition(b"\0")
    return keyword in ORIENTED and len(body) <= MAX_TEXT and _is_small(chunk.kind, rest)


def _is_small(kind: bytes, rest: bytes) -> bool:
    """Whether what follows a text's keyword unpacks to no more than MAX_TEXT."""
    if kind == b"iTXt" and rest[:1] == b"\1":
        packed = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    elif kind == b"zTXt":
        packed = rest[1:]
    else:
        return True
    try:
        return len(zlib.decompressobj().decompress(packed, MAX_TEXT + 1)) <= MAX_TEXT
    except zlib.error:
        return False


def _size(width: int, height: int, bits: int, interlaced: bool) -> int:
    """Bytes of the rows of a picture with `bits` bits a pixel, each with the byte that names its filter."""
    if not interlaced:
        return height * (1 + (width * bits + 7) // 8)
    passes = [(-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in _PASSES]
    return sum(rows * (1 + (columns * bits + 7) // 8) for columns, rows in passes if columns > 0 and rows > 0)


def _unpacked(data: bytes, most: int) -> int:
    """Bytes that the pixels unpack to, counted no further than `most`."""
    unpack, count = zlib.decompressobj(), 0
    for kind, start, end in _chunks(data):
        packed = data[start + 8 : end - 4] if kind == b"IDAT" else b""
        while packed and count < most and not unpack.eof:
            count += len(unpack.decompress(packed, 2**20))
            packed = unpack.unconsumed_tail
    return count + (len(unpack.flush()) if not unpack.eof and count < most else 0)


def _number(data: bytes, at: int) -> int:
    return int(struct.unpack_from(">I", data, at)[0])
