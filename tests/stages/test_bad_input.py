"""What a user gets wrong ends in one clear line, and nothing that was computed is lost."""

from pathlib import Path
from typing import Any

import pytest
from miniature import Pipeline, new_repository
from mlruns import runs
from zygote import Zygote


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("phases.grow_8.lrr", 0.1, "phases.grow_8.lrr: unknown parameter; did you mean 'lr'?"),
        ("phases.grow_8.kimg", -1, "phases.grow_8.kimg: must be greater than 0, found -1"),
        ("phases.grow_8.batch", "8", "phases.grow_8.batch: "),
        ("phases.grow_8.from", "stabilise_4", "phases.grow_8.from: 'stabilise_4' is no phase"),
        ("prepare.path", None, "prepare.path: "),
        ("networks.classes", 4, "networks.classes: 4, but the data have 10; set it to 10"),
        (
            "features.classifier.batch",
            100,
            "features.classifier.batch: 100, but of 120 images 96 are left",
        ),
        ("prepare.resolution", 20, "prepare: resolution 20 is not base"),
    ],
)
def test_a_stage_refuses_bad_parameters_before_it_touches_anything(
    pipeline: Pipeline, name: str, value: Any, said: str
) -> None:
    before = contents(pipeline.path / "data")
    pipeline.change(name, value)
    done = pipeline.run("python", "-m", "stages.train", "grow_8", check=False)
    assert done.returncode == 2
    (line,) = done.stdout.strip().splitlines()
    assert line.startswith(f"error: params.yaml: {said}"), line
    assert contents(pipeline.path / "data") == before
    assert runs(pipeline) == []


def test_a_stage_refuses_what_is_no_phase(pipeline: Pipeline) -> None:
    done = pipeline.run("python", "-m", "stages.train", "grow_9", check=False)
    assert (done.returncode, done.stdout) == (2, "error: params.yaml: phases has no 'grow_9'\n")
    done = pipeline.run("python", "-m", "stages.init", "--help", check=False)
    assert (done.returncode, done.stdout) == (2, "usage: python -m stages.init\n")
    done = pipeline.run("python", "-m", "stages.evaluate", check=False)
    assert (done.returncode, done.stdout) == (2, "usage: python -m stages.evaluate PHASE\n")


def test_a_stage_that_dvc_started_in_vain_can_be_restored(pipeline: Pipeline) -> None:
    before = contents(pipeline.path / "data")
    pipeline.change("phases.grow_8.lrr", 0.1)
    done = pipeline.run("dvc", "repro", check=False)
    assert done.returncode != 0
    assert "error: params.yaml: phases.grow_8.lrr: unknown parameter; did you mean 'lr'?" in done.stdout
    assert "`dvc checkout` brings it back" in done.stdout
    assert "Traceback" not in done.stdout
    pipeline.dvc("checkout")
    assert contents(pipeline.path / "data") == before

    pipeline.run("dvc", "repro", check=False)
    pipeline.run("git", "checkout", "params.yaml")
    assert pipeline.repro() == []  # correcting the parameter is enough, too
    assert contents(pipeline.path / "data") == before


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("prepare.path", "nowhere.zip", "nowhere.zip"),
        ("phases.grow_8.from", "grow_8", "train@grow_8"),
        ("phases", 3, "stages.train.foreach"),
    ],
)
def test_what_dvc_itself_refuses_is_named_without_a_traceback(
    pipeline: Pipeline, name: str, value: Any, said: str
) -> None:
    pipeline.change(name, value)
    done = pipeline.run("dvc", "repro", check=False)
    assert done.returncode != 0
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("ERROR")]
    assert said in line
    assert "Traceback" not in done.stdout


def test_report_before_any_repro_says_what_to_do(tmp_path: Path, zygote: Zygote) -> None:
    done = new_repository(tmp_path / "repository", zygote).run("python", "-m", "stages.tracking.report", check=False)
    assert done.returncode == 1
    (line,) = done.stdout.strip().splitlines()
    assert line.startswith("error: ")
    assert line.endswith("run `dvc repro` first")


def test_report_does_not_pass_old_results_off_as_those_of_new_parameters(pipeline: Pipeline) -> None:
    pipeline.change("phases.grow_8.kimg", 0.12)
    assert pipeline.run("python", "-m", "stages.tracking.report", check=False).returncode == 1
    assert runs(pipeline) == []


def test_report_names_files_that_are_there(pipeline: Pipeline) -> None:
    output = pipeline.run("python", "-m", "stages.tracking.report").stdout
    words = [word for word in output.split() if word.startswith("data/")]
    assert len(words) >= 7
    for word in words:
        assert (pipeline.path / word.replace("<phase>", "stabilize_8")).exists(), word
    for phase in ("stabilize_4", "grow_8", "stabilize_8"):
        assert phase in output
