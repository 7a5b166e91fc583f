"""`pgan new` as a user meets it."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from command_line import pgan, refused
from photographs import Photos

from pgan.config import read_yaml
from pgan.experiment import read_experiment
from pgan.presets.catalogue import read_preset

PARAMS = Path("params.yaml")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: Any) -> Path:
    """A folder to work in, without a parameter file."""
    (tmp_path / "repository/data/raw").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "repository")
    return tmp_path / "repository"


@pytest.fixture
def images(photos: Photos, here: Path) -> str:
    """A folder of 120 images in the repository, with some litter."""
    folder = photos(120, "repository/data/raw/my photos")
    (folder / "film.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    (folder / "page.jpg").write_text("<html>429</html>")
    (folder / "again.png").write_bytes((folder / "0003.png").read_bytes())
    return "data/raw/my photos"


def test_the_file_passes_pgan_check_and_findings_lie_beside_it(images: str) -> None:
    result = pgan("new", images, "--time", "100d", "--yes", "--workers", 1)
    assert result.exit_code == 0, result.output
    assert "params.yaml: written; `dvc repro` runs it" in result.output
    read_experiment(PARAMS)
    assert pgan("check").exit_code == 0
    found = json.loads(Path("findings.json").read_text())
    assert (found["images"], found["distinct_images"]) == (121, 120)
    assert found["exact_duplicates"] == [["0003.png", "again.png"]]
    assert [entry["file"] for entry in found["unusable"]] == ["page.jpg"]
    assert [entry["examples"] for entry in found["left_out"]] == [["film.mp4"]]
    assert read_yaml(PARAMS)["prepare"]["max_skipped"] == 1


def test_the_console_shows_findings_decisions_and_the_plan(images: str) -> None:
    lines = pgan("new", images, "--time", "2d", "--yes", "--workers", 1).stdout.splitlines()
    for plain in ("labels", "fit", "background", "allow_upscale", "classes"):
        assert not any(plain in line.split(":")[0].split(".") for line in lines), plain
    for start in (
        "data/raw/my photos: 121 images (PNG 121)",
        "sizes: 32×32",
        "kind: photographs, or like them",
        "exact duplicates: 1 in 1 group, such as 0003.png = again.png",
        "cannot be used: 1 image (page.jpg): a web page (HTML)",
        "left out: 1 file .mp4 (film.mp4): films",
        "prepare.resolution: 32 (the largest that nearly all images have)",
        "prepare.max_skipped: 1 (1 cannot be used)",
        "training.mirror: yes (a classifier can hardly tell images from their mirror images (",
        "batch: 16 (this project's for CPUs)",
        "lr: 0.001 (Adam's learning rate in the paper)",
        "plan: 7 phases, ",
    ):
        assert any(line.startswith(start) for line in lines), start


def test_the_same_images_give_the_same_files(images: str) -> None:
    contents = []
    for workers in (1, 2):
        pgan("new", images, "--kimg", 5, "--resolution", 16, "--yes", "--workers", workers)
        contents.append((PARAMS.read_text(), Path("findings.json").read_text()))
    assert contents[0] == contents[1]


def test_nothing_is_overwritten_before_a_user_has_agreed(images: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from pgan.cli import app

    before = read_preset("digits").text
    PARAMS.write_text(before)
    command = ["new", images, "--kimg", "5", "--workers", "1"]
    assert "--yes overwrites it" in refused(*command)
    shown = pgan(*command, "--dry-run")
    assert shown.exit_code == 0
    assert "-  source: digits" in shown.output
    assert "+  source: folder" in shown.output
    monkeypatch.setattr("pgan.presets.overwriting.is_interactive", lambda: True)
    assert CliRunner().invoke(app, command, input="n\n").exit_code == 1
    assert PARAMS.read_text() == before
    assert not Path("findings.json").exists()
    assert CliRunner().invoke(app, command, input="y\n").exit_code == 0
    assert read_experiment(PARAMS).prepare.path == images


def test_a_user_is_asked_about_mirrors_where_nothing_else_tells(
    photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from pgan.cli import app

    monkeypatch.setattr("pgan.presets.overwriting.is_interactive", lambda: True)
    command = ["new", str(photos(40)), "--kimg", "5", "--workers", "1"]
    result = CliRunner().invoke(app, command, input="y\n")
    assert "May images be mirrored?" in result.output
    assert read_experiment(PARAMS).training.mirror


@pytest.mark.parametrize("place", ["survey.survey", "proposal.propose"])
def test_ctrl_c_leaves_everything_as_it_was(place: str, images: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    PARAMS.write_text(read_preset("digits").text)
    monkeypatch.setattr(f"pgan.new_experiment.{place}", interrupted)
    result = pgan("new", images, "--kimg", 5, "--yes", "--workers", 1)
    assert result.exit_code == 130
    assert PARAMS.read_text() == read_preset("digits").text
    assert sorted(os.listdir()) == ["data", "params.yaml"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nothing"], "error: nothing: no such file or folder; name a folder or an archive of images"),
        (["data/raw"], "error: data/raw: no images in it: it is empty"),
        (["data/raw", "--time", "soon"], "error: --time soon: expected a duration such as 2h, 1h30m or 45m"),
        (["data/raw", "--resolution", "100"], "error: --resolution 100: must be 4, 5, 6 or 7 times a power of two; "),
        (["data/raw", "--batch", "6"], "error: --batch 6: must be a multiple of 4; take 4 or 8"),
        (["data/raw", "--channels", "2"], "error: --channels 2: take 1 for grey or 3 for colour"),
        (["data/raw", "--background", "nix"], "error: --background: no colour: 'nix'; take white, black"),
        (["data/raw", "--device", "tpu"], "error: device 'tpu': unknown; "),
        (["data/raw", "--params", "data"], "error: data: cannot be written: it is a folder; name a file"),
        (["data/raw", "--params", "made/params.yaml"], "error: made/findings.json: cannot be written: it is a folder"),
    ],
)
def test_wrong_input_ends_in_one_line(arguments: list[str], line: str) -> None:
    Path("made/findings.json").mkdir(parents=True)
    assert refused("new", *arguments).startswith(line)


def test_films_are_no_images(here: Path) -> None:
    (here / "data/raw/films").mkdir()
    (here / "data/raw/films/a.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    result = pgan("new", "data/raw/films")
    assert result.exit_code == 2
    assert "films; take pictures out of them: ffmpeg" in result.stderr


def test_a_folder_without_the_right_to_write_is_found_out_before(images: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda _, mode: not mode & os.W_OK)
    line = refused("new", images, "--yes")
    assert line.startswith("error: params.yaml: cannot be written: no right to write in ")


@pytest.mark.parametrize("name", ["猫の写真", "Füße & Co", "50% 'off' \"q\"", "صور", "a: b #c", "{x}", "- yes"])
def test_names_in_any_script_come_back_as_they_were(name: str, photos: Photos) -> None:
    photos(20, f"repository/data/raw/{name}")
    result = pgan("new", f"data/raw/{name}", "--kimg", 1, "--yes", "--workers", 1)
    assert result.exit_code == 0, result.output
    assert read_experiment(PARAMS).prepare.path == f"data/raw/{name}"
