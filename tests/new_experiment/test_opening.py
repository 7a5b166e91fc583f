"""What a user may name, and how params.yaml calls it."""

import gzip
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from photographs import Photos

from pgan.errors import InputError
from pgan.new_experiment.opening import kind_of, open_images, watched_path


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in."""
    (tmp_path / "repository/data/raw").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "repository")
    return tmp_path / "repository"


def idx(path: Path, count: int = 20) -> Path:
    path.write_bytes(struct.pack(">IIII", 0x803, count, 9, 9) + bytes(range(81)) * count)
    return path


def test_every_kind_is_recognised_by_its_content(photos: Photos, tmp_path: Path) -> None:
    folder = photos(3)
    with zipfile.ZipFile(tmp_path / "a.cbz", "w") as file:
        file.write(folder / "0000.png", "0000.png")
    with tarfile.open(tmp_path / "b.tgz", "w:gz") as tar:
        tar.add(folder, "photos")
    plain = idx(tmp_path / "c")
    (tmp_path / "d.gz").write_bytes(gzip.compress(plain.read_bytes()))
    kinds = [kind_of(tmp_path / name) for name in ("photos", "a.cbz", "b.tgz", "c", "d.gz")]
    assert kinds == ["folder", "zip", "tar", "idx", "idx"]


def test_a_path_inside_is_relative_and_one_outside_absolute(photos: Photos, here: Path, tmp_path: Path) -> None:
    assert watched_path(here / "data/raw/x") == "data/raw/x"
    assert watched_path(Path("data/raw/../raw/x")) == "data/raw/x"
    assert watched_path(Path("../photos")) == str(tmp_path / "photos")


def test_a_link_inside_stays_a_link(photos: Photos, here: Path) -> None:
    (here / "data/raw/linked").symlink_to(photos(2))
    assert watched_path(Path("data/raw/linked")) == "data/raw/linked"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (".", "holds more than your images"),
        ("..", "holds more than your images"),
        ("data", "holds more than your images"),
        ("data/render", "made by the pipeline"),
        ("data/train/grow_8", "made by the pipeline"),
        ("data/raw/.hidden", "DVC does not see .hidden"),
        ("data/raw/${x}", "the name of a parameter"),
        ("data/raw/two\nlines", "a name that no text file can hold"),
        ("data/raw/\udcff", "a name that no text file can hold"),
    ],
)
def test_what_dvc_could_not_watch_is_refused(path: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason.replace("$", r"\$")):
        watched_path(Path(path))


def test_classes_are_kept_where_there_are_some(photos: Photos) -> None:
    photos(3, "tree/猫 (cat)")
    folder = photos(3, "tree/Füße & Co", first=3).parent
    assert open_images(folder, None).source.classes == ["Füße & Co", "猫 (cat)"]
    assert open_images(folder, False).source.classes == []


def test_no_classes_have_a_reason(photos: Photos) -> None:
    opened = open_images(photos(3), None)
    assert opened.no_labels == "none of the images (3, such as 0000.png) lies in a class folder"
    with pytest.raises(InputError, match="or take --no-labels"):
        open_images(photos(3), True)


def test_parts_of_a_data_set_are_no_classes(photos: Photos) -> None:
    photos(3, "parts/train")
    folder = photos(3, "parts/val", first=3).parent
    assert open_images(folder, None).no_labels == "train, val are parts of a data set, not classes"


def test_idx_files_in_a_folder_are_named(tmp_path: Path) -> None:
    (tmp_path / "mnist").mkdir()
    idx(tmp_path / "mnist/t10k-images-idx3-ubyte")
    idx(tmp_path / "mnist/train-images-idx3-ubyte")
    with pytest.raises(InputError, match=r"name that: .*/mnist/train-images-idx3-ubyte$"):
        open_images(tmp_path / "mnist", None)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "a single image; name the folder that it is in"),
        (b"Rar!\x1a\x07\x00", "a RAR archive; unpack it, and name the folder"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"", "an empty file"),
        (b"\x13\x37" * 40, "neither a folder nor an archive of images"),
    ],
)
def test_other_files_are_called_by_their_names(content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(InputError, match=reason):
        kind_of(tmp_path / "file")
