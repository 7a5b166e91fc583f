"""From an official pickle to a further phase of training, through the commands."""

import torch
import yaml
from oracles import official_reference as official
from test_official import written
from typer.testing import CliRunner

from pgan.cli import app
from pgan.networks import checkpoint


def pgan(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result


def test_a_phase_is_trained_from_imported_networks(params_file, parameters, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/raw").mkdir(parents=True)
    g, d, values = official.networks(resolution=8, fused_scale=False)
    written(tmp_path / "official.pkl", g, d, values)
    pgan("import", "official.pkl", "imported.pt")
    imported = checkpoint.load(tmp_path / "imported.pt")

    content = yaml.safe_load(params_file.read_text())
    content["networks"] = imported.config.model_dump()
    content["init"] = {"source": "checkpoint", "path": "imported.pt", "resolution": 8}
    phase = {"kimg": 0.08, "batch": 8, "lr": 0.001}
    content["phases"] = {
        "on": {"from": "init", "kind": "stabilize", "resolution": 8} | phase,
        "grow_16": {"from": "on", "kind": "grow", "resolution": 16} | phase,
    }
    content["prepare"] |= {"resolution": 16, "max_images": 40}
    params_file.write_text(yaml.safe_dump(content, sort_keys=False))
    for command in (("check",), ("prepare",), ("init",), ("train", "on"), ("train", "grow_16")):
        pgan(*command)

    first, second = (checkpoint.load(tmp_path / f"data/train/{name}/checkpoint.pt") for name in ("on", "grow_16"))
    assert (first.resolution, second.resolution) == (8, 16)
    assert first.progress.total_images == 80
    before, after = imported.generator.blocks["4"].conv.weight, first.generator.blocks["4"].conv.weight
    moved = (after - before).abs().max().item()
    assert 1e-3 < moved < 0.1, "ten steps away from the imported weights, not drawn anew"
    assert not torch.equal(first.ema.blocks["4"].conv.weight, imported.ema.blocks["4"].conv.weight)
