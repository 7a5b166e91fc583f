"""WebP, AVIF and HEIC: files whose rest is zeros.

A download or a copy that broke off may leave a file of the full length. These three decoders then make something up.
"""

from collections.abc import Iterator

from pgan.prepare.unreadable import GET_AGAIN, Unreadable

MOST_ZEROS = 256
"""Bytes at the end of compressed pixels: entropy-coded data have no such run, but a container may have some padding."""

SHARE = 1 / 16
"""… and what part of the pixels they make up at least."""

_WEBP_PIXELS = (b"VP8 ", b"VP8L", b"ALPH")


def refuse_zeros(data: bytes) -> None:
    """Raises Unreadable if the compressed pixels end in zeros."""
    for pixels in _webp(data) if data.startswith(b"RIFF") else _boxes(data):
        zeros = len(pixels) - len(pixels.rstrip(b"\0"))
        if zeros > max(MOST_ZEROS, SHARE * len(pixels)):
            raise Unreadable(f"damaged: its last {zeros} bytes are zeros, as after a broken download; {GET_AGAIN}")


def _webp(data: bytes) -> Iterator[bytes]:
    """The chunks of a WebP file that hold pixels."""
    at = 12
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if kind in _WEBP_PIXELS:
            yield data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _boxes(data: bytes) -> Iterator[bytes]:
    """The boxes of a file of ISO 14496-12 that hold pixels."""
    at = 0
    while at + 8 <= len(data):
        size, kind, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        size = size or len(data) - at
        if size < head:
            return
        if kind == b"mdat":
            yield data[at + head : at + size]
        at += size
