"""The table of metrics: each row is whole, and what is said, measured, drawn and printed follows from it."""

import inspect
import json
import os
import subprocess
import sys
import typing
from collections.abc import Callable
from pathlib import Path
from pkgutil import resolve_name

import pytest
import yaml

from pgan.config import Section
from pgan.metric_table import METRICS, Metric, summary_columns
from pgan.metrics import ms_ssim, sliced_wasserstein
from pgan.metrics.command import features
from pgan.metrics.config import Evaluate, MetricName
from pgan.metrics.sample import Sample
from pgan.networks import checkpoint
from pgan.networks.config import Networks

ROOT = Path(__file__).parents[2]
rows = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)


def test_names_are_unique_and_are_what_the_parameter_allows() -> None:
    names = [metric.name for metric in METRICS]
    assert typing.get_args(MetricName) == tuple(names)
    assert len(set(names)) == len(names)
    keys = [value.name for metric in METRICS for value in metric.values]
    assert len(set(keys)) == len(keys)
    assert summary_columns() == [key for key in keys if key != "ms_ssim_real"]


@rows
def test_a_row_has_a_function_that_takes_a_sample(metric: Metric) -> None:
    compute = resolve_name(metric.compute)
    assert typing.get_type_hints(compute) == {"sample": Sample, "return": dict[str, float]}
    assert list(inspect.signature(compute).parameters) == ["sample"]


@rows
def test_a_row_is_named_in_the_commented_parameters(metric: Metric) -> None:
    line, comment = (ROOT / "params.yaml").read_text().split("\n  metrics: ")[1].splitlines()[:2]
    assert metric.name in line + comment


def test_sizes_are_those_of_the_functions() -> None:
    smallest = {metric.name: metric.smallest for metric in METRICS if metric.smallest > 1}
    assert smallest == {"swd": sliced_wasserstein.PATCH, "ms_ssim": ms_ssim.SMALLEST}


def test_settings_of_a_metric_are_a_section_by_its_name() -> None:
    kinds = {name: field.annotation for name, field in Evaluate.model_fields.items()}
    sections = {name for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, Section)}
    assert sections
    assert sections <= {metric.name for metric in METRICS}


def test_a_newcomers_metric_is_one_file_and_one_row(
    noise_pyramid: Path, networks: Networks, write_params: Callable[..., Path], tmp_path: Path
) -> None:
    """It can be asked for, is measured, drawn and printed, and a misspelt name is refused with a list that has it."""
    assert noise_pyramid.parent == tmp_path
    params = write_params(features__space="none", evaluate__images=6)
    features(params, noise_pyramid, tmp_path / "features", "cpu")
    config = networks.model_copy(update={"base_size": 8, "channels": 3, "classes": 0})
    checkpoint.save(checkpoint.state(checkpoint.fresh(config, 16, 0)), tmp_path / "net.pt")
    content = yaml.safe_load(params.read_text())
    content["evaluate"]["metrics"] = ["brightness"]
    params.write_text(yaml.safe_dump(content))

    path = os.pathsep.join((str(ROOT), str(Path(__file__).parent)))
    command, environment = [sys.executable, "-m", "toy_metric"], os.environ | {"PYTHONPATH": path}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    refused, *_, found = done.stdout.splitlines()
    assert refused.startswith("small.yaml: evaluate.metrics.0: must be 'frechet', 'kid', ")
    assert refused.endswith(f"'{METRICS[-1].name}' or 'brightness', found 'brightnes'")
    measured = json.loads((tmp_path / "data/evaluate/p/metrics.json").read_text())
    assert measured == {"brightness": pytest.approx(0.5, abs=0.3), "brightness_real": 0.5}
    assert json.loads(found) == {
        "title": "brightness ↑",
        "drawn": ["tab:blue", "0.55"],
        "reported": [["phase", "brightness"], ["p", f"{measured['brightness']:.4g}"]],
    }
