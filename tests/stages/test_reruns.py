"""The graph: what runs again after a change, and what does not."""

from pathlib import Path

import pytest
from miniature import PHASE, UNTRACKED, Pipeline, new_repository

EVALUATIONS = {"evaluate@stabilize_4", "evaluate@grow_8", "evaluate@stabilize_8"}
RENDERED = {"data/generator.json", "data/generator.safetensors", "data/metrics.json", "data/render"}
FROM_GROW_8 = {"train@grow_8", "train@stabilize_8", "evaluate@grow_8", "evaluate@stabilize_8", "render"}


def test_a_second_repro_does_nothing(pipeline: Pipeline) -> None:
    output = pipeline.dvc("repro")
    assert "Running stage" not in output
    assert "up to date" in output


def test_a_phase_reruns_what_follows_it_and_is_restored(pipeline: Pipeline) -> None:
    before = pipeline.hashes()
    pipeline.change("phases.grow_8.kimg", 0.12)
    ran = pipeline.repro(**UNTRACKED)
    assert set(ran) == FROM_GROW_8
    assert ran.index("train@grow_8") < ran.index("train@stabilize_8") < ran.index("render")
    changed = pipeline.hashes()
    assert changed["data/train/stabilize_4/checkpoint.pt"] == before["data/train/stabilize_4/checkpoint.pt"]
    assert changed["data/train/stabilize_8/checkpoint.pt"] != before["data/train/stabilize_8/checkpoint.pt"]

    pipeline.change("phases.grow_8.kimg", 0.08)
    assert pipeline.repro(**UNTRACKED) == []
    assert pipeline.hashes() == before


@pytest.mark.slow
def test_a_further_pair_of_phases_reruns_nothing_that_existed(pipeline: Pipeline) -> None:
    before = pipeline.hashes()
    phases = pipeline.parameters()["phases"]
    phases["grow_16"] = {"from": "stabilize_8", "kind": "grow", "resolution": 16} | PHASE
    phases["stabilize_16"] = {"from": "grow_16", "kind": "stabilize", "resolution": 16} | PHASE
    pipeline.change("phases", phases)
    new = {f"{stage}@{phase}" for stage in ("train", "evaluate") for phase in ("grow_16", "stabilize_16")}
    assert set(pipeline.repro(**UNTRACKED)) == new | {"render"}
    after = pipeline.hashes()
    assert {path for path in before if after[path] != before[path]} == RENDERED


def test_an_evaluation_parameter_retrains_nothing(pipeline: Pipeline) -> None:
    pipeline.change("evaluate.swd.directions", 4)
    assert set(pipeline.repro(**UNTRACKED)) == EVALUATIONS | {"render"}


def test_metric_code_retrains_nothing(pipeline: Pipeline) -> None:
    append_comment(pipeline, "pgan/metrics/frechet.py")
    assert set(pipeline.repro(**UNTRACKED)) == EVALUATIONS | {
        "features"
    }  # the numbers stay, and so does what is drawn of them


def test_code_that_makes_no_output_reruns_nothing(pipeline: Pipeline) -> None:
    for name in (
        "pgan/cli.py",
        "pgan/experiment.py",
        "stages/runner.py",
        "stages/tracking/tracker.py",
        "stages/tracking/runs.py",
    ):
        append_comment(pipeline, name)
    assert pipeline.repro(**UNTRACKED) == []


@pytest.mark.slow
def test_the_same_parameters_make_the_same_bytes_elsewhere(finished: Pipeline, tmp_path: Path) -> None:
    """In another place, by the real programs: those of `finished` are forks."""
    again = new_repository(tmp_path / "repository")
    assert len(again.repro()) == 10
    assert again.hashes() == finished.hashes()


def append_comment(pipeline: Pipeline, name: str) -> None:
    """Edit a source file without changing what it does."""
    with (pipeline.path / name).open("a", encoding="utf-8") as file:
        file.write("\n# a comment\n")
