"""Every kind of image becomes an upright 8-bit one."""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from encoders import STORED
from PIL import Image, PngImagePlugin, features

from pgan.prepare.decode import MAX_PIXELS, decode, from_array
from pgan.prepare.square import TooSmallError, to_square


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    file = BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def pixels(data: bytes, channels: int = 3) -> np.ndarray:
    return np.asarray(decode(data, channels))


@pytest.fixture
def colours() -> Image.Image:
    """Six flat patches: upright it is 3 wide and 2 high."""
    values = [[(255, 0, 0), (0, 255, 0), (0, 0, 255)], [(0, 0, 0), (255, 255, 255), (255, 255, 0)]]
    return Image.fromarray(np.array(values, np.uint8).repeat(8, 0).repeat(8, 1))


def test_sixteen_bits_become_eight() -> None:
    wide = np.array([[0, 128, 129, 257, 32768, 65535]], np.uint16)
    big_endian = Image.frombytes("I;16B", (6, 1), wide.astype(">u2").tobytes())
    thirty_two = Image.fromarray(wide.astype(np.int32))
    for image, form in (
        (Image.fromarray(wide), "PNG"),
        (Image.fromarray(wide), "TIFF"),
        (big_endian, "TIFF"),
        (thirty_two, "TIFF"),
        (thirty_two, "PPM"),
    ):
        assert pixels(encoded(image, form), 1).tolist() == [[0, 0, 1, 1, 128, 255]]
        assert pixels(encoded(image, form), 3)[..., 2].tolist() == [[0, 0, 1, 1, 128, 255]]


def test_sixteen_bit_colour_keeps_its_high_bytes() -> None:
    wide = np.array([[[0x1234, 0xABCD, 0xFFFF]]], ">u2")  # Pillow writes no such file
    file = BytesIO(b"P6 1 1 65535 " + wide.tobytes())
    assert pixels(file.getvalue()).ravel().tolist() == [0x12, 0xAB, 0xFF]
    png = BytesIO(b"\x89PNG\r\n\x1a\n")
    png.seek(0, 2)
    PngImagePlugin.putchunk(png, b"IHDR", struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0))
    PngImagePlugin.putchunk(png, b"IDAT", zlib.compress(b"\0" + wide.tobytes()))
    PngImagePlugin.putchunk(png, b"IEND", b"")
    assert pixels(png.getvalue()).ravel().tolist() == [0x12, 0xAB, 0xFF]


def test_transparent_value_of_16_bit_grey_is_white() -> None:
    data = encoded(Image.fromarray(np.array([[0, 700, 65535]], np.uint16)), transparency=700)
    with Image.open(BytesIO(data)) as image:
        assert image.info["transparency"] == 700
    assert pixels(data, 1).tolist() == [[0, 255, 255]]


def test_undefined_ranges_are_refused() -> None:
    with pytest.raises(ValueError, match="floating-point"):
        pixels(encoded(Image.fromarray(np.ones((2, 2), np.float32)), "TIFF"))
    with pytest.raises(ValueError, match="32-bit integer"):
        pixels(encoded(Image.fromarray(np.full((2, 2), 70000, np.int32)), "TIFF"))


def test_one_bit() -> None:
    assert pixels(encoded(Image.fromarray(np.array([[True, False]]))), 1).tolist() == [[255, 0]]


@pytest.mark.parametrize("channels", [1, 3])
def test_alpha_is_composited_on_white(channels: int) -> None:
    image = Image.fromarray(np.array([[[0, 0, 0, 255], [0, 0, 0, 0], [0, 0, 0, 51]]], np.uint8))
    expected = [0, 255, 204]
    for data in (encoded(image), encoded(image.convert("LA")), encoded(image, "WEBP", lossless=True)):
        found = pixels(data, channels)
        assert found.reshape(3, -1)[:, 0].tolist() == expected


def test_palettes(colours: Image.Image) -> None:
    flat = colours.quantize(6)
    assert flat.mode == "P"
    assert np.array_equal(pixels(encoded(flat)), np.asarray(colours))
    assert np.array_equal(pixels(encoded(flat, "GIF")), np.asarray(colours))
    red = flat.getpixel((0, 0))
    expected = np.asarray(colours).copy()
    expected[:8, :8] = 255
    for form in ("PNG", "GIF"):
        assert np.array_equal(pixels(encoded(flat, form, transparency=red)), expected)
    graded = bytes(0 if index == red else 255 for index in range(6))
    assert np.array_equal(pixels(encoded(flat, transparency=graded)), expected)


def test_transparent_colour_of_rgb_is_white(colours: Image.Image) -> None:
    found = pixels(encoded(colours, transparency=(255, 0, 0)))
    assert found[0, 0].tolist() == [255, 255, 255]
    assert found[0, 8].tolist() == [0, 255, 0]


def test_cmyk(colours: Image.Image) -> None:
    found = pixels(encoded(colours.convert("CMYK"), "TIFF"))
    assert np.array_equal(found, np.asarray(colours))
    jpeg = pixels(encoded(colours.convert("CMYK"), "JPEG", quality=98)).astype(int)
    assert abs(jpeg - np.asarray(colours)).mean() < 3


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation(colours: Image.Image, form: str, orientation: int) -> None:
    stored_from_upright = STORED[orientation]
    stored = colours if stored_from_upright is None else colours.transpose(stored_from_upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    quality = {"JPEG": {"quality": 98, "subsampling": 0}, "WEBP": {"lossless": True}}.get(form, {})
    found = pixels(encoded(stored, form, exif=exif, **quality))
    assert found.shape == (16, 24, 3)
    assert abs(found.astype(int) - np.asarray(colours)).mean() < 3


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_malformed_exif_costs_the_rotation_alone(colours: Image.Image) -> None:
    assert pixels(encoded(colours, "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff junk")).shape == (16, 24, 3)


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF"])
def test_first_frame_of_an_animation(form: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if form == "WEBP" else {}
    found = pixels(encoded(frames[0], form, save_all=True, append_images=frames[1:], **options))
    assert (found == [255, 0, 0]).all()


@pytest.mark.parametrize("form", ["BMP", "JPEG2000", "PPM", "AVIF"])
def test_other_formats(colours: Image.Image, form: str) -> None:
    if form == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    assert abs(pixels(encoded(colours, form)).astype(int) - np.asarray(colours)).mean() < 12


def test_grey_and_colour(colours: Image.Image) -> None:
    assert pixels(encoded(colours), 1)[0, ::8].tolist() == [76, 150, 29]  # ITU-R 601
    grey = Image.new("L", (3, 3), 77)
    assert (pixels(encoded(grey), 3) == 77).all()
    assert from_array(np.full((2, 2), 7, np.uint8), 3).getpixel((1, 1)) == (7, 7, 7)
    assert from_array(np.full((2, 2, 3), 7, np.uint8), 1).getpixel((1, 1)) == 7


def test_a_truncated_file_is_broken(png: Callable[..., bytes]) -> None:
    for form in ("JPEG", "PNG", "WEBP", "BMP"):
        data = png(0, (64, 64), form)
        with pytest.raises(Exception, match=r"\w"):
            decode(data[: len(data) * 2 // 3], 3)


def test_too_many_pixels_are_refused_before_they_are_decoded() -> None:
    def claiming(width: int, height: int) -> bytes:
        file = BytesIO()
        header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
        file.write(b"\x89PNG\r\n\x1a\n")
        PngImagePlugin.putchunk(file, b"IHDR", header)
        PngImagePlugin.putchunk(file, b"IDAT", b"\0" * 100)
        return file.getvalue()

    with pytest.raises(ValueError, match="more than the limit"), pytest.warns(Image.DecompressionBombWarning):
        decode(claiming(2**14, 2**13 + 1), 3)
    assert MAX_PIXELS == 2**27
    with pytest.raises(Image.DecompressionBombError):
        decode(claiming(2**30, 2**30), 3)


def test_programs_are_not_run_for_postscript(colours: Image.Image) -> None:
    with pytest.raises(Image.UnidentifiedImageError):
        decode(encoded(colours, "EPS"), 3)


def square(image: Image.Image, resolution: int, **changes: object) -> np.ndarray:
    options = {"fit": "crop", "pad_value": 0, "resample": "lanczos", "allow_upscale": False, **changes}
    return np.asarray(to_square(image, resolution, **options))


def test_crop_keeps_the_centre() -> None:
    image = Image.fromarray(np.arange(16 * 10, dtype=np.uint8).reshape(10, 16))
    assert np.array_equal(square(image, 10), np.asarray(image)[:, 3:13])
    assert np.array_equal(square(image.transpose(Image.Transpose.ROTATE_90), 10), np.rot90(np.asarray(image)[:, 3:13]))


def test_pad_adds_bars_on_both_sides() -> None:
    image = Image.new("RGB", (16, 8), "red")
    found = square(image, 16, fit="pad", pad_value=9)
    assert (found[4:12] == [255, 0, 0]).all()
    assert (found[:4] == 9).all()
    assert (found[12:] == 9).all()
    assert square(image, 8, fit="pad").shape == (8, 8, 3)


def test_pad_does_not_build_the_square_of_a_strip() -> None:
    found = square(Image.new("L", (1, 60_000), 200), 8, fit="pad", pad_value=0)
    assert found.shape == (8, 8)
    assert (found == 200).sum() == 8  # one column


def test_pixels_that_fit_are_not_resampled() -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8))
    for resample in ("lanczos", "bicubic", "bilinear", "box", "nearest"):
        assert np.array_equal(square(image, 8, resample=resample), np.asarray(image))


def test_filters_differ_and_box_is_the_mean() -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8))
    found = {name: square(image, 8, resample=name) for name in ("lanczos", "bicubic", "bilinear", "box", "nearest")}
    means = np.asarray(image, float).reshape(8, 4, 8, 4).mean((1, 3))
    assert abs(found["box"] - means).max() <= 1  # Pillow rounds rows and columns apart
    assert len({array.tobytes() for array in found.values()}) == 5


def test_upscaling_must_be_allowed() -> None:
    image = Image.new("L", (1, 1), 50)
    with pytest.raises(TooSmallError, match="1 × 1 pixels"):
        square(image, 8)
    assert (square(image, 8, allow_upscale=True) == 50).all()
    with pytest.raises(TooSmallError):
        square(Image.new("L", (7, 20)), 8)
    square(Image.new("L", (7, 20)), 8, fit="pad")  # its longer side is large enough
