"""Archives that are not what they seem: other methods, links, parts, joined ones, and other files under their names."""

import bz2
import gzip
import io
import lzma
import struct
import subprocess
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_prepare_classes import named, told
from test_prepare_trees import make_tar, make_zip

from pgan.data.pyramid import open_level
from pgan.errors import InputError
from pgan.prepare.build import build
from pgan.prepare.config import Prepare
from pgan.prepare.sources import Refused, Source, archive, open_source, tar, zstd

Member = tuple[str, bytes | str]
"""A file, or a link as text."""
Settings = Callable[..., Prepare]
Png = Callable[..., bytes]


@pytest.fixture
def opened(settings: Settings) -> Callable[..., Source]:
    """The source at a path, by its ending."""

    def open_it(path: Path, kind: str | None = None, labels: bool = False) -> Source:
        return open_source(settings(kind or path.suffix[1:], path=str(path), labels=labels), 0)

    return open_it


def payloads(source: Source) -> dict[str, Any]:
    """What is read for each name."""
    found = {source.names[index]: payload for index, payload in source.read(np.arange(len(source.names)))}
    return {name: payload.reason if isinstance(payload, Refused) else payload for name, payload in found.items()}


# --- methods of zip


def packed_zip(path: Path, data: bytes, packed: bytes, method: int, flags: int = 0, size: int | None = None) -> Path:
    """A zip archive of one member, `a.png`, packed in any way."""
    size = len(data) if size is None else size
    fields = struct.pack("<HHHHHIIIHH", 20, flags, method, 0, 0, zlib.crc32(data), len(packed), size, 5, 0)
    local = b"PK\3\4" + fields + b"a.png" + packed
    central = b"PK\1\2" + struct.pack("<H", 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, 0) + b"a.png"
    path.write_bytes(local + central + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(central), len(local), 0))
    return path


def lzma_of(data: bytes, dictionary: int = 2**16, declared: int | None = None) -> bytes:
    """As a member of a zip archive, without an end mark."""
    packed = lzma.compress(data, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1, "dict_size": dictionary}])
    return struct.pack("<HHBI", 0x0914, 5, 93, dictionary if declared is None else declared) + packed


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("size", [(12, 10), (300, 200)])
def test_zip_methods(method: int, size: tuple[int, int], png: Png, settings: Settings, tmp_path: Path) -> None:
    content = {f"{n}.png": png(n, size) for n in range(4)} | {"odd": png(9, size)}
    levels = []
    for number in (zipfile.ZIP_DEFLATED, method):
        path = make_zip(tmp_path / "a.zip", content, number)
        assert build(settings("zip", path=str(path)), tmp_path / "out").count == 5
        levels.append(open_level(tmp_path / "out", 8).tobytes())
    assert levels[0] == levels[1]


def test_xz_and_zstd_members(png: Png, opened: Callable[..., Source], tmp_path: Path) -> None:
    pack = pytest.importorskip("backports.zstd").compress
    data = png(0)
    for method, packed in ((95, lzma.compress(data)), (93, pack(data))):
        assert payloads(opened(packed_zip(tmp_path / "a.zip", data, packed, method))) == {"a.png": data}


@pytest.mark.parametrize(
    ("method", "name"),
    [(9, "Deflate64"), (98, "PPMd"), (1, "Shrink"), (96, "WinZip's JPEG"), (1234, "method 1234")],
)
def test_methods_that_are_named(method: int, name: str, opened: Callable[..., Source], tmp_path: Path) -> None:
    found = payloads(opened(packed_zip(tmp_path / "a.zip", b"x" * 50, b"y" * 50, method)))
    assert found == {"a.png": f"compressed with {name}, which is not read; unpack it and use source: folder"}


@pytest.mark.parametrize(
    ("method", "pack"),
    [(12, bz2.compress), (14, lzma_of), (95, lambda data: lzma.compress(data, preset=0))],
    ids=["bzip2", "LZMA", "xz"],
)
def test_a_bomb_in_any_method(
    method: int, pack: Callable[[bytes], bytes], opened: Callable[..., Source], tmp_path: Path
) -> None:
    data = bytes(2**24)
    path = packed_zip(tmp_path / "a.zip", data, pack(data), method)
    source = opened(path)
    tracemalloc.start()
    from pgan.prepare.sources import zip as zips

    before, zips.MAX_FILE = zips.MAX_FILE, 2**16
    try:
        assert payloads(source) == {"a.png": "more than the limit of 65536 bytes"}
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        zips.MAX_FILE = before
        tracemalloc.stop()


@pytest.mark.parametrize("declared", [2**32 - 1, 0, 2**31])
def test_an_lzma_dictionary_that_is_only_claimed(
    declared: int, png: Png, opened: Callable[..., Source], tmp_path: Path
) -> None:
    data = png(0, (90, 90))
    packed = lzma_of(data, declared=declared)
    assert payloads(opened(packed_zip(tmp_path / "a.zip", data, packed, 14))) == {"a.png": data}


BROKEN: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "bzip2 of nonsense": (12, lambda data: b"nonsense" * 9),
    "bzip2 cut off": (12, lambda data: bz2.compress(data)[:-20]),
    "LZMA without a header": (14, lambda data: b"x"),
    "LZMA of wrong settings": (14, lambda data: struct.pack("<HHBI", 0, 5, 225, 4096) + data),
    "LZMA of nonsense": (14, lambda data: struct.pack("<HHBI", 0, 5, 93, 4096) + b"\xff" * 50),
    "LZMA cut off": (14, lambda data: lzma_of(data)[:-30]),
    "xz of nonsense": (95, lambda data: b"nonsense" * 9),
    "xz of other data": (95, lambda data: lzma.compress(data[:-1] + b"?")),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_broken_members_are_skipped(broken: str, png: Png, opened: Callable[..., Source], tmp_path: Path) -> None:
    method, pack = BROKEN[broken]
    data = png(0)
    found = payloads(opened(packed_zip(tmp_path / "a.zip", data, pack(data), method)))["a.png"]
    assert isinstance(found, str)
    assert found.startswith("cannot be unpacked: ")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_size_that_lies_in_any_method(method: int, png: Png, opened: Callable[..., Source], tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"a.png": png(0)}, method)
    data = bytearray(path.read_bytes())
    central = data.index(b"PK\1\2")
    data[central + 24 : central + 28] = struct.pack("<I", 10)
    path.write_bytes(data)
    assert "cannot be unpacked" in payloads(opened(path))["a.png"]


# --- what stands around an archive, or is none


def test_parts_of_a_split_zip(png: Png, opened: Callable[..., Source], tmp_path: Path) -> None:
    whole = make_zip(tmp_path / "whole.zip", {f"{n}.png": png(n, (60, 60)) for n in range(4)}).read_bytes()
    (tmp_path / "a.zip.001").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "a.zip.002").write_bytes(whole[len(whole) // 2 :])
    for number in ("001", "002"):
        with pytest.raises(InputError, match="one part of a split archive; join the parts first"):
            payloads(opened(tmp_path / f"a.zip.{number}", "zip"))
    last = bytearray(whole)
    last[-18:-14] = struct.pack("<HH", 2, 2)  # as `zip -s` numbers its parts
    (tmp_path / "b.zip").write_bytes(last)
    with pytest.raises(InputError, match="the last, one part of a split archive"):
        opened(tmp_path / "b.zip")


def test_data_around_a_zip(png: Png, opened: Callable[..., Source], tmp_path: Path) -> None:
    first = make_zip(tmp_path / "first.zip", {"1.png": png(1)}).read_bytes()
    second = make_zip(tmp_path / "second.zip", {"2.png": png(2)}).read_bytes()
    path = tmp_path / "a.zip"
    for data, expected in (
        (first + second, [f"pieces of data before the archive, {len(first)} bytes"]),
        (b"MZ" + bytes(98) + second, ["pieces of data before the archive, 100 bytes"]),
        (second + b"\r\n", ["pieces of data after the archive, 2 bytes"]),
        (second, []),
    ):
        path.write_bytes(data)
        source = opened(path)
        assert payloads(source) == {"2.png": png(2)}
        assert [what for what, _, _ in told(source)] == expected
    path.write_bytes(second + bytes(2**17))
    with pytest.raises(InputError, match="begins as one, but its end is missing"):
        opened(path)


OTHERS = {
    "zip": {
        "a RAR archive; unpack it and use source: folder": b"Rar!\x1a\7\1\0" + bytes(200),
        "a 7z archive; unpack it": b"7z\xbc\xaf\x27\x1c" + bytes(200),
        "a tar archive; set prepare.source to tar": bytes(257) + b"ustar\x0000" + bytes(200),
        "a gzip file; if it is a packed tar archive, set prepare.source to tar": gzip.compress(b"x"),
        "a web page (HTML); the download went wrong, fetch it again": b"<!DOCTYPE html><title>Quota exceeded",
        "an empty file; the download went wrong": b"",
        "a single image (JPEG); use source: folder": b"\xff\xd8\xff\xe0" + bytes(99),
        "an HDF5 file; export its images": b"\x89HDF\r\n\x1a\n" + bytes(99),
        "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0",
        "it begins as one, but its end is missing": b"PK\3\4" + bytes(99),
    },
    "tar": {
        "a zip archive; set prepare.source to zip": b"PK\3\4" + bytes(600),
        "a RAR archive; unpack it and use source: folder": b"Rar!\x1a\7\1\0" + bytes(600),
        "an lz4 file; unpack it": b"\x04\x22\x4d\x18" + bytes(600),
        "a web page (HTML)": b"<html>" + b" " * 600,
        "an empty file": b"",
    },
    "folder": {
        "a zip archive; set prepare.source to zip": b"PK\3\4" + bytes(99),
        "a tar archive; set prepare.source to tar": bytes(257) + b"ustar\x0000" + bytes(200),
    },
}


@pytest.mark.parametrize(("kind", "message"), [(kind, message) for kind in OTHERS for message in OTHERS[kind]])
def test_files_under_a_wrong_name(kind: str, message: str, opened: Callable[..., Source], tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind}"
    path.write_bytes(OTHERS[kind][message])
    with pytest.raises(InputError) as caught:
        opened(path, kind)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_other_archives_beside_it_are_said(
    kind: str, png: Png, opened: Callable[..., Source], settings: Settings, tmp_path: Path
) -> None:
    pack = make_zip if kind == "zip" else make_tar
    for number in range(3):
        pack(tmp_path / f"train-{number:05}.{kind}", {"cat/1.png": png(number)})
    pack(tmp_path / f"other-00000.{kind}", {"cat/1.png": png(0)})
    (note,) = opened(tmp_path / f"train-00000.{kind}").notes
    assert note.startswith(
        f"archives beside it that are numbered like it are not read: 2, such as train-00001.{kind}; to have all, unpack"
    )
    with pytest.raises(InputError, match=rf"one class only.*\n.*such as train-00001\.{kind}"):
        opened(tmp_path / f"train-00000.{kind}", labels=True)
    with pytest.raises(InputError, match=rf"4 archives inside \(\.{kind}\)"):
        opened(tmp_path, "folder")
    assert archive.numbered_like(tmp_path / "gone" / "x1.zip") == []


# --- tar


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_tar_archives_in_a_row_are_all_read(
    pack: Callable[[bytes], bytes], png: Png, opened: Callable[..., Source], tmp_path: Path
) -> None:
    content = {f"{n}.png": png(n, (40, 40)) for n in range(6)}
    path = tmp_path / "a.tar"
    archives = []
    for half in (0, 3):
        part = {name: data for name, data in content.items() if half <= int(name[0]) < half + 3}
        archives.append(make_tar(path, part).read_bytes())
    for data in (pack(b"".join(archives)), b"".join(map(pack, archives))):
        path.write_bytes(data)
        source = opened(path)
        assert payloads(source) == content
        assert source.left_out == []


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("rest", [b"x" * 700, bytes(2000) + b"x", b"\x01" * 5000], ids=["text", "late", "binary"])
def test_other_data_after_a_tar_are_said(
    pack: Callable[[bytes], bytes], rest: bytes, png: Png, opened: Callable[..., Source], tmp_path: Path
) -> None:
    path = make_tar(tmp_path / "a.tar", {"1.png": png(1)})
    path.write_bytes(pack(path.read_bytes() + rest))
    source = opened(path)
    assert payloads(source) == {"1.png": png(1)}
    assert [what for what, _, _ in told(source)] == ["pieces of data after the archive"]


def test_other_data_after_a_gzip_stream_are_said(png: Png, opened: Callable[..., Source], tmp_path: Path) -> None:
    path = make_tar(tmp_path / "a.tar", {"1.png": png(1)}, "w:gz")
    path.write_bytes(path.read_bytes() + b"garbage")
    source = opened(path)
    assert payloads(source) == {"1.png": png(1)}
    assert [what for what, _, _ in told(source)] == ["pieces of data after the archive"]


def test_a_part_of_a_split_tar(png: Png, opened: Callable[..., Source], tmp_path: Path) -> None:
    whole = make_tar(tmp_path / "a.tar", {f"{n}.png": png(n, (60, 60)) for n in range(4)}, "w:gz").read_bytes()
    (tmp_path / "a.tar.gz.aa").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "a.tar.gz.ab").write_bytes(whole[len(whole) // 2 :])
    for name in ("aa", "ab"):
        with pytest.raises(InputError, match="one part of a split archive"):
            opened(tmp_path / f"a.tar.gz.{name}", "tar")


def test_zstd(png: Png, opened: Callable[..., Source], tmp_path: Path) -> None:
    pack = pytest.importorskip("backports.zstd").compress
    content = {f"{n}.png": png(n) for n in range(4)}
    data = make_tar(tmp_path / "a.tar", content).read_bytes()
    for packed in (pack(data), pack(data[:5000]) + pack(data[5000:])):
        (tmp_path / "a.zst").write_bytes(packed)
        assert payloads(opened(tmp_path / "a.zst", "tar")) == content
    (tmp_path / "a.zst").write_bytes(pack(data)[:-50])
    with pytest.raises(InputError, match="the archive is cut off"):
        opened(tmp_path / "a.zst", "tar")
    wide = b"\x28\xb5\x2f\xfd\0\xa8" + struct.pack("<I", 700 << 3 | 1)[:3] + bytes(700)  # asks for 2 GiB
    for broken, message in (
        (pack(data)[:20] + b"\xff" * 400, "cut off|cannot be unpacked"),
        (wide, "cannot be unpacked"),
    ):
        (tmp_path / "a.zst").write_bytes(broken)
        with pytest.raises(InputError, match=message):
            opened(tmp_path / "a.zst", "tar")


def test_without_a_library_for_zstd(
    png: Png, opened: Callable[..., Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zstd, "_zstd", None)
    (tmp_path / "a.zst").write_bytes(b"\x28\xb5\x2f\xfd" + bytes(50))
    with pytest.raises(InputError) as caught:
        opened(tmp_path / "a.zst", "tar")
    assert str(caught.value).endswith(
        "a.zst: compressed with zstd, and no library for it is here; pip install 'pgan[zstd]', or unpack it"
    )
    found = payloads(opened(packed_zip(tmp_path / "a.zip", b"x", b"y", 93)))
    assert found["a.png"].startswith("compressed with zstd, and no library")


def linked(path: Path, members: list[Member], hard: bool = False) -> Path:
    """A tar archive of files (bytes) and links (text)."""
    with tarfile.open(path, "w") as file:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.LNKTYPE if hard else tarfile.SYMTYPE, content
                file.addfile(member)
            else:
                member.size = len(content)
                file.addfile(member, io.BytesIO(content))
    return path


def zip_linked(path: Path, members: list[Member]) -> Path:
    """The same as a zip archive."""
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o120777 if isinstance(content, str) else 0o100644) << 16
            file.writestr(info, content)
    return path


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_symbolic_links_inside_an_archive(kind: str, png: Png, opened: Callable[..., Source], tmp_path: Path) -> None:
    one, two = png(1), png(2)
    members: list[Member] = [
        ("dog/first.png", "../cat/1.png"),
        ("./cat/1.png", one),
        ("cat/2.png", two),
        ("dog/chain.png", "first.png"),
        ("dog/without-ending", "./../cat/2.png"),
        ("dog/loop.png", "loop.png"),
        ("dog/gone.png", "../cat/3.png"),
        ("dog/out.png", "../../etc/1.png"),
        ("dog/root.png", "/cat/1.png"),
        ("dog/cats", "../cat"),
        ("cat/2.png", "1.png"),
        (".hidden.png", "cat/1.png"),
    ]
    path = tmp_path / f"a.{kind}"
    source = opened((linked if kind == "tar" else zip_linked)(path, members), labels=True)
    found = payloads(source)
    for name in ("cat/1.png", "cat/2.png", "dog/first.png", "dog/chain.png", "dog/without-ending"):
        assert found.pop(name) == one, name
    assert found == {
        f"dog/{name}.png": f"a link to {target}, which is no image in the archive"
        for name, target in {
            "loop": "loop.png",
            "gone": "../cat/3.png",
            "out": "../../etc/1.png",
            "root": "/cat/1.png",
        }.items()
    }
    assert told(source) == [
        ("links", 1, ["dog/cats"]),
        ("files whose name comes again later in the archive", 1, ["cat/2.png"]),
        ("hidden files", 1, [".hidden.png"]),
    ]


def test_hard_links_inside_a_tar(png: Png, settings: Settings, tmp_path: Path) -> None:
    members: list[Member] = [
        ("cat/1.png", png(1)),
        ("dog/1.png", "./cat/1.png"),
        ("dog/2.png", png(2)),
    ]
    path = linked(tmp_path / "a.tar", members, hard=True)
    for workers in (1, 2):
        meta = build(settings("tar", path=str(path), labels=True), tmp_path / f"out{workers}", workers=workers)
        assert (meta.class_counts, meta.skipped) == ([1, 2], [])
        images = open_level(tmp_path / f"out{workers}", 8)
        assert np.array_equal(images[0], images[1])
        assert not np.array_equal(images[0], images[2])


def test_links_cannot_multiply_an_archive(
    opened: Callable[..., Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tar, "MAX_RATIO", 1)
    members: list[Member] = [("0.png", bytes(2**24)), *((f"{n}.png", "0.png") for n in range(1, 90))]
    source = opened(linked(tmp_path / "a.tar", members))
    with pytest.raises(InputError, match="unpacks to more than"):
        sum(1 for _ in source.read(np.arange(90)))


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_come_again(kind: str, png: Png, opened: Callable[..., Source], tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind}"
    members: list[Member] = [("1.png", png(1)), ("./1.png", png(2)), ("1.png", png(3))]
    source = opened((linked if kind == "tar" else zip_linked)(path, members))
    assert payloads(source) == {"1.png": png(3)}
    assert told(source) == [("files whose name comes again later in the archive", 2, ["1.png"])]


def test_what_tar_itself_makes(png: Png, opened: Callable[..., Source], tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        (tmp_path / f"{name}/1.png").write_bytes(png(1))
    (tmp_path / "dog/2.png").hardlink_to(tmp_path / "cat/1.png")
    (tmp_path / "dog/3.png").symlink_to("../cat/1.png")
    (tmp_path / "empty").mkdir()
    subprocess.run(["tar", "czf", "a.tar", "./cat", "dog", "empty"], cwd=tmp_path, check=True)
    source = opened(tmp_path / "a.tar", labels=True)
    assert set(payloads(source).values()) == {png(1)}
    assert (source.labels.tolist(), source.classes) == ([0, 1, 1, 1], ["cat", "dog"])
    assert told(source) == [("folders without an image", 1, ["empty"])]


def test_the_listing_of_a_tar_reads_forwards(
    opened: Callable[..., Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at the first bytes of a member must not make a compressed stream begin again."""
    content = {f"{n}": bytes([n + 1]) * (n * 171) for n in range(20)}
    path = make_tar(tmp_path / "a.tar", {**content, **named("1.png")}, "w:gz")
    seeks: list[int] = []

    original = tar._Bounded.seek

    def seek(self: tar._Bounded, position: int) -> int:
        seeks.append(position - self.tell())
        return original(self, position)

    monkeypatch.setattr(tar._Bounded, "seek", seek)
    assert opened(path, "tar").names == ["1.png"]
    assert seeks
    assert min(seeks) >= 0
