"""What a run of the pipeline leaves in MLflow."""

import json
import re
from typing import Any

from miniature import Pipeline
from mlruns import artifacts, children, history, parents

from pgan.experiment import read_experiment
from stages.tracking.runs import flatten

TRAINED = ("stabilize_4", "grow_8", "stabilize_8")
PICTURES = {"report.html", "samples.png", "real_vs_fake.png", "interpolation.gif", "progress.gif", "losses.png"}


def test_the_parent_holds_the_whole_experiment(finished: Pipeline) -> None:
    (parent,) = parents(finished)
    assert parent.info.status == "FINISHED"
    assert_whole(finished, finished)
    first_commit = finished.run("git", "rev-list", "--max-parents=0", "HEAD").stdout.strip()
    assert parent.data.tags["mlflow.source.git.commit"] == first_commit
    assert parent.data.tags["pgan.stage"] == "experiment"


def test_each_stage_has_a_child_run(finished: Pipeline) -> None:
    (parent,) = parents(finished)
    found = children(finished)
    phases = {f"{stage}@{phase}" for stage in ("train", "evaluate") for phase in TRAINED}
    assert set(found) == phases | {"prepare", "init", "features", "render"}
    for address, child in found.items():
        assert child.info.status == "FINISHED", address
        assert child.info.run_name == address
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert "mlflow.source.git.commit" in child.data.tags
        assert child.data.params, address


def test_a_training_run_holds_its_curves_and_pictures(finished: Pipeline) -> None:
    child = children(finished)["train@grow_8"]
    rows = [row.split(",") for row in (finished.path / "data/train/grow_8/losses.csv").read_text().split()]
    column = rows[0].index("gradient_penalty")
    steps = [round(float(row[rows[0].index("total_kimg")]) * 1000) for row in rows[1:]]
    assert steps[0] > 80  # images since `init`, not since the phase began
    expected = list(zip(steps, [float(row[column]) for row in rows[1:]], strict=True))
    assert history(finished, child, "gradient_penalty") == expected
    assert "img_per_s" in child.data.metrics
    assert "summary.json" in artifacts(finished, child)
    assert child.data.params["phase.kimg"] == "0.08"


def test_grids_of_samples_are_logged_by_step(finished: Pipeline) -> None:
    """Once each, where MLflow's image grid looks for them: with the phase, and all phases with the parent."""
    (parent,) = parents(finished)
    all_steps = set()
    for phase in TRAINED:
        summary = json.loads((finished.path / f"data/train/{phase}/summary.json").read_text())
        steps = [round(1000 * kimg) for kimg in summary["sample_kimg"]]
        assert pictured(finished, children(finished)[f"train@{phase}"]) == steps
        assert children(finished)[f"train@{phase}"].data.tags["mlflow.loggedImages"] == "True"
        all_steps |= set(steps)
    assert pictured(finished, parent) == sorted(all_steps)


def pictured(pipeline: Pipeline, run: Any) -> list[int]:
    """The steps of a run's grids."""
    names = [re.fullmatch(r"images/samples\+step\+(\d+)\+.*\.png", path) for path in artifacts(pipeline, run)]
    return sorted(int(name[1]) for name in names if name)


def test_the_parent_is_whole_when_only_render_ran(finished: Pipeline, pipeline: Pipeline) -> None:
    pipeline.change("render.colors.generator_loss", "purple")
    assert pipeline.repro() == ["render"]
    assert set(children(pipeline)) == {"render"}
    assert_whole(pipeline, finished)
    (parent,) = parents(pipeline)
    assert parent.info.status == "FINISHED"
    assert parent.data.params["render.colors.generator_loss"] == "purple"


def assert_whole(pipeline: Pipeline, reference: Pipeline) -> None:
    """The only parent holds all parameters, curves, metrics, pictures and the checkpoint, as the reference's does."""
    (parent,), (other,) = parents(pipeline), parents(reference)
    parameters = read_experiment(pipeline.path / "params.yaml").model_dump(mode="json", by_alias=True)
    assert parent.data.params == {key: str(value) for key, value in flatten(parameters)}
    assert len(parent.data.params) > 80

    lines = [len((pipeline.path / f"data/train/{p}/losses.csv").read_text().split()) - 1 for p in TRAINED]
    curve = history(pipeline, parent, "generator_loss")
    assert len(curve) == len({step for step, _ in curve}) == sum(lines)
    assert curve[-1][0] == 240
    assert set(parent.data.metrics) == set(other.data.metrics)
    for metric in parent.data.metrics:
        assert history(pipeline, parent, metric) == history(reference, other, metric)

    measured = json.loads((pipeline.path / "data/evaluate/stabilize_8/metrics.json").read_text())
    assert {key: parent.data.metrics[key] for key in measured} == measured
    assert [step for step, _ in history(pipeline, parent, "frechet")] == [80, 160, 240]
    assert "features.accuracy" in parent.data.metrics

    files = artifacts(pipeline, parent)
    assert {f"pictures/{name}" for name in PICTURES} <= files
    assert {f"pictures/phases/{phase}.gif" for phase in TRAINED} <= files
    assert "checkpoint/checkpoint.pt" in files
