"""`dvc exp`: in the workspace, queued and in a temporary folder; and what compares the results."""

import csv
import io
import json
import re
import time

import pytest
from miniature import Pipeline, stages_run
from mlruns import history, parents

FROM_STABILIZE_8 = ["train@stabilize_8", "evaluate@stabilize_8", "render"]


@pytest.mark.slow
def test_an_experiment_can_be_named_and_compared(pipeline: Pipeline) -> None:
    ran = stages_run(pipeline.dvc("exp", "run", "-S", "phases.grow_8.kimg=0.12", "-n", "longer"))
    assert set(ran) == {"train@grow_8", "evaluate@grow_8", *FROM_STABILIZE_8}

    table = {row["Experiment"] or row["rev"]: row for row in shown(pipeline)}
    assert float(table["longer"]["phases.grow_8.kimg"]) == 0.12
    assert float(table["main"]["phases.grow_8.kimg"]) == 0.08
    assert float(table["longer"]["swd"]) != float(table["main"]["swd"])
    assert (float(table["main"]["kimg"]), float(table["longer"]["kimg"])) == (0.24, 0.28)
    assert table["main"]["best_phase"] in pipeline.parameters()["phases"]

    metrics = json.loads(pipeline.dvc("metrics", "diff", "HEAD", "longer", "--json"))
    assert list(metrics) == ["data/metrics.json"]
    assert metrics["data/metrics.json"]["swd"]["old"] != metrics["data/metrics.json"]["swd"]["new"]
    assert_a_table_fits_a_screen(pipeline)
    assert_plots_show_both(pipeline)

    (run,) = parents(pipeline)
    assert run.data.tags["dvc.exp"] == "longer"
    assert run.info.run_name == "longer"
    assert run.data.params["phases.grow_8.kimg"] == "0.12"


def assert_a_table_fits_a_screen(pipeline: Pipeline) -> None:
    """With what has changed alone, and without the digests of files, whose names have a slash."""
    output = pipeline.dvc("exp", "show", "--only-changed", "--drop", ".*/", "--md")
    lines = [line for line in output.splitlines() if line.startswith("|")]
    assert len(lines) == 5  # workspace, main, longer; and two for the heading
    assert max(map(len, lines)) <= 120
    columns = [column.strip() for column in lines[0].strip("|").split("|")]
    assert columns[:2] == ["Experiment", "Created"]
    wanted = {"kimg", "phases.grow_8.kimg"}  # metrics differ in digits that the table may not show
    assert wanted <= set(columns[2:]) <= wanted | {"frechet", "swd", "precision", "recall", "best_phase"}


def assert_plots_show_both(pipeline: Pipeline) -> None:
    """Curves drawn into one plot, and pictures side by side."""
    pipeline.dvc("plots", "diff", "HEAD", "longer", "--out", "plots")
    page = (pipeline.path / "plots/index.html").read_text(encoding="utf-8")
    for wanted in ("HEAD", "longer", "generator_loss", "critic_real", "gradient_penalty", "frechet"):
        assert wanted in page
    shown = re.findall(r'<img src="([^"]+)"', page)
    for name in ("samples.png", "real_vs_fake.png", "progress.gif", "losses.png", "metrics.png"):
        first, second = (f"static/{revision}_data_render_{name}" for revision in ("HEAD", "longer"))
        assert shown.index(second) == shown.index(first) + 1
        assert (pipeline.path / "plots" / first).read_bytes() != (pipeline.path / "plots" / second).read_bytes()


@pytest.mark.slow
def test_experiments_can_be_queued(pipeline: Pipeline) -> None:
    for name, rate in (("slow", 0.0005), ("fast", 0.002)):
        pipeline.dvc("exp", "run", "--queue", "-S", f"phases.stabilize_8.lr={rate}", "-n", name)
    pipeline.dvc("queue", "start", "--jobs", "2")
    try:
        pipeline.dvc("queue", "logs", "--follow", "slow")
        pipeline.dvc("queue", "logs", "--follow", "fast")
        wait_for_queue(pipeline)
    finally:
        pipeline.dvc("queue", "stop", "--kill")
    assert stages_run(pipeline.dvc("queue", "logs", "slow")) == FROM_STABILIZE_8
    rows = shown(pipeline, "--sort-by", "frechet")
    distances = [float(row["frechet"]) for row in rows if row["Experiment"]]
    assert distances == sorted(distances)
    assert len(distances) == 2
    table = {row["Experiment"]: row for row in rows}
    assert {float(table[name]["phases.stabilize_8.lr"]) for name in ("slow", "fast")} == {0.0005, 0.002}

    found = {run.data.tags["dvc.exp"]: run for run in parents(pipeline)}
    assert {name: run.data.params["phases.stabilize_8.lr"] for name, run in found.items()} == {
        "slow": "0.0005",
        "fast": "0.002",
    }
    assert found["slow"].data.metrics["quality/swd"] != found["fast"].data.metrics["quality/swd"]
    slow, fast = (history(pipeline, found[name], "loss/generator") for name in ("slow", "fast"))
    assert len(slow) == len(fast)
    common = [step for step, _ in slow if step <= 160]  # the phases that DVC took from its cache
    assert common
    assert slow[: len(common)] == fast[: len(common)]
    assert slow[-1] != fast[-1]


def test_an_experiment_can_run_in_a_temporary_folder(pipeline: Pipeline) -> None:
    before = pipeline.hashes()
    output = pipeline.dvc("exp", "run", "--temp", "-S", "phases.stabilize_8.lr=0.0005", "-n", "apart")
    assert set(stages_run(output)) == set(FROM_STABILIZE_8)
    assert pipeline.hashes() == before
    assert pipeline.parameters()["phases"]["stabilize_8"]["lr"] == 0.001
    (run,) = parents(pipeline)  # in the user's repository, not in the temporary one
    assert run.data.tags["dvc.exp"] == "apart"
    assert run.info.status == "FINISHED"
    pipeline.dvc("exp", "apply", "apart")
    assert pipeline.hashes()["data/train/stabilize_8/checkpoint.pt"] != before["data/train/stabilize_8/checkpoint.pt"]
    assert pipeline.repro() == []


@pytest.mark.slow
def test_an_experiment_s_end_leaves_its_mlflow_run_findable(pipeline: Pipeline) -> None:
    """It becomes a branch, gets another name, and is removed. MLflow keeps its first name, and its parameters."""
    pipeline.dvc("exp", "run", "-S", "phases.stabilize_8.lr=0.0005", "-n", "first")
    trained = pipeline.hashes()
    pipeline.run("git", "checkout", "--quiet", "--", ".")
    pipeline.dvc("checkout", "--quiet")
    pipeline.dvc("exp", "branch", "first", "kept")
    pipeline.dvc("exp", "rename", "first", "second")
    assert pipeline.dvc("exp", "list", "--name-only").split() == ["second"]
    (run,) = parents(pipeline)
    assert (run.info.run_name, run.data.tags["dvc.exp"], run.info.status) == ("first", "first", "FINISHED")

    pipeline.dvc("exp", "remove", "second")
    assert pipeline.dvc("exp", "list", "--name-only").split() == []
    (run,) = parents(pipeline)
    assert run.data.params["phases.stabilize_8.lr"] == "0.0005"

    pipeline.run("git", "checkout", "--quiet", "kept")
    pipeline.dvc("checkout")
    assert pipeline.hashes() == trained
    assert pipeline.repro() == []


def shown(pipeline: Pipeline, *options: str) -> list[dict[str, str]]:
    """`dvc exp show`."""
    return list(csv.DictReader(io.StringIO(pipeline.dvc("exp", "show", "--csv", *options))))


def wait_for_queue(pipeline: Pipeline) -> None:
    """Until DVC has collected the results."""
    for _ in range(120):
        status = pipeline.dvc("queue", "status")
        if status.count("Success") == 2:
            return
        assert "Failed" not in status, status
        time.sleep(1)
    raise AssertionError(status)
