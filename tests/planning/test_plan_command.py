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
from pgan.networks.config import Networks
from pgan.planning import pace, plan, rates, speed
from pgan.planning.preparing import preparing
from pgan.planning.weights import training_bytes
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


def room_for(monkeypatch: pytest.MonkeyPatch, params: dict[str, Any], images: int) -> None:
    """Memory for so many images at 8×8, and for the weights."""
    networks = Networks.model_validate(params["networks"])
    free = training_bytes(networks, 8) + images * networks.values(8) * pace.FIRST_GUESS
    monkeypatch.setattr(plan, "free_memory", lambda _: free)


def test_memory_and_disk_that_do_not_suffice_are_a_warning(
    params: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    full = SimpleNamespace(disk_usage=lambda _: SimpleNamespace(free=1000))
    monkeypatch.setattr(plan, "shutil", full)
    room_for(monkeypatch, params, 6)
    first, *_, last = warnings_of("plan", "--device", "cpu", "--workers", 1)
    assert re.match(r"phases.grow_8: 8 images at 8×8 pixels need \d+ KiB, but \d+ KiB are free on cpu; ", first)
    assert first.endswith("the largest batch that fits is 4, or set accumulate: 2")
    assert re.search(r"outputs and snapshots need 4.5 MiB, but 0.98 KiB are free; make room", last)


def warnings_of(*command: object) -> list[str]:
    """What a command warns of."""
    result = pgan(*command)
    assert result.exit_code == 0, result.output
    return [line.removeprefix("warning: ") for line in result.stdout.splitlines() if line.startswith("warning: ")]


def test_what_is_advised_passes_the_check(params: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch of whole groups in whole parts, whatever the phase's parts are now."""
    room_for(monkeypatch, params, 6)
    phase = params["phases"]["grow_8"]
    for now in ({"batch": 64}, {"batch": 64, "accumulate": 4}):
        params["phases"]["grow_8"] = phase | now
        Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
        (line,) = warnings_of("plan", "--device", "cpu", "--workers", 1)
        batch, parts = map(int, re.findall(r"the largest batch that fits is (\d+), or set accumulate: (\d+)", line)[0])
        for advised in (now | {"batch": batch}, now | {"accumulate": parts}):
            params["phases"]["grow_8"] = phase | advised
            Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
            assert pgan("check").exit_code == 0
            assert warnings_of("plan", "--device", "cpu", "--workers", 1) == [], advised


def test_phases_that_are_done_are_neither_measured_nor_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(*_: object) -> None:
        raise AssertionError("measured")

    monkeypatch.setattr(plan, "free_memory", lambda _: 1)
    monkeypatch.setattr(pace, "measure", measured)
    Path("status.json").write_text(json.dumps({"render": []}))
    result = pgan("plan", "--device", "cpu", "--workers", 1, "--status", "status.json")
    assert result.exit_code == 0, result.output
    assert "warning" not in result.stdout
    assert "snapshots" not in result.stdout


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
