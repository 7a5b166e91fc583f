"""JPEG 2000: colours of more than 8 bits."""

from pgan.prepare.unreadable import CONVERT, Unreadable

_SIZE = b"\xff\x4f\xff\x51"
"""The beginning of the compressed image: its size, and the depth of each channel."""


def refuse_misread(data: bytes) -> None:
    """Pillow rounds the brightest values of deep colours up to 256, which comes out black. Raises Unreadable."""
    at = data.find(_SIZE)
    channels = int.from_bytes(data[at + 40 : at + 42], "big")
    depths = [(depth & 127) + 1 for depth in data[at + 42 : at + 42 + 3 * channels : 3]]
    if at >= 0 and channels > 1 and max(depths, default=8) > 8:
        raise Unreadable(f"a JPEG 2000 of {max(depths)} bits a channel, which Pillow misreads; {CONVERT}")
