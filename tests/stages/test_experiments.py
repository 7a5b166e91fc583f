"""`dvc exp`: in the workspace, queued and in a temporary folder; and what compares the results."""

import csv
import io
import json
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
    metric = "data/evaluate/stabilize_8/metrics.json:swd"
    assert float(table["longer"][metric]) != float(table["main"][metric])

    metrics = json.loads(pipeline.dvc("metrics", "diff", "HEAD", "longer", "--json"))
    swd = metrics["data/evaluate/stabilize_8/metrics.json"]["swd"]
    assert swd["old"] != swd["new"]

    pipeline.dvc("plots", "diff", "HEAD", "longer", "--out", "plots")
    page = (pipeline.path / "plots/index.html").read_text(encoding="utf-8")
    for wanted in ("HEAD", "longer", "generator_loss", "critic_real", "gradient_penalty", "frechet"):
        assert wanted in page

    (run,) = parents(pipeline)
    assert run.data.tags["dvc.exp"] == "longer"
    assert run.info.run_name == "longer"
    assert run.data.params["phases.grow_8.kimg"] == "0.12"


@pytest.mark.slow
def test_experiments_can_be_queued(pipeline: Pipeline) -> None:
    for name, rate in (("slow", 0.0005), ("fast", 0.002)):
        pipeline.dvc("exp", "run", "--queue", "-S", f"phases.stabilize_8.lr={rate}", "-n", name)
    pipeline.dvc("queue", "start")
    try:
        pipeline.dvc("queue", "logs", "--follow", "slow")
        pipeline.dvc("queue", "logs", "--follow", "fast")
        wait_for_queue(pipeline)
    finally:
        pipeline.dvc("queue", "stop", "--kill")
    assert stages_run(pipeline.dvc("queue", "logs", "slow")) == FROM_STABILIZE_8
    table = {row["Experiment"]: row for row in shown(pipeline)}
    assert {float(table[name]["phases.stabilize_8.lr"]) for name in ("slow", "fast")} == {0.0005, 0.002}

    found = {run.data.tags["dvc.exp"]: run for run in parents(pipeline)}
    assert {name: run.data.params["phases.stabilize_8.lr"] for name, run in found.items()} == {
        "slow": "0.0005",
        "fast": "0.002",
    }
    assert found["slow"].data.metrics["swd"] != found["fast"].data.metrics["swd"]
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


def shown(pipeline: Pipeline) -> list[dict[str, str]]:
    """`dvc exp show`."""
    return list(csv.DictReader(io.StringIO(pipeline.dvc("exp", "show", "--csv"))))


def wait_for_queue(pipeline: Pipeline) -> None:
    """Until DVC has collected the results."""
    for _ in range(120):
        status = pipeline.dvc("queue", "status")
        if status.count("Success") == 2:
            return
        assert "Failed" not in status, status
        time.sleep(1)
    raise AssertionError(status)
