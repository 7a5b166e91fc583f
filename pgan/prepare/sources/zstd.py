"""Zstandard, where a library for it is installed: Python 3.14's own, `backports.zstd` or `zstandard`."""

from importlib import import_module
from typing import Any, BinaryIO

WINDOW = 2**27
"""Bytes that a decoder keeps (128 MiB), which is also zstd's own limit; a frame that asks for more is refused."""

MISSING = "compressed with zstd, and no library for it is here; pip install 'pgan[zstd]', or unpack it"


class MissingLibrary(Exception):
    """There is no library that unpacks zstd."""


def _library() -> Any:
    for name in ("compression.zstd", "backports.zstd", "zstandard"):
        try:
            return import_module(name)
        except ImportError:
            continue
    return None


_zstd = _library()
ZstdError: type[Exception] = _zstd.ZstdError if _zstd else ValueError


def open_zstd(packed: BinaryIO) -> BinaryIO:
    """The unpacked stream, which can be sought forwards. Raises MissingLibrary."""
    if _zstd is None:
        raise MissingLibrary(MISSING)
    if hasattr(_zstd, "ZstdFile"):
        return _zstd.ZstdFile(packed)
    unpacker = _zstd.ZstdDecompressor(max_window_size=WINDOW)
    return unpacker.stream_reader(packed, read_across_frames=True)


def decompressor() -> Any:
    """Of one frame, with the methods of bz2.BZ2Decompressor; None where no library has it."""
    return _zstd.ZstdDecompressor() if hasattr(_zstd, "ZstdFile") else None
