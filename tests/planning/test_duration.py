"""Durations, as people read them."""

import pytest

from pgan.planning.duration import duration


@pytest.mark.parametrize(
    ("value", "text"),
    [(1, "1 s"), (60, "1 min"), (3600, "1 h"), (6600, "1 h 50 min"), (273_600, "3 days 4 h")],
)
def test_durations_are_written(value: float, text: str) -> None:
    assert duration(value) == text
