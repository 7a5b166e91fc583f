"""Why no image came out of a file, and what to do about it."""

import re

from pgan.prepare.signatures import EMPTY, NO_DECODER, ZEROS, identify
from pgan.prepare.unreadable import CONVERT, GET_AGAIN

UNKNOWN = "no image that Pillow can read; remove it, or convert it to PNG"
"""Where the first bytes tell nothing."""

_NO_IMAGES = ("archive", "data", "lmdb", "other")
"""Groups of files that no one would call an image, whatever their ending says."""

_CALLED = {"JPEG2000": "a JPEG 2000", "WEBP": "a WebP", "AVIF": "an AVIF", "HEIF": "a HEIC"}
"""Formats that have another name for people than for Pillow."""

_FRAME = re.compile(rb"\xff([\xc0-\xcf\xf7])..(.)", re.DOTALL)


def reason(data: bytes, formats: tuple[str, ...]) -> str:
    """Why Pillow, which knows `formats`, made nothing of a file, and what to do."""
    kind = identify(data)
    if kind is None:
        return UNKNOWN
    if kind.group == "image":
        return _rare_or_damaged(kind.name, data, formats)
    no_image = kind.group in _NO_IMAGES and kind not in (EMPTY, ZEROS)
    return f"{kind.name}{', not an image' if no_image else ''}; {kind.advice}"


def _rare_or_damaged(name: str, data: bytes, formats: tuple[str, ...]) -> str:
    """Of a format that is read where its decoder is there."""
    if name not in formats:
        return NO_DECODER.get(name, NO_DECODER["unread"])
    if name == "JPEG":
        return _jpeg(data)
    if name == "PNG" and data[12:16] == b"CgBI":
        return f"a PNG in the form of Apple's programs; {CONVERT} again, for example with `sips -s format png`"
    if name == "TIFF":
        return f"a TIFF of a kind that Pillow cannot read, or damaged; {CONVERT} of 8 bits, or {GET_AGAIN}"
    called = _CALLED.get(name, f"a {name}")
    if name in ("WEBP", "AVIF", "HEIF"):
        return f"{called} that is damaged or cut off; {GET_AGAIN}"
    return f"{called} that is damaged or of a kind that Pillow cannot read; {GET_AGAIN}, or {CONVERT}"


def _jpeg(data: bytes) -> str:
    """Kinds of JPEG that hardly any program reads."""
    frame = next((m for m in _FRAME.finditer(data) if m[1] not in b"\xc4\xc8\xcc"), None)
    if frame is None:
        return f"a JPEG without a picture, cut off or damaged; {GET_AGAIN}"
    if frame[1] == b"\xf7":
        return f"JPEG-LS; {CONVERT}"
    if frame[2] != b"\x08":
        return f"a JPEG of {frame[2][0]} bits a channel, which Pillow cannot read; {CONVERT} of 8 bits"
    return f"a JPEG that is damaged or of a kind that Pillow cannot read; {GET_AGAIN}, or {CONVERT}"
