"""A tar archive of images, plain or compressed. Nothing is extracted: the archive is read through twice, as a stream.

The first pass lists the names, the second hands over the images. So the pyramid can have the order of the names, as it
has for folders and zip archives, although the stream has its own.
"""

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pgan.errors import InputError
from pgan.prepare.signatures import HEAD
from pgan.prepare.sources import Payload, Refused, Source
from pgan.prepare.sources.archive import JOIN, numbered_like, what_else
from pgan.prepare.sources.classes import classify
from pgan.prepare.sources.dataset_json import MOST_BYTES
from pgan.prepare.sources.kinds import is_part
from pgan.prepare.sources.left_out import LeftOut
from pgan.prepare.sources.links import hard, symbolic
from pgan.prepare.sources.members import Members
from pgan.prepare.sources.tree import DESCRIPTION, MAX_FILE
from pgan.prepare.sources.zstd import MissingLibrary, ZstdError, open_zstd
from pgan.untrusted.inputs import open_file

MAX_RATIO = 1032
"""How much larger than the archive its content may be. gzip cannot do more; bzip2 and xz could, with bombs alone."""

BLOCK = 2**20
"""Bytes read at a time."""

MOST_PADDING = 2**24
"""Bytes of zeros after an archive's end among which another archive may begin (16 MiB): tar writes up to a record."""

Member = tarfile.TarInfo


def tar_archive(path: Path, labels: bool) -> Source:
    """Every image in the archive, sorted by name. A name that occurs twice means its last occurrence.

    Raises:
        InputError: `path` is missing or no whole tar archive; or its images or classes are not what `classify` expects.
    """
    listed, description, left_out = _list(path, labels)
    found = classify(path, listed.names, listed.listing, labels, listed.escaping, lambda _: description)

    def read(wanted: np.ndarray) -> Iterator[tuple[int, Payload]]:
        index_of: dict[int, int] = {}
        also: dict[int, list[int]] = {}  # the images that are links to the same member
        for index in wanted:
            name = found.names[index]
            if name in listed.refused:
                yield index, Refused(listed.refused[name])
            elif index_of.setdefault(listed.images[name], index) != index:
                also.setdefault(listed.images[name], []).append(index)
        for number, member, file in members(path):
            first = index_of.get(number)
            if first is None:
                continue
            payload = _unpack(member, file)
            yield first, payload
            for index in also.get(number, ()):
                file.count_again(member.size)
                yield index, payload

    return Source(
        names=found.names,
        labels=found.labels,
        classes=found.classes,
        read=read,
        left_out=found.left_out + left_out,
        notes=found.notes + numbered_like(path),
    )


def _list(path: Path, labels: bool) -> tuple[Members[int], bytes, list[LeftOut]]:
    """The first pass: all members by number; `dataset.json` if it is needed; what stands after the archive's end."""
    listed: Members[int] = Members()
    description, stream = b"", None
    for number, member, stream in members(path):
        _add(listed, number, member, stream)
        name = listed.listing.description if labels and member.name.endswith(DESCRIPTION) else None
        if name is not None and listed.descriptions.get(name) == number:
            description = _description(path, member, stream)  # now: the stream does not come back to it
    listed.follow_links()
    left_out = []
    if stream is not None and stream.trailing:
        left_out.append(LeftOut("pieces of data after the archive", 1, "not read: no tar archive"))
    return listed, description, left_out


def _add(listed: Members[int], number: int, member: Member, file: "_Bounded") -> None:
    if member.isdir():
        listed.add_folder(member.name)
    elif member.issym():
        listed.add_link(member.name, lambda name: symbolic(name, member.linkname))
    elif member.islnk():
        listed.add_link(member.name, lambda _: hard(member.linkname))
    else:
        listed.add_file(member.name, number, partial(_head, member, file))


def _description(path: Path, member: Member, file: "_Bounded") -> bytes:
    if not _is_plain(member) or member.size > MOST_BYTES:
        raise InputError(f"{path}: {member.name}: {member.size} bytes, more than the limit of {MOST_BYTES}, or no file")
    return file.content(member)


def _head(member: Member, file: "_Bounded") -> bytes | None:
    """The first bytes of the member at which the stream stands; None where it has none."""
    if not _is_plain(member):
        return None
    file.seek(member.offset_data)
    return file.read(min(HEAD, member.size))


def members(path: Path) -> Iterator[tuple[int, Member, "_Bounded"]]:
    """(number, header, the unpacked stream) of each member, in the order of the archive.

    An archive after the archive's end (`cat a.tar b.tar`) is read as well.

    Raises:
        InputError: the archive is missing, broken, cut off, or unpacks to far more than an archive of images would.
    """
    with _reading(path) as file:
        number = 0
        more = True
        while more:
            archive = tarfile.TarFile(fileobj=file)  # type: ignore[arg-type]
            while (member := archive.next()) is not None:
                yield number, member, file
                archive.members.clear()  # type: ignore[attr-defined]  # else every header is kept: a kilobyte for each
                number += 1
            more = file.finds_another(archive.offset)


def _unpack(member: Member, file: "_Bounded") -> Payload:
    """The bytes of the member at which the stream stands."""
    if not _is_plain(member):
        return Refused("a device or a sparse file")
    if member.size > MAX_FILE:
        return Refused(f"more than the limit of {MAX_FILE} bytes")
    return file.content(member)


def _is_plain(member: Member) -> bool:
    return member.isreg() and not member.issparse()


class _Bounded:
    """The unpacked stream, as tarfile needs it; refuses to read what would not fit into memory or never end.

    Raises:
        InputError: on such a refusal, and when the compressed stream is broken or cut off.
    """

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._path = path
        self._end = max(2**30, MAX_RATIO * path.stat().st_size)
        self._again = 0
        self._kept = b""  # read already, and to be read again
        self._header = b""  # the last block that may have been one
        self.trailing = False
        """Something that is no tar archive comes after the archive's end."""

    def tell(self) -> int:
        return self._file.tell() - len(self._kept)

    def read(self, size: int) -> bytes:
        if size > MAX_FILE:
            raise InputError(f"{self._path}: a header of {size} bytes; this is no archive of images")
        kept, self._kept = self._kept[:size], self._kept[size:]
        with self._decoding():
            data = kept + self._file.read(size - len(kept))
        if size == tarfile.BLOCKSIZE:
            self._header = data
        return data

    def seek(self, position: int) -> int:
        self._check_length(position)
        self._kept = b""
        with self._decoding():
            return self._file.seek(position)

    def content(self, member: Member) -> bytes:
        """The bytes of a regular member."""
        self.seek(member.offset_data)
        data = self.read(member.size)
        if len(data) < member.size:
            raise InputError(f"{self._path}: {self._cut_off()}")
        return data

    def count_again(self, size: int) -> None:
        """Bytes that are handed over once more, for a link: they count like the archive's own."""
        self._again += size
        self._check_length(self._again)

    def finds_another(self, position: int) -> bool:
        """Read on from where the archive should end, with a block of zeros, to another archive or the file's end.

        At the file's end, checksums have been compared.
        """
        if self.tell() != position + tarfile.BLOCKSIZE:  # else tarfile has read it, and no compressed stream goes back
            self.seek(position)
            self.read(tarfile.BLOCKSIZE)
        if self._header != bytes(tarfile.BLOCKSIZE):
            raise InputError(f"{self._path}: {self._cut_off()}, or broken after {position} bytes")
        for _ in range(MOST_PADDING // tarfile.BLOCKSIZE):
            block = self._beyond(tarfile.BLOCKSIZE)
            if not block:
                return False
            if block.count(0) < len(block):
                if _is_header(block):
                    self._kept = block
                    return True
                self.trailing = True
                break
        while block := self._beyond(BLOCK):
            self.trailing = self.trailing or block.count(0) < len(block)
            self._check_length(self.tell())
        return False

    def _beyond(self, size: int) -> bytes:
        """The next bytes after the archive's end; nothing where what follows a gzip stream is none."""
        with self._decoding():
            try:
                return self._file.read(size)
            except gzip.BadGzipFile as error:
                if "Not a gzipped file" not in str(error):
                    raise
                self.trailing = True
                return b""

    def _check_length(self, position: int) -> None:
        if position > self._end:
            raise InputError(f"{self._path}: unpacks to more than {MAX_RATIO} times its size: no archive of images")

    def _cut_off(self) -> str:
        if is_part(self._path.name):
            return f"the archive is cut off: {JOIN}"
        return "the archive is cut off: its copy or download did not end"

    @contextmanager
    def _decoding(self) -> Iterator[None]:
        try:
            yield
        except EOFError:
            raise InputError(f"{self._path}: {self._cut_off()}") from None
        except (OSError, lzma.LZMAError, zlib.error, ZstdError) as error:  # OSError: what gzip and bz2 say
            raise InputError(f"{self._path}: cannot be unpacked: {error}") from None


def _is_header(block: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


@contextmanager
def _reading(path: Path) -> Iterator[_Bounded]:
    """The unpacked archive; what goes wrong with its headers becomes an InputError."""
    try:
        with open_file(path) as packed:
            magic = packed.read(6)
            packed.seek(0)
            with _unpacked(packed, magic) as file:
                yield _Bounded(file, path)
    except MissingLibrary as error:
        raise InputError(f"{path}: {error}") from None
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check prepare.path") from None
    except IsADirectoryError:
        raise InputError(f"{path}: a folder, where an archive was expected; name the archive itself") from None
    except (tarfile.TarError, ValueError) as error:
        raise InputError(f"{path}: not a whole tar archive: {what_else(path, 'tar') or error}") from None


def _unpacked(packed: BinaryIO, magic: bytes) -> BinaryIO:
    if magic.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=packed)  # type: ignore[return-value]
    if magic.startswith(b"BZh"):
        return bz2.BZ2File(packed)  # type: ignore[return-value]
    if magic.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMAFile(packed)  # type: ignore[return-value]
    if magic.startswith(b"\x28\xb5\x2f\xfd"):
        return open_zstd(packed)
    return packed
