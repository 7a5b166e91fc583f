"""What is in a tree beside the images: named, counted, and no more than that."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from test_prepare_classes import KINDS, make, named, told

from pgan.errors import InputError
from pgan.prepare import decode
from pgan.prepare.build import build
from pgan.prepare.config import Prepare
from pgan.prepare.signatures import identify
from pgan.prepare.sources import Source, open_source, tree
from pgan.prepare.sources.kinds import is_part
from pgan.prepare.sources.left_out import LeftOut, Tally
from pgan.prepare.sources.left_out import told as line

Settings = Callable[..., Prepare]

HEIC = b"\0\0\0\x18ftypheic" + bytes(99)

BESIDE = {
    "dog/1.heic": HEIC,
    "dog/2.HEIC": HEIC,
    "a.svg": b"<svg/>",
    "b.psd": b"8BPS",
    "c.cr2": b"II*\0\x10\0\0\0CR\2\0",
    "c.nef": b"II*\0\x10\0\0\0",
    "d.mp4": b"\0\0\0\x18ftypmp42",
    "e.tga": b"",
    "more.zip": b"PK\3\4",
    "blob": b"7z\xbc\xaf\x27\x1c",
    "x.zip.001": b"PK\3\4",
    "x.part1.rar": b"Rar!",
    "data.mdb": b"",
    "labels.npy": b"\x93NUMPY",
    "Thumbs.db": b"",
    "desktop.ini": b"",
    ".hidden.png": b"",
    ".IMG_1.HEIC.icloud": b"",
    "cat/.DS_Store": b"",
    "notes.txt": b"",
    "photo.jpg~": b"\xff\xd8\xff",
    "Makefile": b"all:",
    "pointer.x": b"version https://git-lfs.github.com/spec/v1\noid sha256:1",
    **dict.fromkeys([f"{folder}/a/1.png" for folder in ("@eaDir", "#recycle", "$RECYCLE.BIN", "__MACOSX")], b""),
    **dict.fromkeys([f"cat/{folder}/1.jpg" for folder in (".thumbnails", "@eaDir", "System Volume Information")], b""),
    **dict.fromkeys([f"{folder}/1.jpg" for folder in (".Trash-1000", "lost+found", ".git", "._AppleDouble")], b""),
    "cat/.ipynb_checkpoints/1-checkpoint.png": b"",
    ".private/1.png": b"",
}

EXPECTED = [
    ("files .heic", 2),
    ("files .tga", 1),
    ("files .cr2 .nef", 2),
    ("files .svg", 1),
    ("files .psd", 1),
    ("files .mp4", 1),
    ("LMDB databases (data.mdb)", 1),
    ("data files (.npy)", 1),
    ("archives inside (.zip)", 2),
    ("parts of split archives", 2),
    ("files that stand for others", 1),
    ("hidden files of iCloud", 1),
    ("hidden files", 2),
    ("hidden folders", 1),
    ("folders of a NAS, desktop or program", 12),
    ("files of a desktop (.db .ini)", 2),
    ("other files (.jpg~ .txt)", 3),
]


@pytest.mark.parametrize("kind", KINDS)
def test_everything_is_counted_by_kind(kind: str, settings: Settings, tmp_path: Path) -> None:
    names = [*BESIDE, "cat/1.png"]
    random.Random(0).shuffle(names)
    content = {name: BESIDE.get(name, b"x") for name in names}
    source = open_source(settings(kind, path=str(make(kind, tmp_path, content))), 0)
    assert source.names == ["cat/1.png"]
    assert [(what, count) for what, count, _ in told(source)] == EXPECTED
    examples = {what: names for what, _, names in told(source)}
    assert examples["files .heic"] == ["dog/1.heic", "dog/2.HEIC"]
    litter = ["#recycle", "$RECYCLE.BIN", ".Trash-1000", "._AppleDouble", ".git"]
    assert examples["folders of a NAS, desktop or program"] == litter


@pytest.mark.parametrize("kind", KINDS)
def test_without_an_image_the_message_says_what_is_there(kind: str, settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        open_source(settings(kind, path=str(make(kind, tmp_path, BESIDE))), 0)
    message = str(caught.value)
    assert "no images in it that can be read, but:" in message
    for advice in ("pip install 'pgan[heic]'", "ffmpeg", "2 archives inside (.zip) (blob, more.zip): not read; unpack"):
        assert advice in message


def test_an_empty_folder(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no images in it: it is empty"):
        open_source(settings("folder", path=str(tmp_path)), 0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_class_that_vanished_is_in_the_description(
    kind: str, png: Callable[..., bytes], settings: Settings, tmp_path: Path
) -> None:
    content = {**{f"{name}/{n}.png": png(n) for name in ("cat", "emu") for n in range(2)}, "dog/1.heic": HEIC}
    meta = build(settings(kind, path=str(make(kind, tmp_path, content)), labels=True), tmp_path / "out")
    assert (meta.classes, meta.class_counts) == (["cat", "emu"], [2, 2])
    assert [(entry["what"], entry["count"], entry["examples"]) for entry in meta.left_out] == [
        ("folders without an image", 1, ["dog"]),
        ("files .heic", 1, ["dog/1.heic"]),
    ]


@pytest.fixture(autouse=True)
def _no_heif(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the optional decoder were not there."""
    known = [ending for ending in decode.suffixes() if ending not in decode.SUFFIXES["HEIF"].split()]
    monkeypatch.setattr(tree, "suffixes", lambda: known)


@pytest.mark.parametrize("kind", KINDS)
def test_an_optional_decoder_brings_its_endings(
    kind: str, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = {"1.heic": HEIC, "2.HIF": HEIC, "3": HEIC, "4.png": b"\x89PNG\r\n\x1a\n"}
    path = make(kind, tmp_path, content)
    assert open_source(settings(kind, path=str(path)), 0).names == ["4.png"]
    monkeypatch.setattr(tree, "suffixes", lambda: [".heic", ".heif", ".hif"])
    source = open_source(settings(kind, path=str(path)), 0)
    assert source.names == ["1.heic", "2.HIF", "3"]
    assert [what for what, _, _ in told(source)] == ["files .png"]


@pytest.mark.parametrize("kind", KINDS)
def test_odd_endings_are_judged_by_the_first_bytes(
    kind: str, png: Callable[..., bytes], settings: Settings, tmp_path: Path
) -> None:
    images = {
        "000001": png(0),
        "a.jpg_large": png(1, form="JPEG"),
        "b.jpeg!d": png(2, form="WEBP"),
        "c.JPG~c200": png(3, form="GIF"),
        "d.heic": png(4, form="JPEG"),
        "e.apng": png(5),
        "f": png(6, form="BMP"),
        "g.1": png(7, form="PPM"),
        "h.x": png(8, form="TIFF"),
    }
    others = {"page": b"<!DOCTYPE html>", "zeros": bytes(999), "empty": b"", "raw.xyz": b"II*\0\x10\0\0\0CR\2\0"}
    meta = build(settings(kind, path=str(make(kind, tmp_path, images | others))), tmp_path / "out")
    assert meta.count == len(images)
    assert [(entry["what"], entry["count"]) for entry in meta.left_out] == [("files .xyz", 1), ("other files", 3)]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF", "DIB"])
def test_first_bytes_of_what_pillow_writes(form: str, tmp_path: Path) -> None:
    Image.init()
    if form not in Image.SAVE:
        pytest.skip(f"this build of Pillow writes no {form}")
    path = tmp_path / "image"
    Image.new("RGB", (9, 7)).save(path, form)
    kind = identify(path.read_bytes()[:512])
    assert (kind and kind.name) == (form if form != "DIB" else None)


def test_a_tally_is_the_same_in_any_order() -> None:
    tallies = []
    for seed in range(3):
        names = [f"{n:03}.x{n % 12}" for n in range(100)]
        random.Random(seed).shuffle(names)
        tally = Tally()
        for name in names:
            tally.add("other", name, name[3:])
        tallies.append(tally.entries())
    assert tallies[0] == tallies[1] == tallies[2]
    (entry,) = tallies[0]
    assert entry.what == "other files (.x0 .x1 .x10 .x11 .x2 .x3 .x4 .x5 …)"
    assert (entry.count, entry.examples) == (100, [f"{n:03}.x{n}" for n in range(5)])


def test_lines() -> None:
    assert line(LeftOut("files .heic", 1, "why", ["a.heic"])) == "1 file .heic (a.heic): why"
    assert line(LeftOut("hidden files", 9, "why", list("abcde"))) == "9 hidden files (a, b, c …): why"
    assert line(LeftOut("archives inside (.zip)", 1, "unpack")) == "1 archive inside (.zip): unpack"


def test_a_source_knows_what_it_left_out_by_default() -> None:
    assert Source(names=[], labels=[], classes=[], read=iter).left_out == []  # type: ignore[arg-type]


def test_pipes_of_odd_names_are_not_opened(settings: Settings, png: Callable[..., bytes], tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(png(0))
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to("nowhere")
    source = open_source(settings("folder", path=str(tmp_path)), 0)
    assert told(source) == [("other files", 2, ["dangling", "pipe"])]


def test_names_in_a_deep_archive_are_bounded(settings: Settings, tmp_path: Path) -> None:
    content = named(*(f"{'a/' * 10_000}{n}.png" for n in range(20)))
    source = open_source(settings("zip", path=str(make("zip", tmp_path, content))), 0)
    assert len(source.names) == 20


def test_a_compressed_archive_is_no_part_of_a_split_one() -> None:
    assert not any(map(is_part, ["a.tar.gz", "a.tar.xz", "a.tar.lz", "a.tar.bz", "a.zip.gz", "a.tgz", "a.zip"]))
    assert all(map(is_part, ["a.zip.001", "a.z01", "a.part1.rar", "a.tar.gz.aa", "a.tar.gz.partab", "a.7z.02"]))
