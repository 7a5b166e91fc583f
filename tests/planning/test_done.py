"""What `dvc status --json` leaves to run."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from fences import ROOT

from pgan.errors import InputError
from pgan.experiment import read_experiment
from pgan.planning.done import done_stages, graph, unchanged

PHASES = read_experiment(ROOT / "params.yaml").phases


def test_a_changed_phase_takes_what_follows_along() -> None:
    done = unchanged({"train@grow_8"}, PHASES)
    assert done == {"prepare", "init", "train@stabilize_4", "features", "evaluate@stabilize_4"}
    assert unchanged({"init"}, PHASES) == {"prepare", "features"}
    assert unchanged(set(), PHASES) == set(graph(PHASES))


def test_these_are_the_stages_of_the_graph() -> None:
    stages: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    names = {f"{stage}@{name}" for stage in stages if "foreach" in stages[stage] for name in PHASES}
    assert set(graph(PHASES)) == names | {stage for stage in stages if "foreach" not in stages[stage]}


def test_they_follow_each_other_as_their_files_do() -> None:
    """By what stages need and make in dvc.yaml, with all that those need in turn."""
    parents = {name: phase.from_ for name, phase in PHASES.items()}
    made, needed = {}, {}
    for stage, entry in yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"].items():
        for name, phase in PHASES.items() if "foreach" in entry else [(None, None)]:
            values = {"key": name, "item.from": parents.get(name), "item.resolution": phase and phase.resolution}
            full, one = f"{stage}@{name}" if name else stage, entry.get("do", entry)
            paths = [next(iter(path)) if isinstance(path, dict) else path for path in one["deps"]]
            needed[full] = {re.sub(r"\$\{(.+?)\}", lambda key: str(values.get(key[1])), path) for path in paths}  # noqa: B023
            made[full] = {path.replace("${key}", str(name)) for path in [*one["outs"], *one.get("metrics", [])]}

    def direct(stage: str) -> set[str]:
        pairs = {(other, out, dep) for other in made for out in made[other] for dep in needed[stage]}
        return {
            other for other, out, dep in pairs if f"{out}/".startswith(f"{dep}/") or f"{dep}/".startswith(f"{out}/")
        }

    def every(stage: str, following: Callable[[str], set[str]]) -> set[str]:
        return set().union(*({one} | every(one, following) for one in following(stage)))

    for stage in made:
        assert every(stage, graph(PHASES).__getitem__) == every(stage, direct), stage


@pytest.mark.parametrize("text", ["", "[]", "prepare: changed", "[" * 100_000])
def test_anything_else_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "status").write_text(text)
    with pytest.raises(InputError, match="not what `dvc status --json` prints"):
        done_stages(tmp_path / "status", PHASES)
    with pytest.raises(InputError, match="No such file"):
        done_stages(tmp_path / "no", PHASES)
