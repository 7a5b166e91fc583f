"""A tar archive of images, plain or compressed. Nothing is extracted: the archive is read through twice, as a stream.

The first pass lists the names, the second hands over the images; so the order of the pyramid can be that of the names,
as it is for folders and zip archives, although the stream has its own.
"""

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pgan.errors import InputError
from pgan.inputs import open_file
from pgan.prepare.sources import Payload, Refused, Source
from pgan.prepare.sources.tree import ESCAPES, MAX_FILE, classify, in_order, is_image, normalised

MAX_RATIO = 1032
"""How much larger than the archive its content may be. gzip cannot do more; bzip2 and xz could, with bombs alone."""

BLOCK = 2**20
"""Bytes read at a time."""

Member = tarfile.TarInfo


def tar_archive(path: Path, labels: bool) -> Source:
    """Every image in the archive, sorted by name. A name that occurs twice means its last occurrence.

    Raises:
        InputError: `path` is missing or no whole tar archive, or holds no images, or an image lies in no class folder.
    """
    places: dict[str, int] = {}  # name -> number of the member
    escaping = set()
    for number, member, _ in members(path):
        if is_image(member.name):
            inside = normalised(member.name)
            places[inside or member.name] = number
            if inside is None:
                escaping.add(member.name)
    names = in_order(places)
    indices, classes = classify(path, names, labels, frozenset(escaping))

    def read(wanted: np.ndarray) -> Iterator[tuple[int, Payload]]:
        index_of = {places[names[index]]: index for index in wanted}
        for number, member, file in members(path):
            index = index_of.get(number)
            if index is not None:
                yield index, Refused(ESCAPES) if names[index] in escaping else _unpack(member, file)

    return Source(names=names, labels=indices, classes=classes, read=read)


def members(path: Path) -> Iterator[tuple[int, Member, "_Bounded"]]:
    """(number, header, the unpacked stream) of each member, in the order of the archive.

    Raises:
        InputError: the archive is missing, broken, cut off, or unpacks to far more than an archive of images would.
    """
    with _reading(path) as file:
        archive = tarfile.TarFile(fileobj=file)  # type: ignore[arg-type]
        number = 0
        while (member := archive.next()) is not None:
            yield number, member, file
            archive.members.clear()  # type: ignore[attr-defined]  # else every header is kept: a kilobyte for each
            number += 1
        file.finish(archive.offset)  # tarfile takes a broken header for the end


def _unpack(member: Member, file: "_Bounded") -> Payload:
    """The bytes of the member at which the stream stands."""
    if not member.isreg() or member.issparse():
        return Refused("a link or device, not a file")
    if member.size > MAX_FILE:
        return Refused(f"more than the limit of {MAX_FILE} bytes")
    return file.content(member)


class _Bounded:
    """The unpacked stream, as tarfile needs it; refuses to read what would not fit into memory or never end.

    Raises:
        InputError: on such a refusal, and when the compressed stream is broken or cut off.
    """

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._path = path
        self._end = max(2**30, MAX_RATIO * path.stat().st_size)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int) -> bytes:
        if size > MAX_FILE:
            raise InputError(f"{self._path}: a header of {size} bytes; this is no archive of images")
        with self._decoding():
            return self._file.read(size)

    def seek(self, position: int) -> int:
        if position > self._end:
            raise InputError(f"{self._path}: unpacks to more than {MAX_RATIO} times its size: no archive of images")
        with self._decoding():
            return self._file.seek(position)

    def content(self, member: Member) -> bytes:
        """The bytes of a regular member."""
        self.seek(member.offset_data)
        data = self.read(member.size)
        if len(data) < member.size:
            raise InputError(f"{self._path}: the archive is cut off")
        return data

    def finish(self, position: int) -> None:
        """Read on to the end from where the archive should end, with a block of zeros; so checksums are compared."""
        self.seek(position)
        if self.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise InputError(f"{self._path}: the archive is cut off or broken after {position} bytes")
        while self.read(BLOCK):
            self.seek(self.tell())  # which minds the limit

    @contextmanager
    def _decoding(self) -> Iterator[None]:
        try:
            yield
        except EOFError:
            raise InputError(f"{self._path}: the archive is cut off") from None
        except (OSError, lzma.LZMAError, zlib.error) as error:  # OSError: what gzip and bz2 say of broken data
            raise InputError(f"{self._path}: cannot be unpacked: {error}") from None


@contextmanager
def _reading(path: Path) -> Iterator[_Bounded]:
    """The unpacked archive; what goes wrong with its headers becomes an InputError."""
    try:
        with open_file(path) as packed:
            magic = packed.read(6)
            packed.seek(0)
            with _unpacked(packed, magic) as file:
                yield _Bounded(file, path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check prepare.path") from None
    except IsADirectoryError:
        raise InputError(f"{path}: a folder, where an archive was expected") from None
    except (tarfile.TarError, ValueError) as error:
        raise InputError(f"{path}: not a whole tar archive: {error}") from None


def _unpacked(packed: BinaryIO, magic: bytes) -> BinaryIO:
    if magic.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=packed)  # type: ignore[return-value]
    if magic.startswith(b"BZh"):
        return bz2.BZ2File(packed)  # type: ignore[return-value]
    if magic.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMAFile(packed)  # type: ignore[return-value]
    return packed
