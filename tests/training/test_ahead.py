"""What the progress bar says of the whole run."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from pgan.config import Parameters
from pgan.training.ahead import images_ahead
from pgan.training.config import Recipe
from pgan.training.records import progress_bar, time_of_all_phases
from pgan.training.schedule import Schedule


def ahead(path: Path, name: str, **later: Any) -> tuple[float, Parameters]:
    """Of a phase, with other values of grow_16."""
    content = yaml.safe_load(path.read_text())
    content["phases"]["grow_16"] |= later
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    parameters = Parameters.read(path)
    return images_ahead(Recipe.of(parameters, name), parameters.content), parameters


def test_later_phases_count_by_their_convolutions(params_file: Path) -> None:
    networks = Recipe.of(Parameters.read(params_file), "grow_8").networks
    found, _ = ahead(params_file, "stabilize_8", kimg=5.0)
    assert found == pytest.approx((5000 + 100) * networks.operations(16) / networks.operations(8))
    assert ahead(params_file, "stabilize_16")[0] == 0.0
    assert ahead(params_file, "stabilize_4")[0] > found


def test_a_later_phase_may_be_wrong_or_edited(params_file: Path) -> None:
    whole, _ = ahead(params_file, "stabilize_8")
    half, parameters = ahead(params_file, "stabilize_8", kimg="much")
    assert half == pytest.approx(whole / 2)
    ahead(params_file, "stabilize_8", kimg=7.0)
    parameters.check_unchanged()


def test_the_bar_says_how_long_all_phases_take() -> None:
    schedule = Schedule(kimg=0.1, batch=10, critic_steps=1, grow=False, log_every_kimg=1.0, sample_frames=2)
    with progress_bar("p", schedule, 0, shown=True) as bar:
        assert time_of_all_phases(bar, 100.0) == ""  # nothing is known yet
        bar.n, bar.start_t = 50, bar.start_t - 100.0  # half an image each second
        assert time_of_all_phases(bar, 0.0) == ""
        assert time_of_all_phases(bar, 7150.0).startswith(", all phases 4:00:")
