"""`pgan init` from a checkpoint: trained networks as the beginning of a new experiment."""

import pytest
import torch
import yaml
from typer.testing import CliRunner

from pgan.cli import app
from pgan.experiment import read_experiment
from pgan.networks import checkpoint
from pgan.networks.checkpoint import Progress, fresh, shrink


@pytest.fixture
def start(params_file, networks, tmp_path):
    """A parameter file that starts from a trained checkpoint of 16 pixels; gives a function that changes it."""
    trained = fresh(networks, 16, seed=5)
    trained.progress = Progress("stabilize_16", "stabilize", 1000, 5000)
    adam = {"state": {}, "param_groups": []}
    trained.optimizers = {"generator": adam, "critic": adam}
    checkpoint.save(checkpoint.state(trained), tmp_path / "trained.pt")
    content = yaml.safe_load(params_file.read_text())
    content["init"] = {"source": "checkpoint", "path": str(tmp_path / "trained.pt"), "resolution": 8}

    def change(**sections):
        for name, values in sections.items():
            content[name] = content[name] | values
        params_file.write_text(yaml.safe_dump(content, sort_keys=False))
        return params_file

    change()
    return change


def init(params, out):
    return CliRunner().invoke(app, ["init", "--params", str(params), "--out", str(out)])


def test_the_networks_are_those_of_the_checkpoint_without_its_past(start, networks, tmp_path):
    result = init(start(), tmp_path / "init.pt")
    assert result.exit_code == 0, result.output
    found, whole = checkpoint.load(tmp_path / "init.pt"), fresh(networks, 16, seed=5)
    assert (found.resolution, found.progress, found.optimizers) == (8, Progress("init", "init", 0, 0), None)
    for name in ("generator", "critic", "ema"):
        theirs = getattr(whole, name).state_dict()
        assert all(torch.equal(value, theirs[key]) for key, value in getattr(found, name).state_dict().items())


def test_a_parameter_that_null_stands_for_is_the_same(start, networks, tmp_path):
    params = start(networks={"latent_size": None, "critic_leaky_slope": 0.2})
    result = init(params, tmp_path / "init.pt")
    assert result.exit_code == 0, result.output
    loaded = checkpoint.load(tmp_path / "init.pt").config
    assert (loaded.latent_size, loaded.critic_leaky_slope) == (None, 0.2), "as the parameter file has them"


def test_every_parameter_that_differs_is_named(start, tmp_path):
    params = start(networks={"fmap_max": 4, "pixel_norm": False})
    result = init(params, tmp_path / "init.pt")
    assert result.exit_code == 2
    assert f"{params}: networks.fmap_max: 4, but {tmp_path}/trained.pt has 8; set it to 8" in result.output
    assert f"{params}: networks.pixel_norm: false, but {tmp_path}/trained.pt has true; set it to true" in result.output
    assert not (tmp_path / "init.pt").exists()


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"resolution": 32}, "init.resolution: 32, but"),
        ({"resolution": 12}, "init.resolution: resolution 12 is not networks.base_size"),
        ({"resolution": None}, "init: with source: checkpoint, state the resolution"),
        ({"path": "none.pt"}, "none.pt: no such checkpoint"),
        ({"path": "params.yaml"}, "a text file ('seed: 0'), not a pgan checkpoint"),
        ({"source": "imported"}, "init.source: must be 'random' or 'checkpoint'"),
    ],
)
def test_what_is_wrong_with_the_section_is_named(section, message, start, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = init(start(init=section), tmp_path / "init.pt")
    assert result.exit_code == 2
    assert message in result.output
    assert result.output.count("\n") == 1


def test_the_resolution_option_makes_untrained_networks_all_the_same(start, networks, tmp_path):
    arguments = ["init", "--params", str(start()), "--out", str(tmp_path / "init.pt"), "--resolution", "4"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    found = checkpoint.load(tmp_path / "init.pt").generator.state_dict()
    expected = fresh(networks, 4, seed=0).generator.state_dict()
    assert all(torch.equal(found[key], expected[key]) for key in expected)


def test_random_networks_may_begin_at_any_resolution(start, tmp_path):
    assert init(start(init={"source": "random", "resolution": 16}), tmp_path / "init.pt").exit_code == 0
    assert checkpoint.load(tmp_path / "init.pt").resolution == 16


def test_the_chain_of_phases_is_checked_from_the_initial_resolution(start):
    phase = {"from": "init", "kind": "stabilize", "resolution": 8, "kimg": 1, "batch": 8, "lr": 0.001}
    content = yaml.safe_load(start().read_text())
    params = start(phases={"stabilize_4": phase, "grow_8": phase | {"kind": "grow", "resolution": 16}})
    result = CliRunner().invoke(app, ["check", "--params", str(params)])
    assert (
        "phases.stabilize_8.resolution: a stabilize phase must have the resolution of its parent, 16, not 8"
        in result.output
    )
    content["init"]["resolution"] = 8
    content["phases"] = {"on": phase, "grow_16": phase | {"from": "on", "kind": "grow", "resolution": 16}}
    params.write_text(yaml.safe_dump(content, sort_keys=False))
    assert list(read_experiment(params).phases) == ["on", "grow_16"]


def test_shrink_keeps_the_lower_blocks(networks):
    whole = fresh(networks, 16, seed=1)
    small = shrink(whole, 4)
    assert small.resolution == 4
    assert torch.equal(small.critic.from_image["4"].weight, whole.critic.from_image["4"].weight)
    assert shrink(whole, 16) is whole
