"""What git and DVC keep of data/: two pages, the `.dvc` files of the user's images, and no stage's outputs."""

import zipfile
from pathlib import Path

import pytest
from miniature import Pipeline, isolated_environment, new_repository
from PIL import Image

PAGES = {"data/README.md", "data/raw/README.md"}
UP_TO_DATE = "Data and pipelines are up to date"


def in_git(place: Pipeline, folder: str) -> set[str]:
    """The files of a folder that are committed."""
    return set(place.run("git", "ls-files", folder).stdout.split())


def images(folder: Path) -> None:
    """Two small images."""
    folder.mkdir()
    for shade in (10, 200):
        Image.new("L", (16, 16), shade).save(folder / f"{shade}.png")


def test_git_ignores_all_that_the_stages_make(finished: Pipeline) -> None:
    assert in_git(finished, "data") == PAGES
    assert finished.run("git", "status", "--porcelain", "data", ".gitignore").stdout == ""
    assert list((finished.path / "data").rglob(".gitignore")) == [], "DVC adds them where git does not ignore outputs"


@pytest.mark.parametrize("raw", ["data/raw", pytest.param("sources", marks=pytest.mark.slow)])
def test_a_clone_gets_images_that_dvc_keeps(raw: str, tmp_path: Path) -> None:
    mine = new_repository(tmp_path / "mine")
    folder = mine.path / raw
    folder.mkdir(exist_ok=True)
    images(folder / "cats")
    with zipfile.ZipFile(folder / "faces.zip", "w") as archive:
        archive.write(folder / "cats/10.png", "10.png")
    (folder / "alone.png").write_bytes(b"neither in git nor in DVC")
    mine.dvc("add", "--quiet", f"{raw}/cats", f"{raw}/faces.zip")
    mine.dvc("remote", "add", "--quiet", "--default", "store", str(tmp_path / "store"))
    mine.commit()
    assert in_git(mine, raw) - PAGES == {f"{raw}/cats.dvc", f"{raw}/faces.zip.dvc"}
    mine.dvc("push", "--quiet")

    mine.run("git", "clone", "--quiet", ".", str(tmp_path / "clone"))
    clone = Pipeline(tmp_path / "clone", isolated_environment(tmp_path))
    clone.dvc("pull", "--quiet", f"{raw}/cats", f"{raw}/faces.zip")
    for name in ("cats/10.png", "cats/200.png", "faces.zip"):
        assert (clone.path / raw / name).read_bytes() == (folder / name).read_bytes()
    assert not (clone.path / raw / "alone.png").exists()
    assert clone.run("git", "status", "--porcelain").stdout == ""


def test_prepare_runs_again_for_images_in_the_folder_and_not_for_its_page(pipeline: Pipeline) -> None:
    (pipeline.path / "data/raw/README.md").write_text("my own notes\n")
    assert UP_TO_DATE in pipeline.dvc("status", "prepare")
    images(pipeline.path / "data/raw/cats")
    assert "data/raw" in pipeline.dvc("status", "prepare")
