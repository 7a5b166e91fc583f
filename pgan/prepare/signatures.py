"""What a file is, by its first bytes, whatever its name says; and what to do about it where it holds no image."""

import re
from typing import NamedTuple

from pgan.prepare.unreadable import CONVERT, GET_AGAIN

HEAD = 512
"""Bytes that suffice: a tar archive says what it is after 257. Only TGA may say it at the end of the file."""

ADVICE = {
    "picture": CONVERT,
    "raw": "export it as PNG, TIFF or JPEG",
    "drawing": "export it as PNG",
    "layers": "export it as PNG",
    "film": "take pictures out of it: ffmpeg -i FILM %06d.png",
    "lmdb": "export the images in it to a folder",
    "data": "export the images in it to a folder",
    "archive": "unpack it",
    "pointer": "run `git lfs pull`",
    "other": "remove it",
}
"""What to do about a file, by its group."""

NO_DECODER = {
    "HEIF": "no decoder for HEIC here; pip install 'pgan[heic]'",
    "AVIF": "this build of Pillow has no decoder for AVIF; pip install 'pillow>=11.3'",
    "unread": "this build of Pillow cannot read the format; pip install --upgrade pillow",
}
"""Why a whole image is not read, by Pillow's name of its format; `unread` for any other format."""


class Kind(NamedTuple):
    """What a file is."""

    group: str
    """A group of `sources/kinds.py`, or `image` for what Pillow may be able to read."""
    name: str
    """What to call it: Pillow's name of the format for an image, else a few words with their article."""
    own_advice: str | None = None
    """What to do about it, where that is not the advice of its group."""

    @property
    def advice(self) -> str:
        """What to do about a file that is not an image."""
        return self.own_advice or ADVICE[self.group]


EMPTY = Kind("other", "an empty file", f"{GET_AGAIN}, or remove it")
ZEROS = Kind("other", "nothing but zeros where a file begins", GET_AGAIN)

ZSTD = Kind("archive", "a zstd file")

_RAW = Kind("raw", "a camera's raw image")
_FILM = Kind("film", "a film")
_SOUND = Kind("other", "a sound")
_PROGRAM = Kind("other", "a program")
_NOTES = Kind("other", "macOS's notes on another file")
_JPEG_XL = Kind("picture", "a JPEG XL image")
_NO_WHITE = f"nothing says which value is white; {CONVERT} of 8 bits"
_HDR = Kind("picture", "a Radiance HDR image", _NO_WHITE)

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
    (b"\xff\x0a", _JPEG_XL),
    (b"\0\0\0\x0cJXL \r\n\x87\n", _JPEG_XL),
    (b"II\xbc", Kind("picture", "a JPEG XR image")),
    (b"v/1\1", Kind("picture", "an OpenEXR image", _NO_WHITE)),
    (b"#?RADIANCE", _HDR),
    (b"#?RGBE", _HDR),
    (b"PF\n", Kind("picture", "a floating-point image (PFM)", _NO_WHITE)),
    (b"P7\n", Kind("picture", "a PAM image")),
    (b"FLIF", Kind("picture", "a FLIF image")),
    (b"BPG\xfb", Kind("picture", "a BPG image")),
    (b"qoif", Kind("picture", "a QOI image")),
    (b"DDS ", Kind("picture", "a DDS texture")),
    (b"\xabKTX ", Kind("picture", "a KTX texture")),
    (b"\0\0\1\0", Kind("picture", "an icon (ICO)")),
    (b"\0\0\2\0", Kind("picture", "a cursor, or an image in TGA")),
    (b"icns", Kind("picture", "an icon (ICNS)")),
    (b"\x0a\5\1\x08", Kind("picture", "a PCX image")),
    (b"\x59\xa6\x6a\x95", Kind("picture", "a Sun raster image")),
    (b"\1\xda", Kind("picture", "an SGI image")),
    (b"SIMPLE  =", Kind("picture", "a FITS image")),
    (b"8BPS", Kind("layers", "a Photoshop file (PSD)")),
    (b"gimp xcf", Kind("layers", "a GIMP file (XCF)")),
    (b"%PDF", Kind("drawing", "a PDF document", "export its pages as PNG")),
    (b"AT&TFORM", Kind("drawing", "a DjVu document", "export its pages as PNG")),
    (b"%!PS", Kind("drawing", "a PostScript document")),
    (b"\xc5\xd0\xd3\xc6", Kind("drawing", "a PostScript document (EPS)")),
    (b"\xd7\xcd\xc6\x9a", Kind("drawing", "a Windows metafile (WMF)")),
    (b"FUJIFILMCCD-RAW", _RAW),
    (b"FOVb", _RAW),
    (b"\0MRM", _RAW),
    (b"IIRO", _RAW),
    (b"IIRS", _RAW),
    (b"MMOR", _RAW),
    (b"IIU\0", _RAW),
    (b"II\x1a\0\0\0HEAPCCDR", _RAW),
    (b"\x1aE\xdf\xa3", _FILM),
    (b"FLV\1", _FILM),
    (b"\0\0\1\xba", _FILM),
    (b"\0\0\1\xb3", _FILM),
    (b"0&\xb2u\x8ef\xcf\x11", _FILM),
    (b"OggS", Kind("film", "a film or a sound")),
    (b"ID3", _SOUND),
    (b"fLaC", _SOUND),
    (b"PK\3\4", Kind("archive", "a zip archive", "unpack it; if it is an office document, export it as PNG")),
    (b"PK\5\6", Kind("archive", "an empty zip archive", "remove it")),
    (b"PK\7\x08", Kind("archive", "a split zip archive")),
    (b"Rar!\x1a\7", Kind("archive", "a RAR archive")),
    (b"7z\xbc\xaf\x27\x1c", Kind("archive", "a 7z archive")),
    (b"\x1f\x8b", Kind("archive", "a gzip file", "unpack it; if it is a drawing (.svgz), export it as PNG")),
    (b"\x1f\x9d", Kind("archive", "a file of compress (.Z)")),
    (b"\xfd7zXZ\0", Kind("archive", "an xz file")),
    (b"\x28\xb5\x2f\xfd", ZSTD),
    (b"\x04\x22\x4d\x18", Kind("archive", "an lz4 file")),
    (b"LZIP", Kind("archive", "an lzip file")),
    (b"MSCF", Kind("archive", "a cabinet archive")),
    (b"\x89HDF\r\n\x1a\n", Kind("data", "an HDF5 file")),
    (b"\x93NUMPY", Kind("data", "a NumPy array")),
    (b"PAR1", Kind("data", "a Parquet file")),
    (b"ARROW1", Kind("data", "an Arrow file")),
    (b"SQLite format 3\0", Kind("data", "an SQLite database")),
    (b"version https://git-lfs", Kind("pointer", "a Git LFS pointer")),
    (b"\0\5\x16\7", _NOTES),
    (b"\0\5\x16\0", _NOTES),
    (b"\xd0\xcf\x11\xe0", Kind("other", "an office document or a desktop's file of thumbnails")),
    (b"L\0\0\0\1\x14\2\0", Kind("other", "a desktop's shortcut", "copy the file that it leads to")),
    (b"bplist", Kind("other", "a property list")),
    (b"MZ", _PROGRAM),
    (b"\x7fELF", _PROGRAM),
)

_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"heif"}
_ANY_HEIF_BRANDS = {b"mif1", b"msf1"}
"""Of HEIF with whatever codec: they count where they come first."""

_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
"""Bytes of the second header of a BMP."""

_HTML = re.compile(r"<(?:!doctype\s+)?(?:(svg)\b|(?:html|head|body|title|script|meta|div|p|h1|center)[\s>])")
"""What comes first decides: a web page may hold drawings, and a drawing has a title."""


def identify(data: bytes) -> Kind | None:
    """What a file is whose first bytes (HEAD or more) are `data`; None where they do not tell."""
    if not data:
        return EMPTY
    for start, kind in _STARTS:
        if data.startswith(start):
            return kind
    return _binary(data) or _text(data[:4096]) or (None if any(data[:64]) else ZEROS)


def _binary(data: bytes) -> Kind | None:
    """What takes more than a fixed start to tell."""
    match data[:4]:
        case b"II*\0":
            return _RAW if data[8:10] == b"CR" else Kind("image", "TIFF")
        case b"RIFF":
            return _riff(data)
        case _ if data[4:8] == b"ftyp":
            return _media(data)
        case _ if data[0] == 0 and data[4:8] in (b"moov", b"mdat", b"wide"):
            return _FILM
        case _ if data[:3] == b"BZh" and data[4:10] == b"1AY&SY":
            return Kind("archive", "a bzip2 file")
        case _ if data[:2] == b"BM" and int.from_bytes(data[14:18], "little") in _BMP_HEADERS:
            return Kind("image", "BMP")
        case _ if re.match(rb"P[1-6]\s+[#\d]", data):
            return Kind("image", "PPM")
        case _ if data[128:132] == b"DICM":
            return Kind("picture", "a DICOM image")
        case _ if data[344:348] in (b"n+1\0", b"ni1\0"):
            return Kind("picture", "a NIfTI volume", "save its slices as PNG")
        case _ if data[-18:-2] == b"TRUEVISION-XFILE":
            return Kind("picture", "an image in TGA")
        case _ if data[257:262] == b"ustar":
            return Kind("archive", "a tar archive")
        case _ if int.from_bytes(data[16:20], "little") == 0xBEEFC0DE:
            return Kind("lmdb", "an LMDB database")
    return None


def _riff(data: bytes) -> Kind:
    """Microsoft's containers: images, films, sounds."""
    match data[8:12]:
        case b"WEBP":
            return Kind("image", "WEBP")
        case b"AVI ":
            return _FILM
        case b"WAVE":
            return _SOUND
    return Kind("other", "a file of Microsoft's RIFF")


def _media(data: bytes) -> Kind:
    """A file of ISO 14496-12: its brands tell a picture from a film."""
    main, size = data[8:12], min(int.from_bytes(data[:4], "big"), 256)
    brands = {main, *(data[at : at + 4] for at in range(16, size, 4))}
    if brands & _AVIF_BRANDS:
        return Kind("image", "AVIF")
    if main in _ANY_HEIF_BRANDS or brands & _HEIF_BRANDS:
        return Kind("image", "HEIF")
    return _RAW if main == b"crx " else _FILM


def _text(head: bytes) -> Kind | None:
    """Web pages, drawings, and what else servers send in place of a picture."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = head.decode("utf-16", "replace").strip().lower()
    else:
        text = head.removeprefix(b"\xef\xbb\xbf").decode("latin-1").strip().lower()
    if text.startswith("<"):
        found = _HTML.search(text)
        if found is None:
            return Kind("other", "a text (XML)", f"{GET_AGAIN}, or remove it")
        return Kind("drawing", "an SVG drawing") if found[1] else Kind("other", "a web page (HTML)", GET_AGAIN)
    if re.match(r"[{\[]\s*[\"\[{\]}\d]", text):
        return Kind("other", "a text (JSON)", f"{GET_AGAIN}, or remove it")
    if text and all(c.isprintable() or c in "\t\r\n\f" for c in text) and text.isascii():
        return Kind("other", "a text")
    return None
