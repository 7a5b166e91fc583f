"""Durations and sizes, as people read them."""

import pytest

from pgan.planning.quantities import duration, size


@pytest.mark.parametrize(
    ("value", "text"),
    [(1, "1 s"), (60, "1 min"), (3600, "1 h"), (6600, "1 h 50 min"), (273_600, "3 days 4 h")],
)
def test_durations_are_written(value: float, text: str) -> None:
    assert duration(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1023, "1 KiB"),
        (2.5 * 2**20, "2.5 MiB"),
        (99.6 * 2**20, "100 MiB"),
        (1023 * 2**20, "1 GiB"),
        (2**60, "1048576 TiB"),
    ],
)
def test_sizes_are_written(value: float, text: str) -> None:
    assert size(value) == text
