"""What `pgan new` found: shown for the images of the run, and for no others."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pgan.reporting.findings import read_findings

PREPARE = {"source": "folder", "path": "photos"}
FINDINGS: dict[str, Any] = {
    "source": "folder",
    "path": "photos",
    "images": 1600,
    "distinct_images": 1598,
    "formats": {"JPEG": 1500, "PNG": 100},
    "sizes_in_percentiles": {"short_side": {"0": 64, "5": 70, "50": 80, "95": 90, "100": 200}, "long_side": {}},
    "in_colour": 1500,
    "exact_duplicates": [["a.jpg", "b.jpg", "c.jpg"]],
    "near_duplicates": [["d.jpg", "e.jpg"], ["f.jpg", "g.jpg"]],
    "of_one_colour": ["h.jpg"],
    "unusable": [],
}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(**changes: Any) -> Path:
        (tmp_path / "findings.json").write_text(json.dumps(FINDINGS | changes))
        return tmp_path / "findings.json"

    return write


def test_findings_in_words(write: Callable[..., Path]) -> None:
    assert read_findings(write(), PREPARE) == {
        "images that can be used": "1,600; without duplicates 1,598",
        "formats": "JPEG 1,500, PNG 100",
        "shorter side": "64 to 200 pixels, half of them 80 or more",
        "colours": "1,500 in colour, 100 grey",
        "exact duplicates": "1 group, such as a.jpg = b.jpg",
        "near duplicates": "2 groups, such as d.jpg = e.jpg",
        "of one colour": "h.jpg",
    }


def test_findings_about_other_images_are_left_out(write: Callable[..., Path], tmp_path: Path) -> None:
    assert read_findings(write(path="other"), PREPARE) == {}
    assert read_findings(write(source="zip"), PREPARE) == {}
    assert read_findings(tmp_path / "none.json", PREPARE) == {}


@pytest.mark.parametrize("damage", ["[1]", "{", "null", '{"source": "folder"}', "\x00", json.dumps({"images": [1]})])
def test_a_file_that_is_something_else_costs_a_note(
    damage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "findings.json").write_text(damage)
    assert read_findings(tmp_path / "findings.json", PREPARE) == {}
    assert capsys.readouterr().err.endswith("not what `pgan new` writes; the report is made without it\n")


def test_a_folder_of_that_name_costs_a_note(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert read_findings(tmp_path, PREPARE) == {}
    assert "note: " in capsys.readouterr().err


def test_what_pgan_new_writes_is_read(tmp_path: Path) -> None:
    from pgan.new_experiment.findings import as_json, findings
    from pgan.new_experiment.opening import open_images
    from pgan.new_experiment.survey import survey

    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(3):
        pixels = np.random.default_rng(seed).integers(0, 256, (32, 40, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{seed}.png")
    opened = open_images(folder, None)
    content = as_json(findings(opened, survey(opened.source, 1)))
    (tmp_path / "findings.json").write_text(json.dumps(content))
    found = read_findings(tmp_path / "findings.json", {"source": content["source"], "path": content["path"]})
    assert found["shorter side"] == "32 pixels"
    assert found["formats"] == "PNG 3"
