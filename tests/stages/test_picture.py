"""A stage's picture of what dvc.yaml lists for it, and what it says of an edit."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from miniature import ROOT

from pgan.config import Parameters
from pgan.errors import InputError, RunError
from stages.checks import picture
from stages.checks.picture import Picture, read_listed

GRAPH = {
    "stages": {
        "prepare": {
            "cmd": "python -m stages.prepare",
            "deps": ["stages/prepare.py", "pgan/prepare", "${prepare.path}"],
            "params": ["seed", "prepare", {"other.yaml": ["a"]}],
            "outs": ["data/pyramid"],
        },
        "train": {
            "foreach": "${phases}",
            "do": {
                "cmd": "python -m stages.train ${key}",
                "deps": ["data/train/${item.from}/checkpoint.pt", "data/pyramid/images_${ item.resolution }.npy"],
                "params": ["seed", "phases.${key}"],
            },
        },
    }
}
PARAMETERS = {
    "seed": 0,
    "prepare": {"path": "photos", "fit": "crop"},
    "phases": {"a": {"from": "init", "resolution": 4}, "b": {"from": "a", "resolution": 8}},
    "evaluate": {"images": 20},
}
FILES = (
    "stages/prepare.py",
    "pgan/prepare/build.py",
    "pgan/prepare/sources/zip.py",
    "photos/cats/1.jpg",
    "photos/2.jpg",
    "other.yaml",
    "data/train/a/checkpoint.pt",
    "data/pyramid/images_8.npy",
)
ENDS = "while {} ran with what was there before; DVC records nothing; run it again"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small graph and what it lists."""
    monkeypatch.chdir(tmp_path)
    for name in FILES:
        write(name, name)
    Path("dvc.yaml").write_text(yaml.safe_dump(GRAPH))
    Path("params.yaml").write_text(yaml.safe_dump(PARAMETERS))
    Path(".dvc").mkdir()
    shutil.copy(ROOT / ".dvcignore", ".")
    return tmp_path


def write(name: str, content: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(content)


def take(stage: str, kept: str = "") -> Picture:
    return Picture(stage, Parameters.read(Path("params.yaml")), kept)


def change(**values: object) -> None:
    Path("params.yaml").write_text(yaml.safe_dump(PARAMETERS | values))


def test_what_dvc_yaml_lists(place: Path) -> None:
    assert read_listed("prepare", PARAMETERS) == (
        ["seed", "prepare"],
        ["other.yaml", "stages/prepare.py", "pgan/prepare", "photos"],
    )
    assert read_listed("train@b", PARAMETERS) == (
        ["seed", "phases.b"],
        ["data/train/a/checkpoint.pt", "data/pyramid/images_8.npy"],
    )
    assert read_listed("another", PARAMETERS) == ([], [])


def test_every_stage_of_the_project_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as DVC itself: its own reading of dvc.yaml is the oracle."""
    from dvc.repo import Repo

    monkeypatch.chdir(ROOT)
    values = Parameters.read(Path("params.yaml")).content
    stages = Repo(ROOT).index.stages
    assert len(stages) > 10
    for stage in stages:
        keys, places = read_listed(stage.addressing, values)
        params = [dep for dep in stage.deps if hasattr(dep, "params")]
        assert sorted(keys) == sorted(key for dep in params for key in dep.params)
        assert sorted(places) == sorted(dep.def_path for dep in stage.deps if dep not in params)


EDITS: dict[str, tuple[Callable[[], object], str]] = {
    "a parameter": (
        lambda: change(prepare={"path": "photos", "fit": "pad"}),
        "params.yaml: prepare.fit: changed from 'crop' to 'pad' ",
    ),
    "the seed": (lambda: change(seed=7), "params.yaml: seed: changed from 0 to 7 "),
    "no parameters": (
        lambda: os.unlink("params.yaml"),
        "params.yaml: gone, or no longer a parameter file, since it was read ",
    ),
    "code": (lambda: write("pgan/prepare/build.py", "# other"), "pgan/prepare/build.py: changed "),
    "code, of the same length": (
        lambda: write("stages/prepare.py", "Stages/prepare.py"),
        "stages/prepare.py: changed ",
    ),
    "code, below": (lambda: os.unlink("pgan/prepare/sources/zip.py"), "pgan/prepare/sources/zip.py: gone "),
    "new code": (lambda: write("pgan/prepare/new.py", ""), "pgan/prepare/new.py: new "),
    "a new image": (lambda: write("photos/cats/3.jpg", ""), "photos/cats/3.jpg: new "),
    "an image less": (lambda: os.unlink("photos/2.jpg"), "photos/2.jpg: gone "),
    "no images": (lambda: shutil.rmtree("photos"), "photos/2.jpg: gone "),
    "another parameter file": (lambda: write("other.yaml", "a: 1"), "other.yaml: changed "),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_named(name: str, place: Path) -> None:
    edit, message = EDITS[name]
    before = take("prepare", "; something is kept")
    before.check()
    edit()
    with pytest.raises(RunError) as error:
        before.check()
    assert str(error.value) == message + ENDS.format("prepare") + "; something is kept"


OTHERS: dict[str, Callable[[], object]] = {
    "another section": lambda: change(evaluate={"images": 5}),
    "another phase": lambda: change(phases={"a": {}}),
    "another stage's code": lambda: write("pgan/training/loop.py", ""),
    "bytecode": lambda: write("pgan/prepare/__pycache__/build.cpython-311.pyc", ""),
    "no code": lambda: write("pgan/prepare/notes.txt", ""),
    "litter": lambda: [write(f"photos/cats/{name}", "") for name in (".DS_Store", "Thumbs.db", "@eaDir/1.jpg")],
    "written again": lambda: [os.unlink("photos/2.jpg"), write("photos/2.jpg", "photos/2.jpg")],
    "touched": lambda: os.utime("pgan/prepare/build.py", (1, 1)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_the_stage_does_not_depend_on_may_be_edited(name: str, place: Path) -> None:
    before = take("prepare")
    OTHERS[name]()
    before.check()


def test_a_phase_has_its_own(place: Path) -> None:
    before = take("train@b")
    change(phases=PARAMETERS["phases"] | {"a": {"from": "init", "resolution": 16}})
    write("pgan/prepare/build.py", "# other")
    before.check()
    change(phases={"a": {}, "b": {"from": "a", "resolution": 16}})
    with pytest.raises(RunError, match=r"^params\.yaml: phases\.b\.resolution: changed from 8 to 16 while train@b ran"):
        before.check()
    change()
    write("data/train/a/checkpoint.pt", "other")
    with pytest.raises(RunError, match=r"^data/train/a/checkpoint\.pt: changed while train@b ran"):
        before.check()


def test_an_edit_that_keeps_length_and_time_is_found(place: Path) -> None:
    before = take("prepare")
    times = os.stat("stages/prepare.py").st_mtime_ns
    write("stages/prepare.py", "Stages/prepare.py")
    os.utime("stages/prepare.py", ns=(times, times))
    with pytest.raises(RunError, match=r"^stages/prepare\.py: changed"):
        before.check()


def write_unnoticed(name: str, content: str) -> None:
    """Change a file's first bytes, and neither its size nor its time."""
    times = os.stat(name).st_mtime_ns
    with open(name, "r+") as file:
        file.write(content)
    os.utime(name, ns=(times, times))


def test_of_large_files_and_of_many_only_sizes_and_times_are_read(place: Path) -> None:
    with open("photos/large.npy", "wb") as file:
        file.truncate(picture.SMALL + 1)
    before = take("prepare")
    write_unnoticed("photos/large.npy", "other")
    before.check()
    os.utime("photos/large.npy", (1, 1))
    with pytest.raises(RunError, match=r"^photos/large\.npy: changed"):
        before.check()

    for number in range(picture.FEW):
        write(f"photos/{number}.jpg", "jpg")
    before = take("prepare")
    write_unnoticed("photos/2.jpg", "JPG")
    before.check()
    write("photos/77.jpg", "longer")
    with pytest.raises(RunError, match=r"^photos/77\.jpg: changed"):
        before.check()


def test_links_are_followed_as_dvc_does(place: Path) -> None:
    """To files, and not to folders; those to nowhere are nothing."""
    write("elsewhere/image", "one")
    os.symlink(place / "elsewhere/image", "photos/link.jpg")
    os.symlink(place / "elsewhere", "photos/folder")
    os.symlink(place / "nowhere", "photos/nothing.jpg")
    before = take("prepare")
    write("elsewhere/another", "")
    before.check()
    write("elsewhere/image", "two")
    with pytest.raises(RunError, match=r"^photos/link\.jpg: changed"):
        before.check()


def test_without_a_graph_there_is_nothing_to_compare(place: Path) -> None:
    Path("dvc.yaml").unlink()
    before = take("prepare")
    change(seed=7)
    before.check()


@pytest.mark.parametrize("name", [".photos", "a/.b/photos", "data/train/old.bak/photos"])
def test_a_source_that_dvc_would_not_see_is_refused(name: str, place: Path) -> None:
    write(f"{name}/1.jpg", "")
    change(prepare={"path": name})
    with pytest.raises(InputError) as error:
        take("prepare")
    assert str(error.value).startswith(f"{name}: hidden from DVC by .dvcignore, so that prepare would never run again")


def test_a_hidden_source_elsewhere_is_seen(place: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    change(prepare={"path": str(tmp_path_factory.mktemp("elsewhere") / ".photos")})
    take("prepare").check()


def test_litter_elsewhere_is_no_edit(place: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """DVC sees it there, and will prepare the images anew; these here are right."""
    photos = tmp_path_factory.mktemp("elsewhere")
    change(prepare={"path": str(photos)})
    before = take("prepare")
    for name in (".DS_Store", "Thumbs.db", "@eaDir/1.jpg"):
        write(str(photos / name), "")
    before.check()
    write(str(photos / "1.jpg"), "")
    with pytest.raises(RunError, match=r"/1\.jpg: new while prepare ran"):
        before.check()


def test_a_reference_to_something_else_is_said(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph = {"stages": {"prepare": {"deps": ["${folder}/a", "photos"], "params": ["seed"]}}, "vars": ["more.yaml"]}
    Path("dvc.yaml").write_text(yaml.safe_dump(graph))
    before = take("prepare")
    assert capsys.readouterr().err == "note: dvc.yaml: ${folder}/a: not watched, as params.yaml has no such parameter\n"
    os.unlink("photos/2.jpg")
    with pytest.raises(RunError, match=r"^photos/2\.jpg: gone"):
        before.check()
