"""JPEG: what is missing although the file ends as it should.

libjpeg fills up what is missing with grey and warns of it, which Pillow does not pass on. It happens where a program
that lost the rest of a file closed it properly.
"""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import NamedTuple

from PIL import Image

from pgan.prepare.unreadable import GET_AGAIN, Unreadable

_MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])", re.DOTALL)  # all but restarts
_SOS, _EOI = 0xDA, 0xD9
_BARE = (0x01, 0xD8)
"""Markers that nothing follows."""
_NO_FRAME = (0xC4, 0xC8, 0xCC)
"""Tables among the numbers that frames have."""
_MORE = bytes(range(1, 128)) * 16
"""Compressed data that a whole picture has no use for."""


class _Segment(NamedTuple):
    marker: int
    start: int
    """Where its marker stands."""
    body: bytes


_ONE_SCAN = {
    count: re.compile(b"\xff\xda\0" + bytes([6 + 2 * count, count]) + b".{%d}\0\x3f\0" % (2 * count), re.DOTALL)
    for count in (1, 3, 4)
}
"""How a scan begins that holds everything of an image, by the number of its components."""


def refuse_missing_scans(image: Image.Image, data: bytes) -> None:
    """A picture that is built up in several scans must have all of them."""
    whole = _ONE_SCAN.get(len(image.getbands()))
    if "progressive" not in image.info and whole is not None and whole.search(data):
        return
    components: list[int] = []
    last_bit: dict[int, dict[int, int]] = {}  # of each component and coefficient, the lowest bit that came
    for marker, _, body in _segments(data):
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME and len(body) >= 6:
            components = list(body[6::3][: body[5]])
        elif marker == _SOS and body:
            count = body[0]
            scanned = list(body[1 : 1 + 2 * count : 2])
            first, last, bits = body[1 + 2 * count :][:3].ljust(3, b"\0")
            for component in scanned:
                last_bit.setdefault(component, {}).update(dict.fromkeys(range(first, last + 1), bits & 15))
    wanted = [(component, 64 if component == components[0] else 1) for component in components]
    missing = any(any(last_bit.get(c, {}).get(k) is None for k in range(count)) for c, count in wanted)
    if components and (missing or any(bits for levels in last_bit.values() for bits in levels.values())):
        raise Unreadable(f"cut off: a JPEG whose last scans are missing; {GET_AGAIN}")


def refuse_half(image: Image.Image, data: bytes) -> None:
    """Blocks that are missing come out in middle grey, and further data before the end then change some of them.

    Only a picture that ends in such a grey is decoded a second time.
    """
    width, height = image.size
    last = image.getpixel((width - 1, height - 1))
    if not all(120 <= value <= 136 for value in (last if isinstance(last, tuple) else (last,))):  # type: ignore[operator]
        return
    left, top = (width - 1) // 8 * 8, (height - 1) // 8 * 8
    if any(low < 120 or high > 136 for low, high in _ranges(image.crop((left, top, *image.size)))):
        return
    end = next((segment.start for segment in _segments(data) if segment.marker == _EOI), None)
    if end is None:
        return
    with Image.open(BytesIO(data[:end] + _MORE + data[end:]), formats=["JPEG"]) as longer:
        if longer.tobytes() != image.tobytes():
            raise Unreadable(f"cut off: blocks at the end are missing; {GET_AGAIN}")


def _ranges(image: Image.Image) -> list[tuple[float, float]]:
    """The smallest and the largest value in each channel."""
    return [channel.getextrema() for channel in image.split()]  # type: ignore[misc]


def _segments(data: bytes) -> Iterator[_Segment]:
    """The segments up to the end of the first image; what is compressed between them is passed over."""
    at = 0
    while found := _MARKER.search(data, at):
        marker, at = found[1][0], found.end()
        length = 0 if marker in (*_BARE, _EOI) else int.from_bytes(data[at : at + 2], "big")
        yield _Segment(marker, found.start(), data[at + 2 : at + length])
        if marker == _EOI:
            return
        at += length
