"""What Pillow silently gets wrong is put right or refused, in words that say what to do."""

import re
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from encoders import GREY, RGB, bmp, chunk, encoded, png, tiff
from PIL import Image, features

from pgan.prepare.decode import decode
from pgan.prepare.formats.png import MAX_TEXT
from pgan.prepare.unreadable import Unreadable

RAMP = np.arange(0, 256, 17, dtype=np.uint8).reshape(2, 8)
"""(2, 8): 0 to 255 in steps of 17."""

COLOURS = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)


def pixels(data: bytes, channels: int = 1) -> np.ndarray:
    return np.asarray(decode(data, channels))


@pytest.fixture
def photo() -> Image.Image:
    """Shapes that compress like those of a photograph, 96 × 64."""
    y, x = np.mgrid[0:64, 0:96]
    noise = np.random.default_rng(0).normal(0, 8, (64, 96, 3))
    waves = np.stack([x * 2, y * 3, 255 - x - y], 2) + 40 * np.sin(x / 5)[..., None]
    return Image.fromarray(np.clip(waves + noise, 0, 255).astype(np.uint8))


def refused(data: bytes, words: str, channels: int = 3) -> None:
    with pytest.raises(Unreadable, match=words) as caught:
        decode(data, channels)
    assert re.search("; (convert|export|get|save)", str(caught.value))


# --- TIFF


def planes(values: np.ndarray) -> bytes:
    return values.transpose(2, 0, 1).tobytes()


@pytest.mark.parametrize("order", ["<", ">"])
def test_planes_of_16_bits(order: str) -> None:
    wide = COLOURS.astype(f"{order}u2") * np.array(257, f"{order}u2")
    wide = wide.astype(f"{order}u2")
    each = wide.nbytes // 3
    tags = {"t258": [16] * 3, "t262": [2], "t277": [3]}
    assert abs(pixels(tiff((6, 8), wide.tobytes(), order, **tags), 3).astype(int) - COLOURS).max() <= 1
    places = {"t284": [2], "t273": [8 + i * each for i in range(3)], "t279": [each] * 3}
    refused(tiff((6, 8), planes(wide), order, **tags, **places), "16 bits in separate planes")


def test_planes_of_8_bits_are_read_and_those_of_grey_with_alpha_are_not() -> None:
    places = {"t284": [2], "t273": [8, 56, 104], "t279": [48] * 3}
    assert np.array_equal(pixels(tiff((6, 8), planes(COLOURS), t258=[8] * 3, t262=[2], t277=[3], **places), 3), COLOURS)
    places = {"t284": [2], "t273": [8, 56], "t279": [48] * 2, "t338": [2]}
    refused(tiff((6, 8), planes(COLOURS[..., :2]), t258=[8] * 2, t277=[2], **places), "separate planes")


def test_planes_of_lab() -> None:
    places = {"t284": [2], "t273": [8, 56, 104], "t279": [48] * 3}
    refused(tiff((6, 8), planes(COLOURS), t258=[8] * 3, t262=[8], t277=[3], **places), "separate planes")
    lab = tiff((6, 8), COLOURS.tobytes(), t258=[8] * 3, t262=[8], t277=[3])
    assert np.array_equal(pixels(lab, 1), np.asarray(decode(lab, 3).convert("L")))


def test_signed_samples() -> None:
    refused(tiff((2, 8), RAMP.tobytes(), t339=[2]), "signed numbers")
    refused(tiff((2, 8), RAMP.astype("<i2").tobytes(), t258=[16], t339=[2]), "signed numbers")


def test_12_bits_reach_white() -> None:
    values = np.array([[0, 2048, 4094, 4095]])
    bits = (values[..., None] >> np.arange(11, -1, -1) & 1).astype(np.uint8)
    assert pixels(tiff((1, 4), np.packbits(bits).tobytes(), t258=[12])).tolist() == [[0, 128, 255, 255]]


@pytest.mark.parametrize("bits", [8, 16])
def test_white_may_be_zero(bits: int) -> None:
    values = RAMP if bits == 8 else (RAMP.astype("<u2") * 257).astype("<u2")
    assert np.array_equal(pixels(tiff((2, 8), values.tobytes(), t258=[bits], t262=[0])), 255 - RAMP)
    assert np.array_equal(pixels(tiff((2, 8), values.tobytes(), t258=[bits], t262=[1])), RAMP)


def test_a_colour_map_of_8_bits() -> None:
    colours = np.random.default_rng(1).integers(0, 256, (3, 256))
    for factor in (1, 257):
        data = tiff((2, 8), RAMP.tobytes(), t262=[3], t320=(colours * factor).ravel().tolist())
        assert np.array_equal(pixels(data, 3), colours.T[RAMP])


def test_subsampled_colours_that_are_not_compressed() -> None:
    tags = {"t258": [8] * 3, "t262": [6], "t277": [3]}
    grey = np.concatenate([np.full((4, 4, 1), 90), np.full((4, 4, 2), 128)], 2).astype(np.uint8)
    assert (pixels(tiff((4, 4), grey.tobytes(), t530=[1, 1], **tags), 3) == 90).all()
    refused(tiff((4, 4), bytes([90] * 4 + [128] * 2) * 4 + bytes(100), t530=[2, 2], **tags), "fewer colours")
    refused(tiff((4, 4), bytes([90] * 4 + [128] * 2) * 4 + bytes(100), **tags), "fewer colours")


@pytest.mark.parametrize(
    "tags",
    [
        {"t278": [1]},  # one strip listed of two
        {"t278": [1], "t273": [8, 0], "t279": [8, 0]},
        {"t273": [0], "t279": [0]},
    ],
)
def test_strips_that_are_missing(tags: dict[str, list[int]]) -> None:
    refused(tiff((2, 8), RAMP.tobytes(), **tags), "parts of this TIFF are missing")


def test_tiles_that_are_missing() -> None:
    tile = np.arange(256, dtype=np.uint8)
    tiles = {"t322": [16], "t323": [16], "t324": [8, 8], "t325": [256, 256]}
    assert np.array_equal(pixels(tiff((16, 32), tile.tobytes(), **tiles)), np.tile(tile.reshape(16, 16), 2))
    tiles |= {"t324": [8, 0], "t325": [256, 0]}
    refused(tiff((16, 32), tile.tobytes(), **tiles), "1 of the 2 parts")


def test_previews_of_raw_images() -> None:
    refused(tiff((2, 8), RAMP.tobytes(), t50706=[1]), "raw image")
    refused(tiff((2, 8), RAMP.tobytes(), t254=[1], t330=[8]), "raw image")
    assert np.array_equal(pixels(tiff((2, 8), RAMP.tobytes(), t254=[1])), RAMP)  # it is all that there is


@pytest.mark.parametrize("orientation", [1, 6])
def test_strips_are_counted_before_the_image_is_turned(orientation: int) -> None:
    data = tiff((2, 8), RAMP.tobytes(), t278=[1], t273=[8, 16], t279=[8, 8], t274=[orientation])
    assert np.array_equal(pixels(data), RAMP if orientation == 1 else np.rot90(RAMP, -1))


# --- PNG


def with_chunk(data: bytes, *chunks: bytes) -> bytes:
    """Chunks after the header of a PNG."""
    return data[:33] + b"".join(chunks) + data[33:]


LONG = bytes(2_000_000)


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"zTXt", b"prompt\0\0" + zlib.compress(LONG)),
        chunk(b"iTXt", b"prompt\0\1\0\0\0" + zlib.compress(LONG)),
        chunk(b"iCCP", b"profile\0\0" + zlib.compress(LONG)),
        chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(LONG)),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(LONG)),
        chunk(b"tEXt", b"workflow\0" + b"x" * 2_000_000) * 40,
        chunk(b"zTXt", b"broken\0\0no zlib") + chunk(b"iCCP", b"no end") + chunk(b"gAMA", b""),
    ],
    ids=["text", "international", "profile", "exif", "xmp", "80 MB", "broken"],
)
def test_chunks_that_no_picture_needs(extra: bytes) -> None:
    assert np.array_equal(pixels(with_chunk(encoded(Image.fromarray(COLOURS), "PNG"), extra), 3), COLOURS)


def test_a_text_that_explodes_takes_little_memory() -> None:
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(2**20)) for _ in range(64)) + packer.flush()
    data = png(RAMP[..., None], 8, GREY, chunk(b"zTXt", b"Raw profile type exif\0\0" + packed))
    tracemalloc.start()
    assert np.array_equal(pixels(data), RAMP)
    assert tracemalloc.get_traced_memory()[1] < 4 * MAX_TEXT
    tracemalloc.stop()


def test_orientation_in_a_text_still_counts() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    body = exif.tobytes()
    text = f"\nexif\n{len(body):8}\n{body.hex()}\n".encode()
    for extra in (chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text)), chunk(b"eXIf", body[6:])):
        data = with_chunk(encoded(Image.fromarray(COLOURS), "PNG"), extra, chunk(b"tEXt", b"a\0b"))
        assert np.array_equal(pixels(data, 3), COLOURS[::-1, ::-1])


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_transparent_value_of_grey(bits: int) -> None:
    most = 2**bits - 1
    values = (RAMP.astype(int) * most // 255).astype(np.uint16 if bits == 16 else np.uint8)
    for value in {int(values[0, 5]), int(values[1, 7])}:
        data = png(values[..., None], bits, GREY, chunk(b"tRNS", struct.pack(">H", value)))
        expected = np.where(values == value, 255, values.astype(int) * 255 // most)
        assert abs(pixels(data).astype(int) - expected).max() <= 1


def test_transparent_colour_of_16_bits() -> None:
    wide = np.array([[[5, 9, 3], [9, 9, 9]]], np.uint16)
    assert (pixels(png(wide, 16, RGB), 3) == 0).all()
    refused(png(wide, 16, RGB, chunk(b"tRNS", struct.pack(">HHH", 5, 9, 3))), "one transparent colour")


def test_png_rows_that_are_missing() -> None:
    values = np.full((40, 8, 1), 200, np.uint8)
    refused(png(values, 8, GREY, rows=12), "rows at the end are missing")
    values[20:] = 0
    assert np.array_equal(pixels(png(values, 8, GREY)), values[..., 0])  # black, but there


def test_png_without_its_last_chunk_is_whole() -> None:
    data = png(RAMP[..., None], 8, GREY)
    assert np.array_equal(pixels(data[:-12]), RAMP)


def test_png_whose_pixels_are_zeros_after_a_broken_download(photo: Image.Image) -> None:
    data = encoded(photo, "PNG")
    half = len(data) // 2
    refused(data[:half] + bytes(len(data) - half), "checksum")


# --- others


def test_bmp_with_transparency_in_16_bits() -> None:
    values = np.array([[0xFFFF, 0x8000]], np.uint16)
    refused(bmp(values, [0x7C00, 0x3E0, 0x1F, 0x8000]), "transparency")
    assert pixels(bmp(values, [0x7C00, 0x3E0, 0x1F, 0])).tolist() == [[255, 0]]


@pytest.mark.skipif(not features.check("jpg_2000"), reason="this Pillow has no JPEG 2000")
def test_deep_colours_of_jpeg_2000(photo: Image.Image) -> None:
    data = encoded(photo, "JPEG2000")
    at = data.index(b"\xff\x4f\xff\x51") + 42
    deep = bytearray(data)
    deep[at : at + 9 : 3] = bytes([11] * 3)  # 12 bits in each channel, by what the header says
    refused(bytes(deep), "12 bits a channel")
    wide = Image.fromarray(np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64))
    expected = np.asarray(wide).astype(int) * 255 / 65535
    assert abs(pixels(encoded(wide, "JPEG2000")) - expected).max() <= 1


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize(
    "options",
    [{}, {"progressive": True}, {"restart_marker_rows": 1}, {"subsampling": 0}, {"mode": "L"}, {"mode": "CMYK"}],
    ids=str,
)
def test_a_jpeg_that_was_cut_and_closed(options: dict[str, object], share: float, photo: Image.Image) -> None:
    options = dict(options)
    data = encoded(photo.convert(str(options.pop("mode", "RGB"))), "JPEG", **options)
    begin = data.index(b"\xff\xda")
    cut = data[: begin + int((len(data) - begin) * share)]
    if options.get("progressive"):  # between two scans
        cut = data[: [found.start() for found in re.finditer(b"\xff\xda", data)][int(share * 8)]]
    refused(cut + b"\xff\xd9", "^cut off")
    with pytest.raises((OSError, Unreadable), match=r"truncated|cut off"):
        decode(cut, 3)
    assert pixels(data, 3).shape == (64, 96, 3)


def test_jpegs_that_are_whole(photo: Image.Image) -> None:
    grey = Image.new("RGB", (96, 64), (128, 128, 128))
    grey.paste(photo, (0, 0, 96, 64), Image.linear_gradient("L").resize((96, 64)).point(lambda v: 255 * (v < 128)))
    for form, options in (
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("JPEG", {"restart_marker_blocks": 5}),
        ("MPO", {"save_all": True, "append_images": [photo]}),
    ):
        data = encoded(grey, form, **options)
        assert (pixels(data, 3)[-1] == 128).all()
        assert np.array_equal(pixels(data + b"after the end", 3), pixels(data, 3))


def first_half(data: bytes) -> bytes:
    return data[: len(data) // 2] + bytes(len(data) - len(data) // 2)


@pytest.mark.parametrize("options", [{"quality": 80}, {"lossless": True}], ids=str)
def test_a_webp_that_ends_in_zeros(options: dict[str, object], photo: Image.Image) -> None:
    data = encoded(photo, "WEBP", **options)
    refused(first_half(data), "zeros")
    assert pixels(data, 3).shape == (64, 96, 3)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_an_avif_that_ends_in_zeros(photo: Image.Image) -> None:
    data = encoded(photo, "AVIF", quality=90)
    refused(first_half(data), "zeros")
    padded = data + struct.pack(">I", 4096) + b"free" + bytes(4088)
    assert np.array_equal(pixels(padded, 3), pixels(data, 3))


HALVES: dict[str, Callable[[Image.Image], bytes]] = {
    "GIF": lambda image: encoded(image, "GIF"),
    "TIFF": lambda image: encoded(image, "TIFF", compression="tiff_lzw"),
    "JPEG in TIFF": lambda image: encoded(image, "TIFF", compression="jpeg"),
    "bilevel TIFF": lambda image: encoded(image.convert("1"), "TIFF", compression="group4"),
    "PPM": lambda image: encoded(image, "PPM"),
    "JPEG 2000": lambda image: encoded(image, "JPEG2000"),
    "AVIF": lambda image: encoded(image, "AVIF"),
    "animated WebP": lambda image: encoded(image, "WEBP", save_all=True, append_images=[image.rotate(9)]),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", HALVES)
def test_half_a_file_is_never_used(kind: str, photo: Image.Image) -> None:
    data = HALVES[kind](photo)
    for share in (0.4, 0.7, 0.95):
        with pytest.raises(Exception, match=r"\w"):
            decode(data[: int(len(data) * share)], 3)
    assert decode(data, 3).size == (96, 64)


def test_nothing_is_changed_in_the_usual_formats(photo: Image.Image) -> None:
    for form in ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM"):
        data = encoded(photo, form)
        with Image.open(BytesIO(data)) as image:
            assert np.array_equal(pixels(data, 3), np.asarray(image.convert("RGB")))
