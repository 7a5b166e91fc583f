"""BMP: transparency that Pillow overlooks."""

import struct

from pgan.prepare.unreadable import CONVERT, Unreadable


def refuse_misread(data: bytes) -> None:
    """Pixels of 16 bits may have one for transparency. Raises Unreadable."""
    header, depth, compression = *struct.unpack_from("<I", data, 14), *struct.unpack_from("<HI", data, 28)
    if header >= 56 and depth == 16 and compression == 3 and struct.unpack_from("<I", data, 66)[0]:
        raise Unreadable(f"a BMP of 16 bits a pixel with transparency, which Pillow overlooks; {CONVERT}")
