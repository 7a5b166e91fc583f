"""HEIC by its plug-in, where that is installed, and AVIF: turned once, bounded, and named where they cannot be read."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from encoders import STORED, encoded
from PIL import Image, features

from pgan.prepare import decode as decoding
from pgan.prepare.decode import decode, suffixes

heif = pytest.importorskip("pillow_heif", reason="needs the extra `heic`")
ROOT = Path(__file__).parents[2]
FORMS = ["HEIF", pytest.param("AVIF", marks=pytest.mark.skipif(not features.check("avif"), reason="no AVIF here"))]


@pytest.fixture(autouse=True)
def registered() -> None:
    suffixes()


@pytest.fixture
def patches() -> Image.Image:
    """Six flat patches, upright 96 wide and 64 high."""
    values = [[(255, 0, 0), (0, 255, 0), (0, 0, 255)], [(0, 0, 0), (255, 255, 255), (255, 255, 0)]]
    return Image.fromarray(np.array(values, np.uint8).repeat(32, 0).repeat(32, 1))


def test_what_can_be_read_here() -> None:
    assert {".heic", ".heif", ".hif", ".jpg", ".png", ".tif"} <= set(suffixes())
    assert list(suffixes()) == sorted(set(suffixes()))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_once(form: str, orientation: int, patches: Image.Image) -> None:
    turn = STORED[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(patches if turn is None else patches.transpose(turn), form, exif=exif.tobytes(), quality=95)
    assert (b"irot" in data or b"imir" in data) == (orientation != 1)
    found = np.asarray(decode(data, 3)).astype(int)
    assert found.shape == (64, 96, 3)
    assert abs(found - np.asarray(patches)).mean() < 3


@pytest.mark.parametrize("form", FORMS)
def test_grey_transparent_and_deep(form: str, patches: Image.Image) -> None:
    grey = patches.convert("L")
    assert abs(np.asarray(decode(encoded(grey, form, quality=95), 1)).astype(int) - np.asarray(grey)).mean() < 3
    glass = patches.convert("RGBA")
    glass.putalpha(Image.new("L", glass.size, 0))
    assert np.asarray(decode(encoded(glass, form, quality=95), 3)).min() >= 250
    assert np.asarray(decode(encoded(glass, form, quality=95), 3, (0, 0, 0))).max() <= 5


def test_ten_bits(patches: Image.Image) -> None:
    wide = np.asarray(patches).astype(np.uint16) * 257
    image = heif.from_bytes("RGB;16", patches.size, wide.tobytes())
    from io import BytesIO

    file = BytesIO()
    image.save(file, quality=95)
    assert abs(np.asarray(decode(file.getvalue(), 3)).astype(int) - np.asarray(patches)).mean() < 3


@pytest.mark.parametrize("form", FORMS)
def test_too_many_pixels_are_refused_before_they_are_decoded(
    form: str, patches: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encoded(patches, form)
    monkeypatch.setattr(decoding, "MAX_PIXELS", 96 * 64 - 1)
    with Image.open(__import__("io").BytesIO(data)) as image:
        monkeypatch.setattr(type(image), "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(ValueError, match="96 × 64 pixels, more than the limit"):
        decode(data, 3)


@pytest.mark.parametrize("form", FORMS)
def test_half_a_file(form: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), form, quality=90)
    for share in (0.3, 0.6, 0.9):
        size = int(len(data) * share)
        with pytest.raises(Exception, match=r"\w"):
            decode(data[:size], 3)
        with pytest.raises(Exception, match=r"\w"):
            decode(data[:size] + bytes(len(data) - size), 3)


def test_without_the_plug_in() -> None:
    code = (
        "import sys; sys.modules['pillow_heif'] = None\n"
        "from pgan.prepare.decode import decode, suffixes\n"
        "assert '.heic' not in suffixes() and '.jpg' in suffixes()\n"
        "decode(b'\\0\\0\\0\\x18ftypheic' + bytes(200), 3)"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert found.stderr.splitlines()[-1].endswith("no decoder for HEIC here; pip install 'pgan[heic]'")
