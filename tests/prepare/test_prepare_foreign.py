"""A file that holds no image which can be read is called by its name, whatever its ending."""

import gzip
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from encoders import PNG, encoded
from PIL import Image

from pgan.prepare import decode as decoding
from pgan.prepare import foreign
from pgan.prepare.build import build
from pgan.prepare.config import Prepare
from pgan.prepare.decode import decode
from pgan.prepare.signatures import ADVICE, NO_DECODER, identify
from pgan.prepare.sources.kinds import GROUPS


def zipped() -> bytes:
    file = BytesIO()
    with ZipFile(file, "w") as archive:
        archive.writestr("a", "b")
    return file.getvalue()


def array() -> bytes:
    file = BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


FILES = {
    b"": "an empty file",
    bytes(5000): "nothing but zeros",
    b"<!DOCTYPE html><title>404</title>": "a web page (HTML)",
    b"\xef\xbb\xbf\n <html lang=en>": "a web page (HTML)",
    b'<?xml version="1.0"?><!DOCTYPE svg><svg xmlns="http://www.w3.org/2000/svg"/>': "an SVG drawing",
    b"<svg/>": "an SVG drawing",
    b"<svg xmlns='http://www.w3.org/2000/svg'><title>A</title></svg>": "an SVG drawing",
    b"<!doctype html><body><svg/></body>": "a web page (HTML)",
    b"The wide sea\n": "a text, not an image; remove it",
    b"PAR1" + bytes(9): "a Parquet file, not an image; export the images in it to a folder",
    "<svg/>".encode("utf-16"): "an SVG drawing",
    b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>": "a text (XML)",
    b'{"error": "rate limit"}': "a text (JSON)",
    b"Not Found\n": "a text",
    b"%PDF-1.7\n%\xe2\xe3": "a PDF document",
    b"%!PS-Adobe-3.0 EPSF-3.0\n": "a PostScript document",
    b"8BPS\0\1" + bytes(20): "a Photoshop file",
    b"gimp xcf v011\0": "a GIMP file",
    b"v/1\1\2\0\0\0": "an OpenEXR image",
    b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n": "a Radiance HDR image",
    b"\xff\x0a\x7f\x90": "a JPEG XL image",
    b"\0\0\0\x0cJXL \r\n\x87\n": "a JPEG XL image",
    b"II\xbc\1\x08\0\0\0": "a JPEG XR image",
    b"\xff\xd8\xff\xf7\0\x0b\x08\0\1\0\1\1\1\x11\0": "JPEG-LS",
    b"\xff\xd8\xff\xc1\0\x0b\x0c\0\1\0\1\1\1\x11\0": "a JPEG of 12 bits",
    PNG + b"\0\0\0\4CgBI\x50\0\x20\2": "a PNG in the form of Apple's programs",
    b"II*\0\x08\0\0\0\0\0": "a TIFF of a kind",
    b"RIFF\x24\0\0\0AVI LIST": "a film",
    b"RIFF\x24\0\0\0WAVEfmt ": "a sound",
    b"\0\0\0\x18ftypmp42\0\0\0\0isommp42": "a film",
    b"\0\0\0\x14ftypqt  \0\0\0\0qt  ": "a film",
    b"\x1aE\xdf\xa3\x9fB\x86\x81": "a film",
    b"\0\0\0\x18ftypcrx \0\0\0\1crx isom": "a camera's raw image",
    b"FUJIFILMCCD-RAW 0201": "a camera's raw image",
    b"IIU\0\x18\0\0\0": "a camera's raw image",
    b"ID3\3\0": "a sound",
    zipped(): "a zip archive",
    gzip.compress(b"<svg/>"): "a gzip file",
    array(): "a NumPy array",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n": "a Git LFS pointer",
    b"\0\5\x16\7\0\2\0\0": "macOS's notes",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an office document",
    bytes(128) + b"DICM": "a DICOM image",
    b"\1" * 128 + b"DICM": "a DICOM image",
    b"\0\1" * 40: "no image that Pillow can read",
}


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize(("data", "words"), FILES.items(), ids=FILES.values())
def test_names(data: bytes, words: str) -> None:
    with pytest.raises(Image.UnidentifiedImageError) as caught:
        decode(data, 3)
    assert str(caught.value).startswith(words)


def test_each_says_what_to_do() -> None:
    for data in FILES:
        assert any(mark in foreign.reason(data, decoding.FORMATS) for mark in [";", ":"])
        assert len(foreign.reason(data, decoding.FORMATS).splitlines()) == 1


def test_listing_and_reasons_have_the_same_groups_and_advice() -> None:
    kinds = [kind for data in FILES if (kind := identify(data)) is not None]
    assert {kind.group for kind in kinds} <= {*ADVICE, "image"}
    assert ADVICE.keys() <= GROUPS.keys()
    assert NO_DECODER.keys() <= GROUPS.keys()
    assert GROUPS["picture"].why.endswith("; convert them to PNG")
    assert GROUPS["film"].why == "films; take pictures out of them: ffmpeg -i FILM %06d.png"
    assert all("it" not in GROUPS[group].why.split() for group in ADVICE)


def test_formats_that_a_plug_in_would_read(monkeypatch: pytest.MonkeyPatch) -> None:
    heic = b"\0\0\0\x18ftypheic" + bytes(4) + b"mif1heic" + bytes(200)
    avif = b"\0\0\0\x18ftypmif1" + bytes(4) + b"mif1avif" + bytes(200)
    assert foreign.reason(heic, ("HEIF",)).startswith("a HEIC that is damaged")
    assert foreign.reason(avif, ("AVIF",)).startswith("an AVIF that is damaged")
    monkeypatch.setattr(decoding, "_formats", lambda: ("JPEG", "PNG"))
    with pytest.raises(Image.UnidentifiedImageError, match=r"^no decoder for HEIC here; pip install 'pgan\[heic\]'$"):
        decode(heic, 3)
    with pytest.raises(Image.UnidentifiedImageError, match=r"^this build of Pillow has no decoder for AVIF"):
        decode(avif, 3)
    assert decoding.suffixes() == (".apng", ".jfif", ".jpe", ".jpeg", ".jpg", ".mpo", ".png")


def test_reasons_in_the_description(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    folder.mkdir()
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8))
    whole = encoded(image, "PNG")
    rare = b"BM" + (70 + 4).to_bytes(4, "little") + bytes(4) + (70).to_bytes(4, "little") + (56).to_bytes(4, "little")
    rare += b"\1\0\0\0\1\0\0\0\1\0\x20\0\3\0\0\0" + bytes(20) + b"\xff\3\0\0\0\xfc\x0f\0\0\0\xf0\x3f\0\0\0\0" + bytes(4)
    for name, data in {
        "whole.png": whole,
        "cut.png": whole[:-100],
        "page.jpg": b"<!DOCTYPE html>",
        "rare.bmp": rare,
    }.items():
        (folder / name).write_bytes(data)
    found = build(Prepare(source="folder", path=str(folder), resolution=8, max_skipped=3), tmp_path / "out").skipped
    reasons = {skip["file"]: skip["reason"] for skip in found}
    assert reasons["cut.png"].endswith("damaged or cut off; get the file again")
    assert reasons["page.jpg"].startswith("a web page (HTML)")
    assert reasons["rare.bmp"].endswith("of a kind that Pillow cannot read; convert it to PNG")
