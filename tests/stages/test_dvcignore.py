"""What DVC sees of the folders that it hashes: all that stages make and all code, and nothing that lies about."""

from pathlib import Path

import pytest
import yaml
from miniature import ROOT, Pipeline

from stages.checks.leftovers import MADE
from stages.checks.picture import ignored

GRAPH = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
STAGES = {name: stage.get("do", stage) for name, stage in GRAPH.items()}


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    """The patterns are the project's."""
    monkeypatch.chdir(ROOT)


def test_all_that_stages_make_is_seen(finished: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished.path)
    folders = [Path("data") / name for name in ("pyramid", "features", "train", "evaluate", "render")]
    made = [str(path) for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert len(made) > 30
    assert [path for path in made if ignored(path)] == []


def test_what_stages_make_of_a_phase_is_known() -> None:
    """Where leftovers are looked for."""
    outputs = STAGES["train"]["outs"] + STAGES["evaluate"]["outs"]
    assert sorted(Path(path).name for path in outputs) == sorted(MADE)


def test_all_files_of_code_folders_are_seen() -> None:
    """A stage's code may have no others than these."""
    folders = {ROOT / dependency for stage in STAGES.values() for dependency in stage["deps"]}
    files = [path for folder in folders if folder.is_dir() for path in folder.rglob("*") if path.is_file()]
    code = [str(path) for path in files if path.is_relative_to(ROOT / "pgan") and "__pycache__" not in path.parts]
    assert {Path(path).suffix for path in code} == {".py", ".yaml", ".html", ".css"}
    assert [path for path in code if ignored(path)] == []


@pytest.mark.parametrize(
    "path",
    [
        *("data/raw/cat.jpg", "data/raw/cats/1.PNG", "data/raw/my~cat.jpg", "data/raw/#1.jpg", "data/raw/@Dir/1"),
        *("data/raw/train.zip", "data/raw/v1.0~2/1.jpg", "data/raw/cat~/1.jpg", "data/raw/Thumbs.db.jpg"),
        *("data/raw/#recycled/1.jpg", "data/raw/cats/README.md", "data/README.md", "sources/cat.jpg"),
        *("data/raw/data/train/x/1.jpg", "data/raw/data/pyramid/1.jpg", "data/raw/pgan/1.jpg", "photos/phases/1.jpg"),
        *("data/download/train-images-idx3-ubyte.gz", "data/train/x/checkpoint.pt"),
        *(
            "data/removed/train/grow_8/checkpoint.pt",
            "data/pyramid/images_1024.npy",
            "data/pyramid/attributes.csv",
            "data/render/phases/x.gif",
            "data/render/report.html",
        ),
    ],
)
def test_images_and_outputs_are_seen(path: str) -> None:
    assert not ignored(path)


@pytest.mark.parametrize(
    "name",
    [
        *(".DS_Store", "._cat.jpg", "Thumbs.db", "thumbs.db", "ehthumbs.db", "desktop.ini", "Desktop.ini"),
        *("@eaDir/cat.jpg/THUMB_XL.jpg", "#recycle/cat.jpg", "$RECYCLE.BIN/$R1.jpg", ".Trash-1000/files/1.jpg"),
        *("System Volume Information/IndexerVolumeGuid", "lost+found/#1", ".thumbnails/1.png", ".@__thumb/1.jpg"),
        *(".ipynb_checkpoints/a.ipynb", "cat.jpg~", ".cat.jpg.swp", ".hidden.jpg", ".directory", ".nfs0001"),
    ],
)
@pytest.mark.parametrize(
    "folder", ["data/raw", "data/raw/cats", "photos", "pgan/training", "data/train", "data/render"]
)
def test_litter_is_not_seen(folder: str, name: str) -> None:
    assert ignored(f"{folder}/{name}")


@pytest.mark.parametrize(
    "path",
    [
        *("data/train/notes.txt", "data/train/grow_8/notes.txt", "data/train/grow_8.bak/checkpoint.pt"),
        *("data/train/grow_8 (copy)/losses.csv", "data/train/grow_8/old/checkpoint.pt", "data/train/checkpoint.pt"),
        *("data/train/.grow_8.part/checkpoint.pt", "data/train/grow_8/.checkpoint.part.pt"),
        *("data/evaluate/notes.txt", "data/evaluate/grow_8/notes.txt", "data/evaluate/metrics.json"),
        *("data/pyramid/notes.txt", "data/pyramid/preview.png", "data/pyramid/old/images_4.npy", "data/features/a.csv"),
        *(
            "data/render/notes.txt",
            "data/render/notes.html",
            "data/render/preview.png",  # drawn while a phase trains
            "data/render/phases/notes.txt",
            "data/render/old/samples.png",
            "data/raw/README.md",
        ),
        *("pgan/training/notes.txt", "pgan/training/losses.py.orig", "pgan/metrics/inception.pt", "pgan/x.ipynb"),
        *("pgan/training/__pycache__/loop.cpython-311.pyc", "stages/__pycache__/train.cpython-311.pyc"),
    ],
)
def test_what_lies_beside_outputs_and_code_is_not_seen(path: str) -> None:
    assert ignored(path)
