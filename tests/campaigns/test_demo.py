"""The demo as a user gets it, and what the README says of it: about ten minutes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("data/README.md", "data/raw/README.md")
PARTS = ("pgan", "stages", *PAGES, "params.yaml", "dvc.yaml", ".dvcignore", ".gitignore")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A repository of its own in which `dvc repro` has run."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "data/raw").mkdir(parents=True)
    for name in PARTS:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for command in (["git", "init", "-q"], ["dvc", "init", "-q"], ["dvc", "repro", "-q"]):
        subprocess.run(command, cwd=folder, env=environment, check=True)
    return folder


def metrics(folder, phase):
    return json.loads((folder / "data/evaluate" / phase / "metrics.json").read_text())


@pytest.mark.campaign
def test_the_digits_are_ten_times_nearer_than_untrained_networks(demo):
    pgan = [sys.executable, "-m", "pgan"]
    subprocess.run([*pgan, "init", "--resolution", "16", "--out", "untrained.pt"], cwd=demo, check=True)
    subprocess.run([*pgan, "evaluate", "--checkpoint", "untrained.pt", "--out", "untrained.json"], cwd=demo, check=True)
    untrained = json.loads((demo / "untrained.json").read_text())["frechet"]
    assert metrics(demo, "stabilize_16")["frechet"] < untrained / 10


@pytest.mark.campaign
def test_the_classifier_recognises_all_ten_digits(demo):
    last = metrics(demo, "stabilize_16")
    assert last["classes_found"] == 10
    assert last["confidence"] > 0.8


@pytest.mark.campaign
def test_each_resolution_comes_nearer_to_the_digits_at_full_size(demo):
    distances = [metrics(demo, phase)["frechet_target"] for phase in ("stabilize_4", "stabilize_8", "stabilize_16")]
    assert distances == sorted(distances, reverse=True)
