"""What `decode` makes of every combination of a TIFF's tags that tifffile writes, and of other formats by imagecodecs.

The values are known, because the test wrote them, and read back by another decoder, so that the file is what it should
be. `decode` must come to the same colours or refuse. Eight bits agree but for rounding; where Pillow keeps the high
bytes of 16-bit colours and then mixes them (CMYK, transparency), within three levels.
"""

import itertools
import logging
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pgan.prepare.decode import decode
from pgan.prepare.unreadable import Unreadable

imagecodecs = pytest.importorskip("imagecodecs", reason="needs the extra `decoders`")
tifffile = pytest.importorskip("tifffile", reason="needs the extra `decoders`")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

HEIGHT, WIDTH = 50, 83  # no multiple of a tile, nor of eight
COLOURS = {"minisblack": 1, "miniswhite": 1, "rgb": 3, "separated": 4}
ALPHA = ("unassalpha", "assocalpha")
REFUSALS = (Unreadable, Image.UnidentifiedImageError)


def values() -> np.ndarray:
    """(H, W, 5): four channels of colour and one of transparency, 0 to 1, with both ends in each."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    noise = np.random.default_rng(0).normal(0, 0.02, (HEIGHT, WIDTH, 5))
    fine = np.stack([x / WIDTH, y / HEIGHT, 1 - x / WIDTH, 0.4 * y / HEIGHT, 0.2 + 0.8 * x / WIDTH], 2) + noise
    return np.clip(fine, 0, 1)


def colours(fractions: np.ndarray, photometric: str, extra: str | None) -> np.ndarray:
    """What a viewer shows on white, 0 to 255, (H, W, C)."""
    count = COLOURS[photometric]
    shown = fractions[..., :count]
    if photometric == "miniswhite":
        shown = 1 - shown
    if photometric == "separated":
        shown = (1 - shown[..., :3]) * (1 - shown[..., 3:])
    if extra in ALPHA:
        alpha = fractions[..., count : count + 1]
        shown = shown * (alpha if extra == "unassalpha" else 1) + 1 - alpha
    return np.clip(shown, 0, 1) * 255


def samples(kind: np.dtype, photometric: str, extra: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Samples of a type, and the fractions of white that they mean."""
    count = COLOURS[photometric]
    fine = values()
    wanted = np.concatenate([fine[..., :count], fine[..., 4:]], 2)[..., : count + (extra is not None)]
    if extra == "assocalpha":
        wanted[..., :count] *= wanted[..., count:]
    if kind.kind == "f":
        return wanted.astype(kind), wanted
    most = np.iinfo(kind).max
    whole = np.rint(wanted * most).astype(kind)
    return whole, whole / most


def outcome(data: bytes, expected: np.ndarray, tolerance: float) -> str | None:
    """None where `decode` is right or refuses; else by how much it is wrong."""
    try:
        found = np.asarray(decode(data, 1 if expected.shape[2] == 1 else 3)).astype(float)
    except REFUSALS:
        return None
    except (ValueError, OSError) as error:  # damage, as Pillow sees it, but no wrong colours
        return None if "raw mode" in str(error) or "decoder error" in str(error) else repr(error)
    worst = abs(found.reshape(expected.shape) - expected).max()
    return None if worst <= tolerance else f"{worst:.0f} levels"


def written(pixels: np.ndarray, **options: Any) -> bytes | None:
    """A TIFF, or None where tifffile writes no such thing or cannot read it back."""
    file = BytesIO()
    try:
        tifffile.imwrite(file, pixels, metadata=None, **options)
        back = tifffile.imread(BytesIO(file.getvalue()))
    except (ValueError, RuntimeError, KeyError, TypeError):
        return None
    return file.getvalue() if np.array_equal(back.squeeze(), pixels.squeeze()) else None


KINDS = ("u1", "u2", "u4", "i1", "i2", "i4", "f2", "f4", "f8")
COMPRESSIONS = (None, "lzw", "adobe_deflate", "packbits", "zstd")


@pytest.mark.parametrize("photometric", COLOURS)
@pytest.mark.parametrize("extra", [None, "unassalpha", "assocalpha", "unspecified"])
def test_tiff(photometric: str, extra: str | None) -> None:
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    wrong, right = {}, 0
    for name, planar, order, tile, compression, predictor in itertools.product(
        KINDS, ("contig", "separate"), "<>", (None, (16, 16)), COMPRESSIONS, (1, 2, 3)
    ):
        kind = np.dtype(name)
        several = COLOURS[photometric] + (extra is not None) > 1
        if (planar == "separate" and not several) or (predictor == 3) != (predictor > 1 and kind.kind == "f"):
            continue
        if predictor > 1 and compression in (None, "packbits"):
            continue
        pixels, fractions = samples(kind, photometric, extra)
        data = written(
            np.moveaxis(pixels, 2, 0) if planar == "separate" else pixels if several else pixels[..., 0],
            photometric=photometric,
            planarconfig=planar if several else None,
            byteorder=order,
            tile=tile,
            rowsperstrip=None if tile else 16,
            compression=compression,
            predictor=predictor if predictor > 1 else None,
            extrasamples=[extra] if extra else None,
        )
        if data is None:
            continue
        right += 1
        tolerance = 1.01 if name == "u1" and extra not in ALPHA else 3
        problem = outcome(data, colours(fractions, photometric, extra), tolerance)
        if problem:
            wrong[name, planar, order, tile, compression, predictor] = problem
    assert wrong == {}
    assert right > 50


@pytest.mark.parametrize("bits", range(2, 17))
def test_tiff_of_few_bits(bits: int) -> None:
    kind = np.uint8 if bits <= 8 else np.uint16
    grey = np.rint(values()[..., :1] * (2**bits - 1)).astype(kind)
    for photometric, tile, order in itertools.product(("minisblack", "miniswhite"), (None, (16, 16)), "<>"):
        data = written(
            grey[..., 0],
            photometric=photometric,
            tile=tile,
            byteorder=order,
            bitspersample=None if bits in (8, 16) else bits,
        )
        if data is not None:
            assert outcome(data, colours(grey / (2**bits - 1), photometric, None), 1.01) is None


@pytest.mark.parametrize("subsampling", [(1, 1), (2, 1), (2, 2), (4, 1)])
@pytest.mark.parametrize("tile", [None, (32, 32)])
@pytest.mark.parametrize("photometric", ["rgb", "ycbcr"])
def test_jpeg_in_tiff(photometric: str, tile: Any, subsampling: tuple[int, int]) -> None:
    pixels = np.rint(values()[..., :3] * 255).astype(np.uint8)
    options = {"subsampling": subsampling} if photometric == "ycbcr" else {}
    file = BytesIO()
    tifffile.imwrite(file, pixels, photometric=photometric, compression="jpeg", tile=tile, metadata=None, **options)
    expected = tifffile.imread(BytesIO(file.getvalue())).astype(float)
    assert abs(np.asarray(decode(file.getvalue(), 3)) - expected).max() <= 3


@pytest.mark.parametrize("depth", [8, 10, 12, 16])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_jpeg_2000(depth: int, count: int) -> None:
    extra = "unassalpha" if count in (2, 4) else None
    photometric = "minisblack" if count < 3 else "rgb"
    fine = samples(np.dtype("f8"), photometric, extra)[0]
    whole = np.rint(fine * (2**depth - 1)).astype(np.uint8 if depth == 8 else np.uint16)
    for form in ("jp2", "j2k"):
        data = imagecodecs.jpeg2k_encode(
            whole.squeeze(), level=0, bitspersample=depth, reversible=True, codecformat=form
        )
        assert np.array_equal(imagecodecs.jpeg2k_decode(data), whole.squeeze())
        assert outcome(data, colours(whole / (2**depth - 1), photometric, extra), 2) is None


@pytest.mark.parametrize("options", [{"subsampling": s} for s in ("444", "422", "420", "411", "440")] + [{}], ids=str)
def test_jpeg(options: dict[str, Any]) -> None:
    pixels = np.rint(values()[..., :3] * 255).astype(np.uint8)
    stored = {} if options else {"colorspace": "RGB", "outcolorspace": "RGB"}
    data = imagecodecs.jpeg8_encode(pixels, level=90, **options, **stored)
    assert outcome(data, imagecodecs.jpeg8_decode(data).astype(float), 3) is None


@pytest.mark.parametrize("kind", ["u1", "u2"])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_png(kind: str, count: int) -> None:
    extra = "unassalpha" if count in (2, 4) else None
    photometric = "minisblack" if count < 3 else "rgb"
    pixels, fractions = samples(np.dtype(kind), photometric, extra)
    data = imagecodecs.png_encode(pixels.squeeze())
    assert np.array_equal(imagecodecs.png_decode(data), pixels.squeeze())
    assert outcome(data, colours(fractions, photometric, extra), 1.01 if count in (1, 3) else 3) is None


@pytest.mark.parametrize("most", [1, 2, 15, 100, 255, 256, 1000, 4095, 32767, 65535])
@pytest.mark.parametrize("count", [1, 3])
def test_pnm(most: int, count: int) -> None:
    whole = np.rint(values()[..., :count] * most).astype(int)
    header = f"{WIDTH} {HEIGHT}\n{most}\n".encode()
    raw = whole.astype("u1" if most < 256 else ">u2").tobytes()
    text = b" ".join(b"%d" % value for value in whole.ravel())
    for data in (
        (b"P5\n" if count == 1 else b"P6\n") + header + raw,
        (b"P2\n" if count == 1 else b"P3\n") + header + text,
    ):
        assert outcome(data, whole / most * 255, 1.01) is None


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("count", [3, 4])
def test_webp(lossless: bool, count: int) -> None:
    extra = "unassalpha" if count == 4 else None
    pixels, _ = samples(np.dtype("u1"), "rgb", extra)
    data = imagecodecs.webp_encode(pixels, level=90, lossless=lossless)
    expected = colours(imagecodecs.webp_decode(data) / 255, "rgb", extra)
    assert outcome(data, expected, 3) is None
