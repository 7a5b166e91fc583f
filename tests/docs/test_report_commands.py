"""Programs accept the commands that a report gives its reader."""

import shlex

import pytest
from programs import check

from pgan.config import validate
from pgan.phases import Phase
from pgan.reporting.reproducing import stages, uses

VALUES = {"from": "init", "kind": "stabilize", "resolution": 4, "kimg": 1.0, "batch": 8, "lr": 0.001}
PHASES = {name: validate(VALUES, Phase, "params.yaml") for name in ("one", "two")}  # type: ignore[arg-type]
LINES = [*stages(PHASES).splitlines(), *uses(PHASES).splitlines()]


@pytest.mark.parametrize("line", LINES)
def test_a_command_of_the_report_is_accepted(line: str) -> None:
    check(shlex.split(line))


def test_the_last_phase_is_the_one_to_use() -> None:
    assert len(LINES) == 13
    assert all("data/train/two/checkpoint.pt" in line for line in LINES[-4:])
