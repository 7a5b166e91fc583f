"""Which set is called the best, and how figures are shown."""

import pytest

from pgan.comparing.measuring import Figure
from pgan.comparing.table import shown, table
from pgan.comparing.verdict import best_of, rows, summary
from pgan.metric_table import Value

LOWER, HIGHER = Value("frechet", "", "lower"), Value("recall", "", "higher")


def test_the_best_differs_by_more_than_two_standard_errors() -> None:
    assert best_of(LOWER, [Figure(10, 1), Figure(12.9, 1)]) == 0
    assert best_of(LOWER, [Figure(10, 1), Figure(12.8, 1)]) is None, "2 × √2 = 2.83"
    assert best_of(HIGHER, [Figure(10, 1), Figure(12.9, 1)]) == 1


def test_the_best_is_better_than_each_of_the_others() -> None:
    assert best_of(LOWER, [Figure(30, 1), Figure(10, 1), Figure(20, 1)]) == 1
    assert best_of(LOWER, [Figure(11, 1), Figure(10, 1), Figure(20, 1)]) is None


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
    assert best_of(LOWER, figures) is None


def test_no_direction_is_better_for_some() -> None:
    assert best_of(Value("copying", ""), [Figure(10, 1), Figure(20, 1)]) is None


METRICS: list[dict[str, float]] = [
    {"frechet": 10, "frechet_se": 1, "recall": 0.5, "recall_se": 0.1, "near_copies": 0.1, "near_copies_se": 0.01},
    {"frechet": 20, "frechet_se": 1, "recall": 0.5, "recall_se": 0.1, "near_copies": 0.9, "near_copies_se": 0.01},
]


def test_the_rows_come_from_the_table_of_metrics() -> None:
    found = rows(METRICS, ())
    assert [row.value.name for row in found] == ["frechet", "recall", "near_copies"]
    assert [row.best for row in found] == [0, None, None], "few copies are no merit"
    assert summary(found, ["A", "B"]) == "A is clearly better in frechet; no clear difference in recall"


def test_nothing_is_best_in_what_is_not_to_be_trusted() -> None:
    found = rows(METRICS, {"frechet"})
    assert (found[0].best, found[0].is_doubtful) == (None, True)
    text = table(found, ["A", "B"], None)
    assert text[1] == "frechet~     lower   10.0 ± 1.0     20.0 ± 1.0"
    assert text[-1] == "~: too few images to be trusted"


def test_the_table_explains_its_marks() -> None:
    found = rows(METRICS, ())
    text = table(found, ["A", "B"], [Figure(1, 0.5), None, Figure(0.01, None)])
    assert text[:4] == [
        "             better  A              B              other reals",
        "frechet      lower   10.0 ± 1.0*    20.0 ± 1.0     1.00 ± 0.50",
        "recall       higher  0.50 ± 0.10    0.50 ± 0.10    -",
        "near_copies  -       0.100 ± 0.010  0.900 ± 0.010  0.01",
    ]
    assert [line[0] for line in text[4:]] == ["*", "o"]


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
