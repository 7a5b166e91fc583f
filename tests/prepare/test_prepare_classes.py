"""Where the classes of a tree come from: dataset.json, or folders that can be classes."""

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_prepare_trees import make_tar, make_zip

from pgan.data.pyramid import open_labels
from pgan.errors import InputError
from pgan.prepare.build import build
from pgan.prepare.config import Prepare
from pgan.prepare.sources import Source, dataset_json, open_source

Settings = Callable[..., Prepare]
Content = dict[str, bytes]
KINDS = ["folder", "zip", "tar"]


def make(kind: str, place: Path, content: Content) -> Path:
    """The same tree as a folder or an archive."""
    path = place / f"source.{kind}"
    if kind == "zip":
        return make_zip(path, content)
    if kind == "tar":
        return make_tar(path, content, "w:gz")
    path.mkdir()
    for name, data in content.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


@pytest.fixture
def opened(settings: Settings, tmp_path: Path) -> Callable[..., Source]:
    """The source with that content, without its pixels being read."""

    def open_it(kind: str, content: Content, labels: bool = True) -> Source:
        return open_source(settings(kind, path=str(make(kind, tmp_path, content)), labels=labels), 0)

    return open_it


@pytest.fixture
def refusal(opened: Callable[..., Source]) -> Callable[..., str]:
    """The message with which it is refused."""

    def refuse(kind: str, content: Content) -> str:
        with pytest.raises(InputError) as caught:
            opened(kind, content)
        return str(caught.value)

    return refuse


def named(*names: str) -> Content:
    """Files that are images by their names."""
    return dict.fromkeys(names, b"x")


def told(source: Source) -> list[tuple[str, int, list[str]]]:
    return [(entry.what, entry.count, entry.examples) for entry in source.left_out]


# --- dataset.json

PORTIONS = [f"{n // 3:05}/img{n:08}.png" for n in range(6)]


def described(labels: Any, names: list[str] = PORTIONS, base: str = "") -> Content:
    return {
        base + "dataset.json": json.dumps({"labels": labels}).encode(),
        **{base + name: f"x{name}".encode() for name in names},
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("base", ["", "wrapped/", "very/deeply/"])
def test_dataset_json_decides(kind: str, base: str, opened: Callable[..., Source]) -> None:
    content = described([[name, 9 + n % 2] for n, name in enumerate(PORTIONS)], base=base)
    source = opened(kind, {"__MACOSX/._x": b"", **content})
    assert source.names == [base + name for name in PORTIONS]
    assert source.classes == ["9", "10"]
    assert source.labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert len(source.notes) == 1
    assert "2 labels occur, from 9 to 10" in source.notes[0]


@pytest.mark.parametrize("kind", KINDS)
def test_labels_that_fit_need_no_note(kind: str, png: Callable[..., bytes], settings: Settings, tmp_path: Path) -> None:
    content = described([[name.replace("/", "\\"), n % 3] for n, name in enumerate(reversed(PORTIONS))])
    content |= {name: png(n) for n, name in enumerate(PORTIONS)}
    notes: list[str] = []
    parameters = settings(kind, path=str(make(kind, tmp_path, content)), labels=True)
    meta = build(parameters, tmp_path / "out", note=notes.append)
    assert (meta.classes, meta.class_counts, meta.left_out, notes) == (["0", "1", "2"], [2, 2, 2], [], [])
    assert open_labels(tmp_path / "out").tolist() == [2, 1, 0, 2, 1, 0]


@pytest.mark.parametrize("kind", KINDS)
def test_images_without_a_label_and_labels_without_an_image(kind: str, opened: Callable[..., Source]) -> None:
    listed = [[name, n % 2] for n, name in enumerate(PORTIONS[:4])]
    source = opened(kind, described([*listed, ["00009/gone.png", 7], ["../out.png", 1]]))
    assert source.names == PORTIONS[:4]
    assert source.classes == ["0", "1"]
    assert told(source) == [
        ("images without a label", 2, PORTIONS[4:]),
        ("images that are missing", 2, ["../out.png", "00009/gone.png"]),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_dataset_json_is_ignored_without_labels(kind: str, opened: Callable[..., Source]) -> None:
    source = opened(kind, described([[PORTIONS[0], 1]]), labels=False)
    assert (source.names, source.classes) == (PORTIONS, [])
    assert told(source) == [("dataset.json files", 1, ["dataset.json"])]
    assert "prepare.labels is false" in source.left_out[0].why


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("labels", [None, []])
def test_a_dataset_json_without_labels_is_refused(kind: str, labels: Any, refusal: Callable[..., str]) -> None:
    assert 'says that there are no labels ("labels": null); set prepare.labels to false' in refusal(
        kind, described(labels)
    )


WRONG = {
    "half a file": (b'{"labels": [["a', "no JSON"),
    "nothing": (b"", "no JSON"),
    "another encoding": (b"\xff\xfe\xff", "no JSON"),
    "many levels": (b"[" * 100_000, "no JSON"),
    "a number of many digits": (b'{"labels": [["a", ' + b"9" * 5000 + b"]]}", "no JSON"),
    "a list": (b"[]", 'no "labels" in it'),
    "another program's": (b'{"images": [], "annotations": []}', 'no "labels" in it'),
    "labels as a mapping": (b'{"labels": {"a.png": 1}}', "expected a list of [name, number]"),
    "three in a row": (b'{"labels": [["a.png", 1, 2]]}', "expected [name, number]"),
    "a number for a name": (b'{"labels": [[1, 1]]}', "expected [name, number]"),
    "a text for a number": (b'{"labels": [["a.png", "cat"]]}', "expected a whole number"),
    "a boolean": (b'{"labels": [["a.png", true]]}', "expected a whole number"),
    "a fraction": (b'{"labels": [["a.png", 1.0]]}', "expected a whole number"),
    "a negative number": (b'{"labels": [["a.png", -1]]}', "expected a whole number"),
    "a huge number": (b'{"labels": [["a.png", 99999999999999999999]]}', "expected a whole number"),
    "a vector": (b'{"labels": [["a.png", [0.1, 0.2]]]}', "its label is a list of numbers, not a class"),
    "two labels": (b'{"labels": [["a.png", 0], ["./a.png", 1]]}', "listed twice, with the labels 0 and 1"),
    "other images": (b'{"labels": [["a.png", 0], ["b.png", 1]]}', "none of the images in it is here, such as a.png"),
    "one class": (b'{"labels": [["00000/img00000000.png", 3]]}', "one class only, 3"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_dataset_json_ends_in_one_line(kind: str, wrong: str, refusal: Callable[..., str]) -> None:
    data, message = WRONG[wrong]
    found = refusal(kind, {**named(*PORTIONS), "dataset.json": data})
    assert "dataset.json: " in found
    assert message in found
    assert "\n" not in found


@pytest.mark.parametrize("kind", KINDS)
def test_a_dataset_json_of_gigabytes_is_refused(
    kind: str, refusal: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (f"pgan.prepare.sources.{name}" for name in (*KINDS, "dataset_json")):
        monkeypatch.setattr(f"{module}.MOST_BYTES", 2**16)
    assert "limit of 65536" in refusal(kind, {**named(*PORTIONS), "dataset.json": bytes(2**17)})


def test_values_are_counted_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_json, "MOST_VALUES", 100)
    with pytest.raises(InputError, match="too large to be read"):
        dataset_json.read_labels(b'{"labels": [' + b"[]," * 100 + b"[]]}", "x")


@pytest.mark.parametrize("kind", KINDS)
def test_a_dataset_json_beside_other_images_is_no_description(kind: str, opened: Callable[..., Source]) -> None:
    content = {**named("cat/1.png", "dog/1.png"), "cat/dataset.json": b'{"labels": [["1.png", 5]]}'}
    source = opened(kind, content)
    assert source.classes == ["cat", "dog"]
    assert source.notes == ["cat/dataset.json is not read: images lie outside of its folder"]
    assert told(source) == [("other files (.json)", 1, ["cat/dataset.json"])]


# --- folders that are classes

TREES = {
    "two folders": (["cat/1.png", "dog/1.png"], ["cat", "dog"]),
    "one around them": (["set/cat/1.png", "set/dog/1.png"], ["cat", "dog"]),
    "several around them": (["a/b/c/cat/1.png", "a/b/c/dog/x/1.png"], ["cat", "dog"]),
    "one digit": ([f"{label}/{n}.png" for label in range(10) for n in range(3)], list("0123456789")),
    "two digits": ([f"{label:02}/{n}.png" for label in range(12) for n in range(3)], [f"{n:02}" for n in range(12)]),
    "all of three digits": (
        [f"{label:03}/{label}_{n}.png" for label in range(1000) for n in range(2)],
        [f"{n:03}" for n in range(1000)],
    ),
    "traffic signs": (  # GTSRB: five digits, and the numbers of files begin again in each class
        [f"Images/{label:05}/{n:05}_00000.ppm" for label in range(4) for n in range(2 + label)],
        ["00000", "00001", "00002", "00003"],
    ),
    "years": (["2019/a.png", "2020/b.png"], ["2019", "2020"]),
    "test as a class": (["test/1.png", "exam/1.png"], ["exam", "test"]),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tree", TREES)
def test_folders_that_are_classes(kind: str, tree: str, opened: Callable[..., Source]) -> None:
    names, classes = TREES[tree]
    source = opened(kind, named(*names, "README.md", ".DS_Store", "@eaDir/x/thumb.jpg"))
    assert source.classes == classes
    assert sorted(set(source.labels.tolist())) == list(range(len(classes)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_around_the_classes_is_named(kind: str, opened: Callable[..., Source]) -> None:
    assert opened(kind, named("set/cat/1.png", "set/dog/1.png")).notes == ["the classes are the folders in set/"]


NO_CLASSES = {
    "loose images": (["1.png", "2.png"], "none of the images (2, such as 1.png) lies in a class folder; make a folder"),
    "one loose image": (["1.png", "cat/1.png", "dog/1.png"], "1.png lies in no class folder"),
    "some loose images": (["1.png", "2.png", "cat/1.png", "dog/1.png"], "2 images lie in no class folder"),
    "loose in the folder around": (["set/1.png", "set/cat/1.png", "set/dog/1.png"], "one class only, set"),
    "one class": (["cat/1.png"], "one class only, cat, and labels need two or more; make a folder for each class"),
    "one class around": (["set/cat/1.png", "set/cat/2.png"], "one class only, set/cat"),
    "a class of drawings": (["cat/1.png", "dog/1.svg", "dog/2.svg"], "1 folder without an image (dog)"),
    "portions": (PORTIONS, "00000, 00001 are portions of one data set, not classes; set prepare.labels to false"),
    "portions of random names": (
        [f"{n // 100:05}/{n * 7919 % 1000:03}.png" for n in range(250)],
        "are portions of one data set",
    ),
    "FFHQ's": ([f"images/{n // 3 * 1000:05}/{n:05}.png" for n in range(9)], "images/00000, images/01000, images/02000"),
    "hexadecimal": ([f"{n:02x}/{n}.png" for n in range(256)], "are portions of one data set"),
    "camera": (["DCIM/100APPLE/1.jpg", "DCIM/101APPLE/2.jpg"], "are folders of a camera, not classes"),
    "masks": (["images/1.png", "masks/1.png"], "images, masks are kinds of files, not classes"),
    "FFHQ's sizes": (["images1024x1024/1.png", "thumbnails128x128/1.png"], "are kinds of files"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tree", NO_CLASSES)
def test_folders_that_are_no_classes(kind: str, tree: str, refusal: Callable[..., str]) -> None:
    names, message = NO_CLASSES[tree]
    assert message in refusal(kind, named(*names))


@pytest.mark.parametrize(
    "splits", [["train", "test"], ["training", "testing", "notes"], ["Train", "Val"], ["train", "valid", "extra"]]
)
@pytest.mark.parametrize("base", ["", "mnist/"])
def test_parts_of_a_data_set(splits: list[str], base: str, refusal: Callable[..., str], tmp_path: Path) -> None:
    names = [f"{base}{split}/{label}/1.png" for split in splits for label in "01"]
    train = base + splits[0]
    assert f"point prepare.path at {tmp_path / 'source.folder' / train}" in refusal("folder", named(*names))
    for kind in ("zip", "tar"):
        advice = f"unpack it and point prepare.path at its folder {train}, with source: folder"
        assert advice in refusal(kind, named(*names))


def test_parts_of_a_data_set_without_labels_are_said(opened: Callable[..., Source]) -> None:
    (note,) = opened("zip", named("train/1.png", "test/1.png"), labels=False).notes
    assert note.startswith("the images of test, train are taken together; to leave the others out, unpack it")


@pytest.mark.parametrize("kind", KINDS)
def test_webdataset_is_refused_with_labels(kind: str, refusal: Callable[..., str]) -> None:
    assert "the labels in files .cls (WebDataset) are not read" in refusal(kind, named("0.jpg", "0.cls", "1.jpg"))


def test_the_folders_of_a_single_class_are_offered(refusal: Callable[..., str], tmp_path: Path) -> None:
    content = {**named("set/cat/1.png", "set/dog/1.png"), "notes/readme.txt": b""}
    assert f"point prepare.path at {tmp_path / 'source.folder' / 'set'}; else" in refusal("folder", content)


@pytest.mark.parametrize("kind", KINDS)
def test_one_name_in_two_unicode_forms_is_one_class(kind: str, opened: Callable[..., Source]) -> None:
    composed, decomposed = (unicodedata.normalize(form, "Füße") for form in ("NFC", "NFD"))
    source = opened(kind, named(f"{composed}/1.png", f"{decomposed}/2.png", "Hand/1.png"))
    assert source.classes == [decomposed, "Hand"]
    assert sorted(source.labels.tolist()) == [0, 0, 1]
    assert "are one name in several Unicode forms, and one class" in source.notes[0]


@pytest.mark.parametrize("kind", KINDS)
def test_names_that_differ_in_case_alone_are_said(kind: str, opened: Callable[..., Source]) -> None:
    source = opened(kind, named("Cat/1.png", "cat/2.png", "dog/a.png", "dog/A.PNG"))
    assert source.classes == ["Cat", "cat", "dog"]
    assert source.notes == [
        "Cat and cat are two classes, whose names differ in upper and lower case alone",
        "names that differ only in upper and lower case or in their Unicode form: 1, such as dog/a.png; all are read, "
        "but some disks keep one of each",
    ]


def test_a_folder_name_of_a_thousand_digits_is_no_number(opened: Callable[..., Source]) -> None:
    names = [f"{'0' * 5000}{n}/{n}.png" for n in range(2)]
    assert len(opened("zip", named(*names)).classes) == 2
