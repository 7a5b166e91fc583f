"""Which value is called the best, and how values are written."""

import pytest

from pgan.significance import Figure, best_of, shown


def test_the_best_differs_by_more_than_two_standard_errors() -> None:
    assert best_of("lower", [Figure(10, 1), Figure(12.9, 1)]) == 0
    assert best_of("lower", [Figure(10, 1), Figure(12.8, 1)]) is None, "2 × √2 = 2.83"
    assert best_of("higher", [Figure(10, 1), Figure(12.9, 1)]) == 1


def test_the_best_is_better_than_each_of_the_others() -> None:
    assert best_of("lower", [Figure(30, 1), Figure(10, 1), Figure(20, 1)]) == 1
    assert best_of("lower", [Figure(11, 1), Figure(10, 1), Figure(20, 1)]) is None


@pytest.mark.parametrize(
    "figures",
    [
        [Figure(10, None), Figure(20, 1)],
        [Figure(10, 1), None],
        [Figure(10, 1)],
        [Figure(10, 0), Figure(10, 0)],
    ],
)
def test_nothing_is_best_where_that_cannot_be_known(figures: list[Figure | None]) -> None:
    assert best_of("lower", figures) is None


def test_no_direction_is_better_for_some() -> None:
    assert best_of(None, [Figure(10, 1), Figure(20, 1)]) is None


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        (Figure(310.234, 2.81), "310.2 ± 2.8"),
        (Figure(310.234, 28.1), "310 ± 28"),
        (Figure(31023.4, 281), "31023 ± 281"),
        (Figure(0.0123, 0.00456), "0.0123 ± 0.0046"),
        (Figure(1234.56, None), "1235"),
        (Figure(5, 0.0996), "5.000 ± 0.100"),
        (Figure(0.6, 4e-17), "0.6"),
        (Figure(0, 0), "0"),
        (None, "-"),
    ],
)
def test_a_value_is_shown_as_far_as_its_error_reaches(figure: Figure | None, text: str) -> None:
    assert shown(figure) == text
