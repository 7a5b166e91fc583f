"""`dvc repro` for some of the stages: one alone, one by force, from one on, and all but a frozen one."""

import pytest
from miniature import UNTRACKED, Pipeline
from test_reruns import EVALUATIONS, FROM_GROW_8, append_comment


def test_a_single_stage_runs_whatever_has_changed_above_it(pipeline: Pipeline) -> None:
    pipeline.change("phases.stabilize_4.kimg", 0.12)
    pipeline.change("phases.grow_8.kimg", 0.12)
    assert pipeline.repro("--single-item", "train@grow_8", **UNTRACKED) == ["train@grow_8"]
    assert pipeline.repro("-s", "train@grow_8", **UNTRACKED) == []


def test_a_stage_can_be_forced_and_makes_the_same_bytes(pipeline: Pipeline) -> None:
    before = pipeline.hashes()
    assert pipeline.repro("--force", "-s", "train@grow_8", **UNTRACKED) == ["train@grow_8"]
    assert pipeline.hashes() == before
    assert pipeline.repro(**UNTRACKED) == []


@pytest.mark.slow
def test_from_a_stage_on(pipeline: Pipeline) -> None:
    pipeline.change("phases.grow_8.kimg", 0.12)
    assert set(pipeline.repro("--downstream", "train@grow_8", **UNTRACKED)) == FROM_GROW_8


@pytest.mark.slow
def test_a_frozen_stage_does_not_run_until_it_is_unfrozen(pipeline: Pipeline) -> None:
    pipeline.dvc("freeze", "features")
    append_comment(pipeline, "pgan/metrics/frechet.py")
    assert set(pipeline.repro(**UNTRACKED)) == EVALUATIONS
    pipeline.dvc("unfreeze", "features")
    assert pipeline.repro(**UNTRACKED) == ["features"]


def test_dvc_freezes_no_stage_whose_paths_depend_on_parameters(pipeline: Pipeline) -> None:
    """DVC's own limit (treeverse/dvc#6070). `frozen: true` in dvc.yaml does the same, for all phases at once."""
    done = pipeline.run("dvc", "freeze", "train@grow_8", check=False)
    assert done.returncode != 0
    assert "cannot dump a parametrized stage" in done.stdout
    graph = pipeline.path / "dvc.yaml"
    command = "      cmd: python -m stages.train ${key}\n"
    text = graph.read_text(encoding="utf-8")
    assert command in text
    graph.write_text(text.replace(command, f"{command}      frozen: true\n"), encoding="utf-8")
    pipeline.change("phases.grow_8.kimg", 0.12)
    assert pipeline.repro(**UNTRACKED) == ["render"]  # it shows the parameters
