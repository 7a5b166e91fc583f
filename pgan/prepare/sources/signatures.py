"""What a file is, by its first bytes, whatever its name says."""

import re
from typing import NamedTuple

HEAD = 512
"""Bytes that suffice: a tar archive says what it is after 257."""


class Kind(NamedTuple):
    """What a file is."""

    group: str
    """A group of `kinds.GROUPS`, or `image`."""
    name: str
    """What to call it: Pillow's name of the format for an image, else a few words with their article."""


_STARTS: tuple[tuple[bytes, Kind], ...] = (
    (b"\xff\xd8\xff", Kind("image", "JPEG")),
    (b"\x89PNG\r\n\x1a\n", Kind("image", "PNG")),
    (b"GIF87a", Kind("image", "GIF")),
    (b"GIF89a", Kind("image", "GIF")),
    (b"\0\0\0\x0cjP  \r\n\x87\n", Kind("image", "JPEG2000")),
    (b"\xff\x4f\xff\x51", Kind("image", "JPEG2000")),
    (b"II+\0", Kind("image", "TIFF")),
    (b"MM\0+", Kind("image", "TIFF")),
    (b"MM\0*", Kind("image", "TIFF")),
    (b"8BPS", Kind("layers", "a Photoshop file")),
    (b"gimp xcf", Kind("layers", "a GIMP file")),
    (b"\xff\x0a", Kind("picture", "a JPEG XL image")),
    (b"\0\0\0\x0cJXL \r\n\x87\n", Kind("picture", "a JPEG XL image")),
    (b"\0\0\1\0", Kind("picture", "an icon")),
    (b"v/1\1", Kind("picture", "an OpenEXR image")),
    (b"DDS ", Kind("picture", "a DDS texture")),
    (b"#?RADIANCE", Kind("picture", "a Radiance image")),
    (b"qoif", Kind("picture", "a QOI image")),
    (b"SIMPLE  =", Kind("picture", "a FITS image")),
    (b"FUJIFILMCCD-RAW", Kind("raw", "a camera's raw image")),
    (b"%PDF", Kind("drawing", "a PDF document")),
    (b"%!PS", Kind("drawing", "a PostScript document")),
    (b"\x1aE\xdf\xa3", Kind("film", "a film")),
    (b"FLV\1", Kind("film", "a film")),
    (b"\0\0\1\xba", Kind("film", "a film")),
    (b"OggS", Kind("film", "a film or sound")),
    (b"PK\3\4", Kind("archive", "a zip archive")),
    (b"PK\5\6", Kind("archive", "an empty zip archive")),
    (b"PK\7\x08", Kind("archive", "a split zip archive")),
    (b"Rar!\x1a\7", Kind("archive", "a RAR archive")),
    (b"7z\xbc\xaf\x27\x1c", Kind("archive", "a 7z archive")),
    (b"\x1f\x8b", Kind("archive", "a gzip file")),
    (b"\x1f\x9d", Kind("archive", "a file of compress (.Z)")),
    (b"\xfd7zXZ\0", Kind("archive", "an xz file")),
    (b"\x28\xb5\x2f\xfd", Kind("archive", "a zstd file")),
    (b"\x04\x22\x4d\x18", Kind("archive", "an lz4 file")),
    (b"LZIP", Kind("archive", "an lzip file")),
    (b"MSCF", Kind("archive", "a cabinet archive")),
    (b"\x89HDF\r\n\x1a\n", Kind("data", "an HDF5 file")),
    (b"\x93NUMPY", Kind("data", "a NumPy array")),
    (b"PAR1", Kind("data", "a Parquet file")),
    (b"ARROW1", Kind("data", "an Arrow file")),
    (b"SQLite format 3\0", Kind("data", "an SQLite database")),
    (b"version https://git-lfs.github.com/", Kind("pointer", "a Git LFS pointer: fetch the file with `git lfs pull`")),
    (b"MZ", Kind("other", "a program")),
    (b"\x7fELF", Kind("other", "a program")),
)

_AVIF = (b"avif", b"avis")
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"heif", b"mif1", b"msf1")


def identify(head: bytes) -> Kind | None:
    """What a file is whose first bytes (up to HEAD) are `head`; None where they do not tell."""
    if not head:
        return Kind("other", "an empty file")
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    return _binary(head) or _text(head)


def _binary(head: bytes) -> Kind | None:
    """What takes more than a fixed start to tell."""
    match head[:4]:
        case b"II*\0":
            return Kind("raw", "a camera's raw image") if head[8:10] == b"CR" else Kind("image", "TIFF")
        case b"RIFF":
            return Kind("image", "WEBP") if head[8:12] == b"WEBP" else Kind("film", "a film or sound")
        case _ if head[4:8] == b"ftyp":
            return _media(head)
        case _ if head[:3] == b"BZh" and head[4:10] == b"1AY&SY":
            return Kind("archive", "a bzip2 file")
        case _ if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in (12, 40, 52, 56, 64, 108, 124):
            return Kind("image", "BMP")
        case _ if re.match(rb"P[1-6]\s+[#\d]", head):
            return Kind("image", "PPM")
        case _ if head[257:262] == b"ustar":
            return Kind("archive", "a tar archive")
        case _ if int.from_bytes(head[16:20], "little") == 0xBEEFC0DE:
            return Kind("lmdb", "an LMDB database")
        case _ if len(head) >= 16 and not any(head):
            return Kind("other", "nothing but zeros where a file begins")
    return None


def _media(head: bytes) -> Kind:
    """A file of ISO 14496-12: its brands tell a picture from a film."""
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(len(head), head[3], 64), 4))]
    if any(brand in _AVIF for brand in brands):
        return Kind("image", "AVIF")
    if brands[0] in _HEIF:
        return Kind("image", "HEIF")
    return Kind("raw", "a camera's raw image") if brands[0] == b"crx " else Kind("film", "a film")


def _text(head: bytes) -> Kind | None:
    """Web pages and what else servers send in place of a picture."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<title")) or b"<html" in text:
        return Kind("other", "a web page (HTML)")
    if text.startswith(b"<") and b"<svg" in text:
        return Kind("drawing", "an SVG drawing")
    if text.startswith(b"<?xml"):
        return Kind("other", "a text (XML)")
    if re.match(rb'\{\s*["}]|\[\s*[\["{\]]', text):
        return Kind("other", "a text (JSON)")
    return None
