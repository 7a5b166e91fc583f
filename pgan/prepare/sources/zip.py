"""A zip archive of images. Nothing is extracted: members are unpacked in memory, one at a time, up to a limit."""

import stat
import struct
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from pgan.errors import InputError
from pgan.prepare.signatures import HEAD
from pgan.prepare.sources import Payload, Refused, Source
from pgan.prepare.sources.archive import JOIN, numbered_like, what_else
from pgan.prepare.sources.classes import classify
from pgan.prepare.sources.dataset_json import MOST_BYTES
from pgan.prepare.sources.left_out import LeftOut
from pgan.prepare.sources.links import Link, symbolic
from pgan.prepare.sources.members import Members
from pgan.prepare.sources.tree import MAX_FILE
from pgan.prepare.sources.unzip import head, is_file, unpack
from pgan.untrusted.inputs import open_file

LONGEST_LINK = 2**12
"""Bytes of a link's text."""

END = struct.Struct("<4s4H2LH")
"""The last record of an archive (APPNOTE.TXT, 4.3.16), before its comment."""


def zip_archive(path: Path, labels: bool) -> Source:
    """Every image in the archive, sorted by name. A name that occurs twice means its last occurrence.

    Raises:
        InputError: `path` is missing or no zip archive; or its images or classes are not what `classify` expects.
    """
    archive = _open(path)
    members = _members(archive)

    def load(name: str) -> bytes:
        data = unpack(archive, members.descriptions[name], MOST_BYTES)
        if isinstance(data, Refused):
            raise InputError(f"{path}: {name}: {data.reason}")
        return data

    found = classify(path, members.names, members.listing, labels, members.escaping, load)
    refused = {name: Refused(reason) for name, reason in members.refused.items()}

    def read(wanted: np.ndarray) -> Iterator[tuple[int, Payload]]:
        for index in wanted:  # the archive stays open: it may be read again
            name = found.names[index]
            yield index, refused[name] if name in refused else _unpack(archive, members.images[name])

    return Source(
        names=found.names,
        labels=found.labels,
        classes=found.classes,
        read=read,
        left_out=found.left_out + _around(path, archive),
        notes=found.notes + numbered_like(path),
    )


def _members(archive: zipfile.ZipFile) -> Members[zipfile.ZipInfo]:
    members: Members[zipfile.ZipInfo] = Members()
    for info in archive.infolist():
        name = info.filename.replace("\\", "/")  # some Windows programs write these
        if name.endswith("/"):
            members.add_folder(name)
        elif stat.S_ISLNK(info.external_attr >> 16):
            members.add_link(name, partial(_link, archive, info))
        else:
            members.add_file(name, info, partial(head, archive, info, HEAD))
    members.follow_links()
    return members


def _link(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> Link:
    """A link's text is the content of its member."""
    text = unpack(archive, info, LONGEST_LINK)
    return symbolic(name, "" if isinstance(text, Refused) else text.decode("utf-8", "surrogateescape"))


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Payload:
    return unpack(archive, info, MAX_FILE) if is_file(info) else Refused("a device, not a file")


def _open(path: Path) -> zipfile.ZipFile:
    try:
        _refuse_parts(path)
        archive = zipfile.ZipFile(path)
        if any(info.header_offset < 0 for info in archive.infolist()):
            raise zipfile.BadZipFile("its beginning is missing; the copy or download is not whole, fetch it again")
        return archive
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check prepare.path") from None
    except IsADirectoryError:
        raise InputError(
            f"{path}: a folder, where prepare.source 'zip' expects an archive; name it, or use source: folder"
        ) from None
    except OSError as error:  # an offset before the beginning of the file, among others
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, EOFError, struct.error) as error:
        raise InputError(f"{path}: not a whole zip archive: {what_else(path, 'zip') or _torn(path, error)}") from None


def _torn(path: Path, error: Exception) -> str:
    """What is wrong with a file that begins as a zip archive, or as nothing that is known."""
    with path.open("rb") as file:
        if file.read(2) != b"PK" or "not a zip file" not in str(error):
            return str(error)
    return "it begins as one, but its end is missing; the copy or download was cut off, fetch it again"


def _last_record(path: Path) -> tuple[int, int, int]:
    """(disk number, where the archive ends, where the file ends), in bytes; zeros where there is no last record."""
    with open_file(path) as file:
        size = file.seek(0, 2)
        start = max(0, size - END.size - 2**16)
        file.seek(start)
        tail = file.read()
    place = tail.rfind(b"PK\5\6")
    if place < 0 or len(tail) - place < END.size:
        return 0, 0, 0
    _, disk, *_, comment = END.unpack_from(tail, place)
    return disk, start + place + END.size + comment, size


def _refuse_parts(path: Path) -> None:
    """Raise InputError for the last part of an archive that was split into several, which holds the list of all."""
    disk, _, _ = _last_record(path)
    if 0 < disk < 0xFFFF:
        raise InputError(f"{path}: the last, {JOIN}")


def _around(path: Path, archive: zipfile.ZipFile) -> list[LeftOut]:
    """Data before the first member, such as another archive's, and after the end."""
    _, end, size = _last_record(path)
    before = min((info.header_offset for info in archive.infolist()), default=0)
    why = "not read: another archive, or a program that unpacks this one"
    return [
        LeftOut(f"pieces of data {where} the archive, {count} bytes", 1, why)
        for where, count in (("before", before), ("after", size - end))
        if count > 0
    ]
