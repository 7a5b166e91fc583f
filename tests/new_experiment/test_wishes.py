"""Durations, as people write and read them."""

import pytest

from pgan.errors import InputError
from pgan.new_experiment.wishes import seconds


@pytest.mark.parametrize(
    ("text", "value"), [("2h", 7200), ("1h30m", 5400), ("1h 30m", 5400), ("45S", 45), ("1.5h", 5400), ("2d", 172_800)]
)
def test_durations_are_read(text: str, value: float) -> None:
    assert seconds(text) == value


def test_nobody_has_ten_years() -> None:
    with pytest.raises(InputError, match="more than ten years; take less"):
        seconds("999999999d")


@pytest.mark.parametrize("text", ["", "2", "h", "2x", "-2h", "2h later", "1h,5m", "nan", "9" * 50 + "h"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected a duration such as 2h"):
        seconds(text)
