"""One member of a zip archive, unpacked in memory up to a limit, whatever its header says of its size."""

import bz2
import copy
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Protocol

from pgan.prepare.sources import Refused
from pgan.prepare.sources.tree import MAX_FILE
from pgan.prepare.sources.zstd import MISSING, ZstdError, decompressor

BLOCK = 2**16
"""Packed bytes read at a time."""

ZSTD, XZ = 93, 95

METHODS = {1: "Shrink", 6: "Implode", 9: "Deflate64", 96: "WinZip's JPEG", 97: "WavPack", 98: "PPMd", 99: "AES"}
"""What is not read, by its number in the archive (APPNOTE.TXT, 4.4.5)."""

BROKEN = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, ZstdError, EOFError, NotImplementedError, RuntimeError),
    *(ValueError, struct.error),
)
"""What goes wrong with broken data."""


class _Reader(Protocol):
    def read(self, size: int, /) -> bytes: ...


def unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes | Refused:
    """The whole member, of up to `most` bytes."""
    if info.flag_bits & 1:
        return Refused("encrypted; unpack it with its password and use source: folder")
    try:
        with _opened(archive, info) as member:
            if isinstance(member, Refused):
                return member
            data = member.read(most + 1)
    except BROKEN as error:
        return Refused(f"cannot be unpacked: {error}")
    if len(data) > most:
        return Refused(f"more than the limit of {most} bytes")
    return data if zlib.crc32(data) == info.CRC else Refused("cannot be unpacked: Bad CRC-32, the data are damaged")


def head(archive: zipfile.ZipFile, info: zipfile.ZipInfo, size: int) -> bytes | None:
    """The first bytes of a member; None where they cannot be read."""
    if info.flag_bits & 1 or not is_file(info):
        return None
    try:
        with _opened(archive, info) as member:
            return None if isinstance(member, Refused) else member.read(size)
    except BROKEN:
        return None


def is_file(info: zipfile.ZipInfo) -> bool:
    """Neither a link nor a device."""
    return stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG)


@contextmanager
def _opened(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[_Reader | Refused]:
    """What reads the member; zipfile itself would unpack a block of bzip2 or LZMA at once, however large it is."""
    if info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with archive.open(info) as file:
            yield file
    elif info.compress_type in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, XZ, ZSTD):
        packed = copy.copy(info)  # the same bytes, as if they were stored
        packed.compress_type, packed.file_size = zipfile.ZIP_STORED, info.compress_size
        del packed.CRC  # it is of the unpacked bytes
        with archive.open(packed) as file:
            unpacker = _unpacker(info, file)
            yield Refused(MISSING) if unpacker is None else _Unpacking(file, unpacker, info.file_size)
    else:
        name = METHODS.get(info.compress_type, f"method {info.compress_type}")
        yield Refused(f"compressed with {name}, which is not read; unpack it and use source: folder")


def _unpacker(info: zipfile.ZipInfo, file: Any) -> Any:
    """An object like bz2.BZ2Decompressor."""
    match info.compress_type:
        case zipfile.ZIP_BZIP2:
            return bz2.BZ2Decompressor()
        case zipfile.ZIP_LZMA:
            return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[_lzma_filter(file, info.file_size)])
        case method if method == XZ:
            return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_FILE)
    return decompressor()


def _lzma_filter(file: Any, size: int) -> dict[str, int]:
    """The settings that stand before LZMA data in a zip archive (APPNOTE.TXT, 5.8.8)."""
    header = file.read(9)
    if len(header) < 9 or header[2:4] != b"\5\0" or header[4] >= 9 * 5 * 5:
        raise lzma.LZMAError("broken LZMA header")
    rest, lc = divmod(header[4], 9)
    pb, lp = divmod(rest, 5)
    declared = int.from_bytes(header[5:9], "little")
    needed = max(2**12, min(declared, size, MAX_FILE))  # it is allocated at once, and need not exceed the data
    return {"id": lzma.FILTER_LZMA1, "dict_size": needed, "lc": lc, "lp": lp, "pb": pb}


class _Unpacking:
    """Up to `size` bytes of an unpacked stream, a bounded part at a time."""

    def __init__(self, packed: BinaryIO | Any, unpacker: Any, size: int) -> None:
        self._packed, self._unpacker, self._left = packed, unpacker, size

    def read(self, size: int, /) -> bytes:
        parts = []
        wanted = min(size, self._left)  # LZMA data may have no end mark
        while wanted > 0 and not self._unpacker.eof:
            block = self._packed.read(BLOCK) if self._unpacker.needs_input else b""
            if self._unpacker.needs_input and not block:
                raise EOFError("cut off")
            part = self._decompressed(block, wanted)
            parts.append(part)
            wanted -= len(part)
            self._left -= len(part)
        return b"".join(parts)

    def _decompressed(self, block: bytes, most: int) -> bytes:
        try:
            return self._unpacker.decompress(block, most)
        except OSError as error:  # which bz2 says of broken data
            raise EOFError(str(error)) from None
