"""What a run of the pipeline leaves in MLflow."""

import json
import re
from typing import Any

from miniature import Pipeline
from mlflow.data.schema import TensorDatasetSchema
from mlruns import artifacts, children, client, history, parents

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


def called(key: str) -> str:
    """What MLflow calls a key of metrics.json."""
    return f"standard_error/{key[:-3]}" if key.endswith("_se") else f"quality/{key}"


def test_charts_fall_into_sections(finished: Pipeline) -> None:
    (parent,) = parents(finished)
    groups = {name.partition("/")[0] for name in parent.data.metrics}
    assert groups == {"loss", "critic", "schedule", "quality", "standard_error", "features", "data"}
    assert {"critic/real", "critic/fake", "loss/generator", "data/count"} <= set(parent.data.metrics)


def test_bookkeeping_is_one_tag(finished: Pipeline) -> None:
    (parent,) = parents(finished)
    own = {name for name in parent.data.tags if name.startswith("pgan.")}
    assert own == {"pgan.stage", "pgan.parameters", "pgan.repository", "pgan.logged"}


def test_the_description_says_what_ran_and_how_good_it_is(finished: Pipeline) -> None:
    (parent,) = parents(finished)
    text = parent.data.tags["mlflow.note.content"]
    assert text.startswith("A generator of handwritten digits from scikit-learn, 4×4 to 8×8 pixels: 3 phases")
    for phase in TRAINED:
        assert f"| {phase} |" in text
    assert "frechet ↓" in text
    assert f"![samples](get-artifact?path=pictures/samples.png&run_uuid={parent.info.run_id})" in text
    assert f"    git checkout {parent.data.tags['mlflow.source.git.commit'][:12]}" in text
    assert finished.hashes()["data/train/stabilize_8/checkpoint.pt"] in text
    assert "Nearest preset: `digits`" in text
    assert "| `networks.latent_size` | `8` | `64` |" in text


def test_the_data_are_logged_as_inputs(finished: Pipeline) -> None:
    (parent,) = parents(finished)
    inputs = {each.tags[0].value: each.dataset for each in parent.inputs.dataset_inputs}
    assert set(inputs) == {"training", "evaluation"}
    data = inputs["training"]
    assert (data.name, data.source_type) == ("digits", "code")
    profile = json.loads(data.profile)
    assert (profile["num_rows"], profile["classes"], profile["resolutions"]) == (120, 10, [4, 8, 16])
    assert sum(profile["class_counts"].values()) == 120
    assert TensorDatasetSchema.from_dict(json.loads(data.schema)).features.input_names()[0] == "images_4.npy"
    assert data.digest != inputs["evaluation"].digest
    found = children(finished)
    for address, context in (("train@grow_8", "training"), ("evaluate@grow_8", "evaluation")):
        (each,) = found[address].inputs.dataset_inputs
        assert (each.tags[0].value, each.dataset.digest) == (context, inputs[context].digest)


def test_each_phase_has_a_model_with_the_metrics_of_its_evaluation(finished: Pipeline) -> None:
    (parent,) = parents(finished)
    mlflow = client(finished)
    order = [{"field_name": "metrics.quality/frechet", "ascending": True}]
    models = mlflow.search_logged_models([parent.info.experiment_id], order_by=order)
    measured = {p: json.loads((finished.path / f"data/evaluate/{p}/metrics.json").read_text()) for p in TRAINED}
    assert [model.name for model in models] == [
        f"generator-{phase}" for phase in sorted(TRAINED, key=lambda phase: measured[phase]["frechet"])
    ]
    evaluation = next(i.dataset for i in parent.inputs.dataset_inputs if i.tags[0].value == "evaluation")
    for model in models:
        assert (model.status, model.model_type, model.source_run_id) == ("READY", "generator", parent.info.run_id)
        values = measured[model.params["phase"]]
        assert {each.key: each.value for each in model.metrics} == {called(key): v for key, v in values.items()}
        assert {each.dataset_digest for each in model.metrics} == {evaluation.digest}
    assert {each.model_id for each in parent.outputs.model_outputs} == {model.model_id for model in models}
    points = mlflow.get_metric_history(parent.info.run_id, "quality/frechet")
    assert len(points) == len(TRAINED)  # a metric that belongs to a model as well is no second point of the run


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
    assert history(finished, child, "loss/gradient_penalty") == expected
    assert "speed/img_per_s" in child.data.metrics
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


def test_further_pictures_have_their_step(finished: Pipeline) -> None:
    (parent,) = parents(finished)
    assert pictured(finished, parent, "real_vs_fake") == [240]
    assert pictured(finished, parent, "nearest") == []  # the miniature does not look for copies


def pictured(pipeline: Pipeline, run: Any, key: str = "samples") -> list[int]:
    """The steps of a run's pictures."""
    names = [re.fullmatch(rf"images/{key}\+step\+(\d+)\+.*\.png", path) for path in artifacts(pipeline, run)]
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
    curve = history(pipeline, parent, "loss/generator")
    assert len(curve) == len({step for step, _ in curve}) == sum(lines)
    assert curve[-1][0] == 240
    assert set(parent.data.metrics) == set(other.data.metrics)
    for metric in parent.data.metrics:
        assert history(pipeline, parent, metric) == history(reference, other, metric)

    measured = json.loads((pipeline.path / "data/evaluate/stabilize_8/metrics.json").read_text())
    assert {key: parent.data.metrics[called(key)] for key in measured} == measured
    assert [step for step, _ in history(pipeline, parent, "quality/frechet")] == [80, 160, 240]
    assert "features/accuracy" in parent.data.metrics

    files = artifacts(pipeline, parent)
    assert {f"pictures/{name}" for name in PICTURES} <= files
    assert {f"pictures/phases/{phase}.gif" for phase in TRAINED} <= files
    assert "checkpoint/checkpoint.pt" in files
