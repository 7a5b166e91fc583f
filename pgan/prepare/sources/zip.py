"""A zip archive of images. Nothing is extracted: members are unpacked in memory, one at a time, up to a limit."""

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pgan.errors import InputError
from pgan.inputs import check_file
from pgan.prepare.sources import Payload, Refused, Source
from pgan.prepare.sources.tree import ESCAPES, MAX_FILE, classify, in_order, is_image, normalised

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""The others unpack a block at once, however large it is."""


def zip_archive(path: Path, labels: bool) -> Source:
    """Every image in the archive, sorted by name. A name that occurs twice means its last occurrence.

    Raises:
        InputError: `path` is missing or no zip archive, or holds no images, or an image lies in no class folder.
    """
    archive = _open(path)
    members: dict[str, zipfile.ZipInfo] = {}
    escaping = set()
    for info in archive.infolist():
        name = info.filename.replace("\\", "/")  # some Windows programs write these
        if is_image(name):
            inside = normalised(name)
            members[inside or name] = info
            if inside is None:
                escaping.add(name)
    names = in_order(members)
    infos = [members[name] for name in names]
    indices, classes = classify(path, names, labels, frozenset(escaping))

    def read(wanted: np.ndarray) -> Iterator[tuple[int, Payload]]:
        with archive:
            for index in wanted:
                yield index, Refused(ESCAPES) if names[index] in escaping else _unpack(archive, infos[index])

    return Source(names=names, labels=indices, classes=classes, read=read)


def _open(path: Path) -> zipfile.ZipFile:
    try:
        check_file(path)
        return zipfile.ZipFile(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check prepare.path") from None
    except IsADirectoryError:
        raise InputError(f"{path}: a folder, where prepare.source 'zip' expects an archive") from None
    except OSError as error:  # an offset before the beginning of the file, among others
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, EOFError, struct.error) as error:
        raise InputError(f"{path}: not a whole zip archive: {error}") from None


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Payload:
    """The bytes of one member; what its header says about their number is not relied on."""
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        return Refused("a link or device, not a file")
    if info.flag_bits & 1:
        return Refused("encrypted")
    if info.compress_type not in METHODS:
        return Refused(f"compressed by method {info.compress_type}; only deflate is read")
    try:
        with archive.open(info) as member:
            data = member.read(MAX_FILE + 1)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        struct.error,
    ) as error:
        return Refused(f"cannot be unpacked: {error}")
    return data if len(data) <= MAX_FILE else Refused(f"more than the limit of {MAX_FILE} bytes")
