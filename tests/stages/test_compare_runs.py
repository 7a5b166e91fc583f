"""`python -m stages.tracking.compare`: exactly what differs between two runs, and the pages that show it."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from miniature import Pipeline
from mlruns import parents

from stages.tracking.compare import addresses, different


def test_two_runs_that_differ_in_one_phase_show_that_alone(pipeline: Pipeline) -> None:
    pipeline.run("python", "-m", "stages.tracking.report")
    first = parents(pipeline)[0].info.run_name
    pipeline.change("phases.stabilize_8.kimg", 0.16)
    pipeline.repro(DVC_EXP_NAME="longer")
    lines = pipeline.run("python", "-m", "stages.tracking.compare", first, "longer").stdout.splitlines()
    assert lines[0].split() == [first, "longer"]
    assert lines[1].split() == ["phases.stabilize_8.kimg", "0.08", "0.16"]
    assert all(line.startswith("quality/") for line in lines[2 : lines.index("")])
    ids = {run.info.run_id for run in parents(pipeline)}
    for line in lines[lines.index("") + 1 :]:
        query = parse_qs(line.partition("?")[2])
        assert set(json.loads(query["runs"][0])) == ids


@pytest.mark.parametrize(
    ("runs", "reason"),
    [
        ((), "MLflow has 1 runs of this experiment, and a comparison needs two"),
        (("nobody", "x"), "nobody: MLflow has no run of that name"),
    ],
)
def test_runs_that_are_not_there_are_one_line(finished: Pipeline, runs: tuple[str, ...], reason: str) -> None:
    done = finished.run("python", "-m", "stages.tracking.compare", *runs, check=False)
    assert done.returncode == 2
    assert done.stdout.startswith(f"error: {reason}")
    assert len(done.stdout.splitlines()) == 1


def test_parameters_that_are_equal_are_left_out() -> None:
    assert different([{"a": "1", "b": "2"}, {"b": "2", "a": "3", "c": "4"}]) == {"a": ["1", "3"], "c": ["–", "4"]}


def test_an_address_names_the_runs_and_the_metric() -> None:
    found = addresses("http://host:5000", "7", ["r1", "r2"], ["quality/frechet"])
    query = parse_qs(urlsplit(found["quality"]).fragment.partition("?")[2])
    assert {key: json.loads(value[0]) for key, value in query.items() if key != "x_axis"} == {
        "runs": ["r1", "r2"],
        "experiments": ["7"],
        "metric": "quality/frechet",
        "plot_metric_keys": ["quality/frechet"],
    }
