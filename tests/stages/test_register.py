"""`python -m stages.register`: the best generator gets a version, and an alias moves from one run to the next."""

import json

import pytest
from miniature import Pipeline
from mlruns import client, parents

PHASES = ("stabilize_4", "grow_8", "stabilize_8")


def measured(pipeline: Pipeline) -> dict[str, float]:
    """By what the best phase is found."""
    texts = {phase: (pipeline.path / f"data/evaluate/{phase}/metrics.json").read_text() for phase in PHASES}
    return {phase: json.loads(text)["frechet_target"] for phase, text in texts.items()}


def test_a_second_run_is_promoted_over_the_first(pipeline: Pipeline) -> None:
    pipeline.run("python", "-m", "stages.tracking.report")
    found = measured(pipeline)
    best = min(found, key=lambda phase: found[phase])
    output = pipeline.run("python", "-m", "stages.register", "--alias", "champion").stdout
    assert output.splitlines()[0] == f"pgan-generator, version 1: the generator of {best}"
    mlflow = client(pipeline)
    first = mlflow.get_model_version_by_alias("pgan-generator", "champion")
    assert (str(first.version), first.tags["phase"]) == ("1", best)
    for words in (f"phase `{best}`", "chosen by `frechet_target`", "| `frechet_target` |", "120 images", "load_model"):
        assert words in first.description

    pipeline.change("phases.stabilize_8.kimg", 0.16)
    pipeline.repro()
    output = pipeline.run("python", "-m", "stages.register", "--phase", "stabilize_8", "--alias", "champion").stdout
    assert "models:/pgan-generator@champion" in output
    second = mlflow.get_model_version_by_alias("pgan-generator", "champion")
    assert (str(second.version), second.tags["phase"]) == ("2", "stabilize_8")
    newest = next(run for run in parents(pipeline) if run.data.params["phases.stabilize_8.kimg"] == "0.16")
    assert (second.run_id, first.run_id != second.run_id) == (newest.info.run_id, True)

    pipeline.run("python", "-m", "stages.register", "--phase", "stabilize_8")  # it has a version
    assert len(mlflow.search_model_versions("name = 'pgan-generator'")) == 2


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--phase", "grow_16"), "--phase grow_16: MLflow has no model of it; choose"),
        (("--metric", "beauty"), "--metric beauty: not measured"),
    ],
)
def test_what_cannot_be_registered_is_refused_in_one_line(
    finished: Pipeline, options: tuple[str, str], reason: str
) -> None:
    done = finished.run("python", "-m", "stages.register", *options, check=False)
    assert done.returncode == 2
    assert done.stdout.startswith(f"error: {reason}")
    assert len(done.stdout.splitlines()) == 1


def test_without_models_nothing_is_registered(pipeline: Pipeline) -> None:
    done = pipeline.run("python", "-m", "stages.register", check=False)
    assert done.returncode == 2
    assert "MLflow has no model of these parameters; run `dvc repro`" in done.stdout
