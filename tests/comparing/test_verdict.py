"""Which set is called the best."""

from pgan.comparing.table import table
from pgan.comparing.verdict import rows, summary
from pgan.significance import Figure

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
