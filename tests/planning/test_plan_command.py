"""`pgan plan` as a user meets it."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from command_line import pgan, refused
from fences import ROOT

from pgan.config import read_yaml
from pgan.planning import pace, plan, rates, speed
from pgan.planning.preparing import preparing
from pgan.prepare.config import Prepare

STAGES = ["prepare", "init", "train@stabilize_4", "train@grow_8", "features", "evaluate@stabilize_4", "render"]


@pytest.fixture(autouse=True)
def params(params_file: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Two phases of narrow networks on digits, each measured in no time."""
    monkeypatch.chdir(params_file.parent)
    for name, value in {"FEWEST_STEPS": 1, "SECONDS": 0.0}.items():
        monkeypatch.setattr(speed, name, value)
    monkeypatch.setattr(rates, "start_seconds", lambda: 5.0)
    content = read_yaml(params_file)
    content["phases"] = {name: content["phases"][name] for name in ("stabilize_4", "grow_8")}
    content["prepare"]["path"] = str(ROOT / "data/raw")
    params_file.write_text(yaml.safe_dump(content, sort_keys=False))
    return content


def test_a_row_for_each_stage_the_total_and_the_end() -> None:
    result = pgan("plan", "--device", "cpu", "--workers", 1)
    assert result.exit_code == 0, result.output
    rows = {line.split()[0]: line for line in result.stdout.splitlines() if line}
    assert set(STAGES) <= set(rows)
    assert [word in rows["stage"] for word in ("steps", "time", "host memory", "disk", "GPU")] == [True] * 4 + [False]
    assert " 13 " in rows["train@grow_8"]  # 0.1 kimg in batches of 8
    assert re.search(r"[MG]iB", rows["train@grow_8"])  # the process of all tests is large
    assert "it ends about 20" in rows["begun"]


def test_what_is_done_is_not_counted() -> None:
    Path("status.json").write_text(json.dumps({"train@grow_8": [{"changed deps": {"x": "modified"}}]}))
    result = pgan("plan", "--device", "cpu", "--workers", 1, "--status", "status.json")
    done = [line.split()[0] for line in result.stdout.splitlines() if " done" in line]
    assert done == ["prepare", "init", "train@stabilize_4", "features", "evaluate@stabilize_4"]
    pgan("prepare", "--workers", 1)
    Path("status.json").write_text("{}")
    result = pgan("plan", "--device", "cpu", "--workers", 1, "--status", "status.json")
    assert any(line.split() == ["all", "0", "s", "0", "B"] for line in result.stdout.splitlines()), result.output


def test_memory_and_disk_that_do_not_suffice_are_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    full = SimpleNamespace(disk_usage=lambda _: SimpleNamespace(free=1000))
    monkeypatch.setattr(plan, "shutil", full)
    monkeypatch.setattr(plan, "free_memory", lambda _: 70_000)
    monkeypatch.setattr(pace, "FIRST_GUESS", 10)
    result = pgan("plan", "--device", "cpu", "--workers", 1)
    assert result.exit_code == 0, result.output
    warnings = [line for line in result.stdout.splitlines() if line.startswith("warning: ")]
    assert warnings[0].startswith("warning: phases.grow_8: 8 images at 8×8 pixels need 0.0 GiB")
    assert warnings[0].endswith("the largest batch that fits is 4, or set accumulate: 2")
    assert "outputs and snapshots need 0.0 GiB, and 0.0 GiB are free" in warnings[-1]


def test_compiling_is_counted(params: dict[str, Any]) -> None:
    def minutes(compiled: str) -> str:
        params["training"]["compile"] = compiled
        Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
        lines = pgan("plan", "--device", "cpu", "--workers", 1).stdout.splitlines()
        return next(line for line in lines if line.startswith("train@grow_8"))

    assert " min " not in minutes("never")
    assert " 1 min " in minutes("always")


def test_mistakes_are_one_line(params: dict[str, Any]) -> None:
    assert "unknown" in refused("plan", "--device", "abacus")
    params["prepare"] |= {"source": "folder", "path": "nowhere"}
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    assert "nowhere" in refused("plan", "--workers", 1)


def test_many_images_take_longer_than_those_that_are_tried(tmp_path: Path, params: dict[str, Any]) -> None:
    every = preparing(Prepare.model_validate(params["prepare"]), 0, 1)
    some = preparing(Prepare.model_validate(params["prepare"] | {"max_images": 30}), 0, 1)
    assert (every.count, every.classes, some.count) == (1797, 10, 30)
    assert every.seconds > some.seconds > 0
