"""Folders, zip and tar archives of images."""

import io
import os
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pgan.data.pyramid import open_labels, open_level, read_meta
from pgan.errors import InputError
from pgan.prepare.build import build
from pgan.prepare.config import Prepare
from pgan.prepare.sources import tar
from pgan.prepare.sources import tree as trees

ORDER = ["cat/10.jpg", "cat/9.webp", "cat/more/1.PNG", "cat.x/1.png", "dog/2.png"]

Settings = Callable[..., Prepare]


def make_zip(path: Path, content: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def make_tar(path: Path, content: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_folder(tree_folder: Path, tree: dict[str, bytes], settings: Settings, tmp_path: Path) -> None:
    meta = build(settings("folder", path=str(tree_folder), labels=True), tmp_path / "out")
    assert meta == read_meta(tmp_path / "out")
    assert (meta.count, meta.channels, meta.levels, meta.skipped) == (5, 3, [4, 8], [])
    assert meta.classes == ["cat", "cat.x", "dog"]
    assert open_labels(tmp_path / "out").tolist() == [0, 0, 0, 1, 2]
    images = open_level(tmp_path / "out", 8)
    assert isinstance(images, np.memmap)
    for position, name in enumerate(ORDER):
        with Image.open(io.BytesIO(tree[name])) as image:
            expected = image.convert("RGB").resize((8, 8), Image.Resampling.LANCZOS, box=(1, 0, 11, 10))
        assert np.array_equal(images[position], np.asarray(expected).transpose(2, 0, 1)), name
    means = images[:].astype(float).reshape(5, 3, 4, 2, 4, 2).mean((3, 5))
    assert np.array_equal(open_level(tmp_path / "out", 4), np.rint(means).astype(np.uint8))


def test_without_labels(tree_folder: Path, settings: Settings, tmp_path: Path) -> None:
    meta = build(settings("folder", path=str(tree_folder), channels=1), tmp_path / "out")
    assert meta.classes == []
    assert open_labels(tmp_path / "out").tolist() == [0] * 5
    assert open_level(tmp_path / "out", 8).shape == (5, 1, 8, 8)


def test_archives_give_the_same_pyramid_as_the_folder(
    tree_folder: Path, tree: dict[str, bytes], settings: Settings, tmp_path: Path
) -> None:
    build(settings("folder", path=str(tree_folder), labels=True), tmp_path / "out")
    expected = files_of(tmp_path / "out")
    expected.pop("meta.json")
    archives = [
        make_zip(tmp_path / "a.zip", tree),
        make_zip(tmp_path / "b.zip", dict(reversed(tree.items())), zipfile.ZIP_STORED),
        make_zip(tmp_path / "c.zip", {name.replace("/", "\\"): data for name, data in tree.items()}),
        make_zip(tmp_path / "d.zip", {f"./{name}": data for name, data in tree.items()}),
        *(make_tar(tmp_path / f"e.tar.{kind}", tree, f"w:{kind}") for kind in ("gz", "bz2", "xz")),
        make_tar(tmp_path / "f.tar", dict(reversed(tree.items()))),
    ]
    for path in archives:
        out = tmp_path / f"out_{path.name}"
        meta = build(settings(path.suffix[1:] if path.suffix == ".zip" else "tar", path=str(path), labels=True), out)
        found = files_of(out)
        found.pop("meta.json")
        assert found == expected, path.name
        assert meta.source_digest == read_meta(tmp_path / "out").source_digest


def test_the_digest_tells_content_and_names(tree_folder: Path, settings: Settings, tmp_path: Path) -> None:
    def digest() -> str:
        return build(settings("folder", path=str(tree_folder)), tmp_path / "out").source_digest

    before = digest()
    assert digest() == before
    (tree_folder / "notes.txt").write_text("changed")
    assert digest() == before
    (tree_folder / "dog/2.png").rename(tree_folder / "dog/3.png")
    renamed = digest()
    assert renamed != before
    image = Image.new("RGB", (12, 10))
    image.save(tree_folder / "dog/3.png")
    assert digest() not in (before, renamed)


def test_max_images_are_spread_over_the_classes(png: Callable[..., bytes], settings: Settings, tmp_path: Path) -> None:
    content = {f"{name}/{number}.png": png(number) for name in "abc" for number in range(6)}
    for kind, path in (("zip", make_zip(tmp_path / "a.zip", content)), ("tar", make_tar(tmp_path / "a.tar", content))):
        build(settings(kind, path=str(path), labels=True, max_images=6), tmp_path / kind)
        assert open_labels(tmp_path / kind).tolist() == [0, 0, 1, 1, 2, 2]
    assert files_of(tmp_path / "zip")["images_8.npy"] == files_of(tmp_path / "tar")["images_8.npy"]
    build(settings("zip", path=str(tmp_path / "a.zip"), max_images=100), tmp_path / "all")
    assert len(open_labels(tmp_path / "all")) == 18


def test_links_are_followed_but_never_in_circles(
    tree_folder: Path, png: Callable[..., bytes], settings: Settings, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "1.png").write_bytes(png(5))
    (tree_folder / "fox").symlink_to(elsewhere)
    (elsewhere / "again").symlink_to(elsewhere)
    (tree_folder / "dog/up").symlink_to(tree_folder)
    (tree_folder / "dog/self.d").symlink_to(tree_folder / "dog/self.d")
    meta = build(settings("folder", path=str(tree_folder), labels=True), tmp_path / "out")
    assert meta.classes == ["cat", "cat.x", "dog", "fox"]
    assert meta.count == 6


def test_pipes_and_dangling_links_are_listed_and_do_not_hang(
    tree_folder: Path, settings: Settings, tmp_path: Path
) -> None:
    os.mkfifo(tree_folder / "dog/pipe.png")
    (tree_folder / "dog/dangling.png").symlink_to("nowhere")
    (tree_folder / "dog/self.png").symlink_to("self.png")
    meta = build(settings("folder", path=str(tree_folder), max_skipped=3), tmp_path / "out")
    assert meta.count == 5
    assert [(skip["file"], skip["reason"]) for skip in meta.skipped] == [
        ("dog/dangling.png", "No such file or directory: a link that leads nowhere, or a file that has gone since"),
        ("dog/pipe.png", "a pipe or device, not a file; remove it"),
        ("dog/self.png", "Too many levels of symbolic links; check the file and the rights to it"),
    ]


def test_names_in_any_bytes(png: Callable[..., bytes], settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "tree" / os.fsdecode(b"caf\xe9")
    folder.mkdir(parents=True)
    (folder / "1.png").write_bytes(png(0))
    (folder / os.fsdecode(b"\n\xff.png")).write_bytes(b"broken")
    (folder.parent / "dog").mkdir()
    (folder.parent / "dog/1.png").write_bytes(png(1))
    meta = build(settings("folder", path=str(folder.parent), labels=True, max_skipped=1), tmp_path / "out")
    assert meta.classes == ["caf\\udce9", "dog"]
    assert meta.skipped[0]["file"] == "caf\\udce9/\\n\\udcff.png"
    assert read_meta(tmp_path / "out") == meta


@pytest.mark.parametrize(
    ("make", "source", "message"),
    [
        (lambda path: None, "folder", "no such folder"),
        (lambda path: path.write_bytes(b"x"), "folder", "a file, where"),
        (lambda path: path.mkdir(), "folder", "no images in it"),
        (lambda path: None, "zip", "no such file"),
        (lambda path: path.mkdir(), "zip", "a folder, where"),
        (lambda path: path.write_bytes(b"x" * 1000), "zip", "not a whole zip archive"),
        (lambda path: make_zip(path, {"a.txt": b""}), "zip", "no images in it"),
        (lambda path: None, "tar", "no such file"),
        (lambda path: path.mkdir(), "tar", "a folder, where"),
        (lambda path: path.write_bytes(b"x" * 1000), "tar", "not a whole tar archive"),
        (lambda path: path.write_bytes(b""), "tar", "not a whole tar archive"),
        (lambda path: path.write_bytes(b"\x1f\x8bnonsense"), "tar", "cannot be unpacked"),
        (lambda path: make_tar(path, {"a.txt": b""}), "tar", "no images in it"),
    ],
)
def test_wrong_sources(
    make: Callable[[Path], object], source: str, message: str, settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "source"
    make(path)
    with pytest.raises(InputError, match=message) as caught:
        build(settings(source, path=str(path)), tmp_path / "out")
    assert str(path) in str(caught.value)
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / ".out.part").exists()


def test_labels_need_class_folders(tree_folder: Path, settings: Settings, tmp_path: Path) -> None:
    (tree_folder / "loose.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"loose\.png lies in no class folder"):
        build(settings("folder", path=str(tree_folder), labels=True), tmp_path / "out")


ESCAPING = ["../out.png", "/etc/out.png", "cat/../../out.png", "C:/out.png"]


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_lead_out_are_listed_and_nothing_is_written(
    kind: str, tree: dict[str, bytes], settings: Settings, tmp_path: Path
) -> None:
    content = {**tree, **dict.fromkeys(ESCAPING, tree["dog/2.png"]), "../../notes.txt": b"no image: ignored"}
    path = tmp_path / "deep" / f"a.{kind}"
    path.parent.mkdir()
    (make_zip if kind == "zip" else make_tar)(path, content)
    meta = build(settings(kind, path=str(path), labels=True, max_skipped=4), tmp_path / "deep/out")
    assert {skip["file"] for skip in meta.skipped} == set(ESCAPING)
    assert {skip["reason"] for skip in meta.skipped} == {"its name leads out of the archive"}
    assert meta.classes == ["cat", "cat.x", "dog"]
    assert open_labels(tmp_path / "deep/out").tolist() == [0, 0, 0, 1, 2]
    assert sorted(entry.name for entry in tmp_path.rglob("*.png")) == []
    with pytest.raises(InputError, match="leads out of the archive"):
        build(settings(kind, path=str(path), max_skipped=3), tmp_path / "deep/out")


def test_links_that_lead_out_of_archives_and_devices_are_not_followed(
    png: Callable[..., bytes], settings: Settings, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(png(1))
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, kind in (("link", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE), ("dev", tarfile.CHRTYPE)):
            member = tarfile.TarInfo(f"{name}.png")
            member.type, member.linkname = kind, str(secret)
            archive.addfile(member)
        member = tarfile.TarInfo("ok.png")
        member.size = len(png(2))
        archive.addfile(member, io.BytesIO(png(2)))
    meta = build(settings("tar", path=str(tmp_path / "a.tar"), max_skipped=3), tmp_path / "out")
    assert meta.count == 1
    out = f"a link to {secret}, which is no image in the archive"
    assert meta.skipped == [
        {"file": "dev.png", "reason": "a device or a sparse file"},
        {"file": "hard.png", "reason": out},
        {"file": "link.png", "reason": out},
    ]

    link = zipfile.ZipInfo("link.png")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as zipped:
        zipped.writestr(link, str(secret))
        zipped.writestr("ok.png", png(2))
    meta = build(settings("zip", path=str(tmp_path / "a.zip"), max_skipped=1), tmp_path / "out")
    assert meta.skipped == [{"file": "link.png", "reason": out}]


def test_a_name_given_twice_means_its_last(png: Callable[..., bytes], settings: Settings, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("1.png", png(1))
        archive.writestr("./1.png", png(2))
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for seed in (1, 2):
            member = tarfile.TarInfo("./1.png")
            member.size = len(png(seed))
            archive.addfile(member, io.BytesIO(png(seed)))
    make_zip(tmp_path / "last.zip", {"1.png": png(2)})
    digests = {
        name: build(settings(name[-3:], path=str(tmp_path / name)), tmp_path / "out").source_digest
        for name in ("a.zip", "a.tar", "last.zip")
    }
    assert len(set(digests.values())) == 1


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_bomb_is_unpacked_no_further_than_the_limit(
    kind: str, png: Callable[..., bytes], settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pgan.prepare.sources import zip as zips

    for module in (zips, tar):
        monkeypatch.setattr(module, "MAX_FILE", 2**20)
    content = {"bomb.png": png(0) + bytes(2**23), "ok.png": png(1)}
    path = tmp_path / f"a.{kind}"
    make_zip(path, content) if kind == "zip" else make_tar(path, content, "w:gz")
    meta = build(settings(kind, path=str(path), max_skipped=1), tmp_path / "out")
    assert meta.skipped == [{"file": "bomb.png", "reason": f"more than the limit of {2**20} bytes"}]


def test_a_zip_that_lies_about_sizes(png: Callable[..., bytes], settings: Settings, tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"bomb.png": bytes(2**20), "ok.png": png(1)})
    data = bytearray(path.read_bytes())
    central = data.index(b"PK\x01\x02")
    data[central + 24 : central + 28] = struct.pack("<I", 10)  # the unpacked size
    path.write_bytes(data)
    meta = build(settings("zip", path=str(path), max_skipped=1), tmp_path / "out")
    assert (meta.count, [skip["file"] for skip in meta.skipped]) == (1, ["bomb.png"])


def test_unreadable_zip_members(png: Callable[..., bytes], settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("crc.png", png(1), zipfile.ZIP_STORED)
        archive.writestr("locked.png", png(2), zipfile.ZIP_DEFLATED)
        archive.writestr("ok.png", png(3))
    data = bytearray(path.read_bytes())
    data[data.index(png(1)) + 60] ^= 1
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        name = [at for at in range(len(data)) if data[at : at + 4] == signature][1]
        data[name + flags] |= 1
    path.write_bytes(data)
    meta = build(settings("zip", path=str(path), max_skipped=2), tmp_path / "out")
    reasons = {skip["file"]: skip["reason"] for skip in meta.skipped}
    assert reasons.keys() == {"crc.png", "locked.png"}
    assert "CRC" in reasons["crc.png"]
    assert reasons["locked.png"].startswith("encrypted; unpack it")


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_cut_archive_is_an_error(mode: str, png: Callable[..., bytes], settings: Settings, tmp_path: Path) -> None:
    path = make_tar(tmp_path / "a.tar", {f"{n}.png": png(n, (60, 60)) for n in range(8)}, mode)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(
        InputError, match=r"a\.tar: (the archive is cut off|not a whole tar archive|cannot be unpacked)"
    ):
        build(settings("tar", path=str(path)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_tar_headers_cannot_fill_the_memory(settings: Settings, tmp_path: Path) -> None:
    header = tarfile.TarInfo("long")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, trees.MAX_FILE + 1
    (tmp_path / "a.tar").write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    with pytest.raises(InputError, match="no archive of images"):
        build(settings("tar", path=str(tmp_path / "a.tar")), tmp_path / "out")


def test_a_tar_that_unpacks_for_ever_is_refused(settings: Settings, tmp_path: Path) -> None:
    header = tarfile.TarInfo("zeros")
    header.size = 2**40
    (tmp_path / "a.tar").write_bytes(header.tobuf() + bytes(1024))
    with pytest.raises(InputError, match="unpacks to more than"):
        build(settings("tar", path=str(tmp_path / "a.tar")), tmp_path / "out")
