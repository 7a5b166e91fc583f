"""What `dvc status --json` leaves to run."""

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


@pytest.mark.parametrize("text", ["", "[]", "prepare: changed", "[" * 100_000])
def test_anything_else_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "status").write_text(text)
    with pytest.raises(InputError, match="not what `dvc status --json` prints"):
        done_stages(tmp_path / "status", PHASES)
    with pytest.raises(InputError, match="No such file"):
        done_stages(tmp_path / "no", PHASES)
