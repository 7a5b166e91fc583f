"""Fine-tuning through the graph: an official pickle, imported, and trained further."""

from pathlib import Path

from miniature import PHASE, UNTRACKED, new_repository
from oracles import official_reference as official
from zygote import Zygote

from pgan.networks import checkpoint


def test_the_graph_trains_on_from_an_imported_network(tmp_path: Path, zygote: Zygote) -> None:
    pipeline = new_repository(tmp_path / "repository", zygote)
    g, d, values = official.networks(resolution=8, fused_scale=False)
    options = {"G": g, "D": d, "Gs": g}
    states = [official.state(role, options[role], values[role]) for role in values]
    (pipeline.path / "data/raw/official.pkl").write_bytes(official.pickled(states))
    pipeline.run("python", "-m", "pgan", "import", "data/raw/official.pkl", "imported.pt")
    imported = checkpoint.load(pipeline.path / "imported.pt")

    content = pipeline.parameters()
    content["networks"] = imported.config.model_dump()
    content["init"] = {"source": "checkpoint", "path": "imported.pt", "resolution": 8}
    phase = {"from": "init", "kind": "grow", "resolution": 16} | PHASE
    content["phases"] = {"grow_16": phase}
    pipeline.write_parameters(content)
    assert sorted(pipeline.repro("train@grow_16", **UNTRACKED)) == ["init", "prepare", "train@grow_16"]
    trained = checkpoint.load(pipeline.path / "data/train/grow_16/checkpoint.pt")
    assert trained.resolution == 16
    before, after = imported.generator.blocks["4"].conv.weight, trained.generator.blocks["4"].conv.weight
    assert 0 < (after - before).abs().max() < 0.1, "some steps away from the imported weights"

    assert "up to date" in pipeline.dvc("status", "init")
    imported.generator.blocks["4"].conv.weight.data += 1
    checkpoint.save(checkpoint.state(imported), pipeline.path / "imported.pt")
    assert "modified:           imported.pt" in pipeline.dvc("status", "init"), "the stage depends on the file"
