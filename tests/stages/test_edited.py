"""What a stage depends on, edited while the stage runs, is never recorded as what it ran with."""

import pytest
from forked_python import BEFORE
from miniature import Pipeline, stages_run

EDIT = """
import os, sys

def _hook(event, arguments):
    if event != "open" or not isinstance(arguments[0], str | bytes | os.PathLike) or "EDIT" not in os.environ:
        return
    stage = " ".join(sys.orig_argv[1:])
    if stage == os.environ["EDIT_IN"] and os.fsdecode(arguments[0]).endswith(os.environ["EDIT_AT"]):
        command = os.environ.pop("EDIT")
        os.system(command)

sys.addaudithook(_hook)
"""
"""Code that runs a command when this process, a stage's, first opens a certain file for reading or writing."""
LR = "sed -i 's/lr: 0.001/lr: 0.5/' params.yaml"


def editing(stage: str, at: str, edit: str) -> dict[str, str]:
    """The environment in which a stage, at work, has something edited."""
    return {BEFORE: EDIT, "EDIT_IN": f"-m stages.{stage}", "EDIT_AT": at, "EDIT": edit}


def error_line(output: str) -> str:
    """The stage's."""
    assert "Traceback" not in output, output
    (line,) = [line for line in output.splitlines() if line.startswith("error: ")]
    return line.removeprefix("error: ")


def test_parameters_edited_under_training_are_not_recorded(pipeline: Pipeline) -> None:
    pipeline.change("phases.stabilize_8.kimg", 0.16)
    params, before = (pipeline.path / "params.yaml").read_bytes(), pipeline.hashes()
    edit = editing("train stabilize_8", "data/logs/stabilize_8.csv", LR)
    failed = pipeline.run("dvc", "repro", "train@stabilize_8", check=False, **edit)
    assert failed.returncode != 0
    line = error_line(failed.stdout)
    assert line.startswith("params.yaml: phases.stabilize_8.lr: changed from 0.001 to 0.5 while stabilize_8 trained; ")
    assert pipeline.hashes() == before
    (snapshot,) = (pipeline.path / ".pgan/snapshots").iterdir()
    assert str(snapshot) in line
    assert not (pipeline.path / "data/train/stabilize_8/checkpoint.pt").exists()

    (pipeline.path / "params.yaml").write_bytes(params)
    assert pipeline.repro("train@stabilize_8") == ["train@stabilize_8"]
    log = (pipeline.path / "data/logs/stabilize_8.csv").read_text().splitlines()
    assert all(row.endswith(",nan") for row in log[1:]), "all rows are the snapshot's: nothing was trained again"
    assert list((pipeline.path / ".pgan/snapshots").iterdir()) == []


def test_code_edited_under_training_is_not_recorded_and_other_parameters_may_be(pipeline: Pipeline) -> None:
    """Code that `pgan train` does not look at: the stage does, and the snapshot has been kept for it."""
    pipeline.change("phases.stabilize_8.kimg", 0.16)
    before = pipeline.hashes()
    change = "echo '# a comment' >> pgan/errors.py; sed -i 's/rows: 2/rows: 3/' params.yaml"
    edit = editing("train stabilize_8", "data/logs/stabilize_8.csv", change)
    failed = pipeline.run("dvc", "repro", "train@stabilize_8", check=False, **edit)
    assert error_line(failed.stdout) == (
        "pgan/errors.py: changed while train@stabilize_8 ran with what was there before; DVC records nothing; "
        "run it again; the trained phase is kept as a snapshot"
    )
    assert pipeline.hashes() == before
    pipeline.run("git", "checkout", "--quiet", "pgan")
    edit["EDIT"] = "sed -i 's/rows: 3/rows: 4/' params.yaml"
    done = pipeline.dvc("repro", "train@stabilize_8", **edit)
    assert stages_run(done) == ["train@stabilize_8"]
    log = (pipeline.path / "data/logs/stabilize_8.csv").read_text().splitlines()
    assert all(row.endswith(",nan") for row in log[1:])
    assert pipeline.parameters()["render"]["rows"] == 4


@pytest.mark.parametrize(
    ("stage", "at", "edit", "message"),
    [
        (
            "prepare",
            "data/.pyramid.part/meta.json",
            "touch data/raw/new.png",
            "data/raw/new.png: new while prepare ran",
        ),
        (
            "init",
            ".checkpoint.part.pt",
            "rm params.yaml",
            "params.yaml: gone, or no longer a parameter file, since it was read while init ran",
        ),
        (
            "features",
            "data/.features.part/space.json",
            "echo >> pgan/metrics/kid.py",
            "pgan/metrics/kid.py: changed while features ran",
        ),
        (
            "evaluate stabilize_8",
            ".metrics.part.json",
            "sed -i 's/directions: 8/directions: 9/' params.yaml",
            "params.yaml: evaluate.swd.directions: changed from 8 to 9 while evaluate@stabilize_8 ran",
        ),
        (
            "render",
            "data/.render.part/losses.csv",
            "echo >> data/train/stabilize_4/losses.csv",
            "data/train/stabilize_4/losses.csv: changed while render ran",
        ),
    ],
)
def test_every_stage_fails_where_what_it_depends_on_is_edited(
    stage: str, at: str, edit: str, message: str, pipeline: Pipeline
) -> None:
    done = pipeline.run("python", "-m", *f"stages.{stage}".split(), check=False, **editing(stage, at, edit))
    assert done.returncode == 1, done.stdout
    assert error_line(done.stdout).startswith(message)


def test_a_command_that_finds_other_parameters_than_its_stage_fails_at_once(pipeline: Pipeline) -> None:
    """An edit in between, taken back before the end, would never be noticed."""
    change = "sed -i 's/directions: 8/directions: 9/' params.yaml"
    edit = editing("evaluate stabilize_8", "-evaluate@stabilize_8.lock", change)  # where the tracker starts
    done = pipeline.run("python", "-m", "stages.evaluate", "stabilize_8", check=False, **edit)
    assert done.returncode == 1, done.stdout
    assert error_line(done.stdout) == "params.yaml: evaluate: changed while this started; run it again"
