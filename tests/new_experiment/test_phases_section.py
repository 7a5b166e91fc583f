"""Phases for a length or a time."""

import pytest

from pgan.new_experiment.phases_section import (
    kimg_by_phase,
    parts,
    phases,
    rounded_down,
    total_kimg,
    training_seconds,
)
from pgan.phases import Phase, chain_problems

LEVELS = [7, 14, 28]


def test_each_level_fades_in_and_settles() -> None:
    found = parts(LEVELS)
    assert [part.name for part in found] == ["stabilize_7", "grow_14", "stabilize_14", "grow_28", "stabilize_28"]
    assert sum(part.share for part in found) == pytest.approx(1)
    assert found[-1].share == max(part.share for part in found)


def test_they_are_a_chain_of_phases() -> None:
    batches = {7: (16, 1), 14: (16, 1), 28: (16, 2)}
    section = phases(LEVELS, kimg_by_phase(LEVELS, 100), batches, 0.001)
    assert not chain_problems({name: Phase.model_validate(value) for name, value in section.items()})
    assert {name for name, value in section.items() if "accumulate" in value} == {"grow_28", "stabilize_28"}


def test_time_and_length_agree() -> None:
    speeds = {7: 400.0, 14: 100.0, 28: 30.0}
    kimg = kimg_by_phase(LEVELS, total_kimg(LEVELS, speeds, 3600))
    assert 0.9 * 3600 < training_seconds(kimg, LEVELS, speeds) <= 3600


def test_there_is_nothing_in_no_time() -> None:
    assert total_kimg(LEVELS, dict.fromkeys(LEVELS, 100.0), -5) == 0


@pytest.mark.parametrize(
    ("value", "rounded"),
    [(123.4, 120), (99.9, 99), (1.57, 1.5), (0.0678, 0.067), (0.00001, 0.001), (0, 0.001)],
)
def test_lengths_are_rounded_down_to_two_digits(value: float, rounded: float) -> None:
    assert rounded_down(value) == rounded
