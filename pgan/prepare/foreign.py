"""What a file is that holds no image which can be decoded here, by its first bytes, and what to do about it."""

import re

from pgan.prepare.unreadable import CONVERT, GET_AGAIN

HEIC = "HEIC: no decoder here; pip install 'pgan[heic]'"
AVIF = "AVIF: this build of Pillow has no decoder; pip install 'pillow>=11.3'"

UNKNOWN = "no image that Pillow can read; remove it, or convert it to PNG"
"""Where the first bytes tell nothing."""

_RAW = "a camera's raw image; export it as PNG, TIFF or JPEG"
_FILM = "a film; take pictures out of it: ffmpeg -i FILM %06d.png"
_SOUND = "a sound, not an image; remove it"
_ARCHIVE = "an archive, not an image; unpack it"
_TEXT = "a text, not an image; remove it"
_PROGRAM = "a program, not an image; remove it"

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF document; export its pages as PNG"),
    (b"%!PS", "a PostScript document; export it as PNG"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript document (EPS); export it as PNG"),
    (b"8BPS", "a Photoshop document (PSD); export it as PNG"),
    (b"gimp xcf", "a GIMP document (XCF); export it as PNG"),
    (b"v/1\1", "an OpenEXR image: nothing says which value is white; export it as 8-bit PNG"),
    (b"#?RADIANCE", "a Radiance HDR image: nothing says which value is white; export it as 8-bit PNG"),
    (b"#?RGBE", "a Radiance HDR image: nothing says which value is white; export it as 8-bit PNG"),
    (b"PF\n", "a floating-point image (PFM): nothing says which value is white; export it as 8-bit PNG"),
    (b"P7\n", f"a PAM image; {CONVERT}"),
    (b"\xff\x0a", f"JPEG XL; {CONVERT}"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", f"JPEG XL; {CONVERT}"),
    (b"II\xbc", f"JPEG XR; {CONVERT}"),
    (b"FLIF", f"a FLIF image; {CONVERT}"),
    (b"BPG\xfb", f"a BPG image; {CONVERT}"),
    (b"qoif", f"a QOI image; {CONVERT}"),
    (b"DDS ", f"a DDS texture; {CONVERT}"),
    (b"\xabKTX ", f"a KTX texture; {CONVERT}"),
    (b"\0\0\1\0", f"an icon (ICO); {CONVERT}"),
    (b"\0\0\2\0", f"a cursor, or an image in TGA; {CONVERT}"),
    (b"icns", f"an icon (ICNS); {CONVERT}"),
    (b"\x0a\5\1\x08", f"a PCX image; {CONVERT}"),
    (b"\x59\xa6\x6a\x95", f"a Sun raster image; {CONVERT}"),
    (b"\1\xda", f"an SGI image; {CONVERT}"),
    (b"SIMPLE  =", f"a FITS image; {CONVERT}"),
    (b"AT&TFORM", "a DjVu document; export its pages as PNG"),
    (b"\xd7\xcd\xc6\x9a", "a Windows metafile (WMF); export it as PNG"),
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
    (b"OggS", "a film or a sound, not an image; remove it"),
    (b"ID3", _SOUND),
    (b"fLaC", _SOUND),
    (b"PK\3\4", "an archive or an office document, not an image; unpack it, or export it as PNG"),
    (b"PK\5\6", "an empty archive, not an image; remove it"),
    (b"Rar!", _ARCHIVE),
    (b"7z\xbc\xaf\x27\x1c", _ARCHIVE),
    (b"\x1f\x8b", "a gzip file, not an image (.svgz is a drawing); unpack it"),
    (b"BZh", _ARCHIVE),
    (b"\xfd7zXZ\0", _ARCHIVE),
    (b"\x28\xb5\x2f\xfd", _ARCHIVE),
    (b"\x93NUMPY", "a NumPy array, not an image; save each image in it as PNG"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, not an image; save each image in it as PNG"),
    (b"version https://git-lfs", "a pointer of Git LFS, not the image itself; run `git lfs pull`"),
    (b"\0\5\x16\7", "macOS's notes on another file; remove it"),
    (b"\0\5\x16\0", "macOS's notes on another file; remove it"),
    (b"\xd0\xcf\x11\xe0", "an office document or a desktop's file of thumbnails, not an image; remove it"),
    (b"L\0\0\0\1\x14\2\0", "a desktop's shortcut, not the image itself; copy the file it stands for"),
    (b"bplist", "a property list, not an image; remove it"),
    (b"MZ", _PROGRAM),
    (b"\x7fELF", _PROGRAM),
)

_OURS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\xff\xd8", "JPEG"),
)
"""Formats that are read, unless something in them is of a rare kind or damaged."""

_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}
_FRAME = re.compile(rb"\xff([\xc0-\xcf\xf7])..(.)", re.DOTALL)


def reason(data: bytes, formats: tuple[str, ...]) -> str:
    """Why Pillow, which knows `formats`, made nothing of an encoded image, and what to do."""
    if not data:
        return f"an empty file; {GET_AGAIN}, or remove it"
    if not any(data[:64]):
        return f"nothing but zeros where an image begins; {GET_AGAIN}"
    for start, words in _STARTS:
        if data.startswith(start):
            return words
    for start, name in _OURS:
        if data.startswith(start):
            return _rare_or_damaged(name, data)
    if data.startswith(b"RIFF"):
        return _riff(data)
    if data[4:8] == b"ftyp":
        return _media(data, formats)
    if data[4:8] in (b"moov", b"mdat", b"wide"):
        return _FILM
    if data[128:132] == b"DICM":
        return f"a DICOM image; {CONVERT}"
    if data[344:348] in (b"n+1\0", b"ni1\0"):
        return "a NIfTI volume; save its slices as PNG"
    if data[-18:-2] == b"TRUEVISION-XFILE":
        return f"an image in TGA; {CONVERT}"
    if data[257:262] == b"ustar":
        return _ARCHIVE
    return _text(data[:4096]) or UNKNOWN


def _rare_or_damaged(name: str, data: bytes) -> str:
    """Of a format that is usually read."""
    if name == "JPEG":
        return _jpeg(data)
    if name == "PNG" and data[12:16] == b"CgBI":
        return f"a PNG in the form of Apple's programs; {CONVERT} anew, as with `sips -s format png`"
    if name == "TIFF":
        return f"a TIFF of a kind that Pillow cannot read, or damaged; {CONVERT} of 8 bits, or {GET_AGAIN}"
    return f"a {name} that is damaged or of a kind that Pillow cannot read; {GET_AGAIN}, or {CONVERT}"


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


def _riff(data: bytes) -> str:
    """Microsoft's containers: images, films, sounds."""
    match data[8:12]:
        case b"WEBP":
            return f"a WebP that is damaged or cut off; {GET_AGAIN}"
        case b"AVI ":
            return _FILM
        case b"WAVE":
            return _SOUND
    return f"a file of Microsoft's RIFF that holds no image ({data[8:12].decode('latin-1')}); remove it"


def _media(data: bytes, formats: tuple[str, ...]) -> str:
    """Files of ISO 14496-12, in which brands tell images from films."""
    size = min(int.from_bytes(data[:4], "big"), 256)
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, size, 4))}
    if brands & _AVIF_BRANDS:
        return AVIF if "AVIF" not in formats else f"an AVIF that is damaged or cut off; {GET_AGAIN}"
    if data[8:12] in _HEIC_BRANDS or brands & (_HEIC_BRANDS - {b"mif1", b"msf1"}):
        return HEIC if "HEIF" not in formats else f"a HEIC that is damaged or cut off; {GET_AGAIN}"
    return _RAW if data[8:12] == b"crx " else _FILM


def _text(head: bytes) -> str | None:
    """Web pages, drawings, and what else servers send in place of a picture; None for what is no text."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = head.decode("utf-16", "replace").strip().lower()
    else:
        text = head.removeprefix(b"\xef\xbb\xbf").decode("latin-1").strip().lower()
    if text.startswith("<"):
        if "<svg" in text:
            return "an SVG drawing; export it as PNG"
        if re.search("<(!doctype html|html|head|body|title|script|meta|div|p|h1|center)[ >]", text):
            return f"a web page (HTML), as servers send in place of a picture; {GET_AGAIN}"
        return f"a text (XML), not an image; {GET_AGAIN}, or remove it"
    if re.match(r"[{\[]\s*[\"\[{\]}\d]", text):
        return f"a text (JSON), as servers send in place of a picture; {GET_AGAIN}, or remove it"
    if text and all(c.isprintable() or c in "\t\r\n\f" for c in text) and text.isascii():
        return _TEXT
    return None
