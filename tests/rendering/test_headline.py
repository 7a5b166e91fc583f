"""The headline of a run, by which DVC compares runs."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from pgan.metric_table import METRICS
from pgan.rendering.command import render
from pgan.rendering.headline import JUDGED_BY, VALUES, headline
from pgan.rendering.phases import TrainedPhase

ROOT = Path(__file__).parents[2]
PHASES = [TrainedPhase(name, "init", Path(name), False, 8, kimg, [kimg]) for name, kimg in (("a", 1.5), ("b", 4.0))]


def test_it_has_the_final_phase_s_values_and_names_the_best_phase() -> None:
    first = {"frechet": 9.0, "frechet_target": 2.0, "swd": 1.0}
    last = {"frechet": 3.0, "frechet_target": 3.0, "precision": 0.5, "frechet_se": 0.1, "density": 1.1}
    assert headline(PHASES, [first, last]) == {"frechet": 3.0, "precision": 0.5, "kimg": 4.0, "best_phase": "a"}
    assert headline(PHASES, [last, first]) == {"frechet": 9.0, "swd": 1.0, "kimg": 4.0, "best_phase": "b"}


def test_distances_at_different_sizes_name_no_best_phase() -> None:
    assert headline(PHASES, [{"frechet": 9.0}, {"frechet": 3.0}]) == {"frechet": 3.0, "kimg": 4.0}
    assert headline(PHASES, [{}, {}]) == {"kimg": 4.0}


def test_it_fits_a_screen_and_has_the_names_of_the_table_of_metrics() -> None:
    known = [value.name for metric in METRICS for value in metric.values]
    assert {*VALUES, JUDGED_BY} <= set(known)
    assert len(VALUES) + len(("kimg", "best_phase")) <= 10


def test_render_writes_it_where_it_is_told_to(experiment: Callable[..., Path]) -> None:
    root = experiment({"a": ("stabilize", "init", 4), "b": ("grow", "a", 8)})
    places = (root / "params.yaml", root / "train", root / "evaluate", root / "pyramid", root / "render", "cpu")
    render(*places)
    assert not list(root.glob("*.json"))
    render(*places, root / "numbers/run.json")
    assert json.loads((root / "numbers/run.json").read_text()) == {
        "frechet": 10.0,
        "precision": 0.8,
        "recall": 0.5,
        "swd": 22.5,
        "kimg": 4.0,
    }


def test_it_is_not_written_over_the_parameters(
    experiment: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = experiment({"a": ("stabilize", "init", 4)})
    params = root / "params.yaml"
    with pytest.raises(SystemExit) as stop:
        render(params, root / "train", root / "evaluate", root / "pyramid", root / "render", "cpu", params)
    assert stop.value.code == 2
    assert "would be written over its own source" in capsys.readouterr().err
    assert yaml.safe_load(params.read_text())["seed"] == 1


def test_dvc_s_only_metrics_are_the_headline() -> None:
    """`dvc exp show` has a column for each number of each file of metrics."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    assert {name: stage["metrics"] for name, stage in stages.items() if "metrics" in stage.get("do", stage)} == {
        "render": ["data/metrics.json"]
    }
