"""The figures that a report begins with, and the table of all phases."""

from pgan.metric_table import METRICS, Value
from pgan.reporting.measured import headlines, table


def test_the_best_is_marked_by_the_rule_of_comparisons() -> None:
    rows = table([{"frechet": 9.0, "frechet_se": 0.1}, {"frechet": 5.0, "frechet_se": 0.1}, {}])
    assert [(row.name, row.arrow, row.cells, row.best) for row in rows] == [
        ("Fréchet distance", "↓", ["9.00 ± 0.10", "5.00 ± 0.10", ""], 1)
    ]
    near = table([{"frechet": 5.2, "frechet_se": 0.1}, {"frechet": 5.0, "frechet_se": 0.1}])
    assert near[0].best is None
    without = table([{"kid": 5.2}, {"kid": 5.0}])
    assert without[0].best is None


def test_the_place_of_the_best_counts_phases_without_the_value() -> None:
    (row,) = table([{}, {"recall": 0.1, "recall_se": 0.01}, {}, {"recall": 0.5, "recall_se": 0.01}])
    assert row.best == 3


def test_few_copies_are_no_merit_and_doubtful_values_are_not_judged() -> None:
    pair = [{"near_copies": 0.5, "near_copies_se": 0.01}, {"near_copies": 0.1, "near_copies_se": 0.01}]
    (row,) = table(pair)
    assert (row.best, row.arrow) == (None, "")
    pair = [{"frechet": 9.0, "frechet_se": 0.1, "frechet_biased": 1.0}, {"frechet": 5.0, "frechet_se": 0.1}]
    (row,) = table(pair)
    assert (row.best, row.is_doubtful) == (None, [True, False])


def test_the_rows_are_in_the_order_of_the_table_of_metrics() -> None:
    values: list[Value] = [value for metric in METRICS for value in metric.values]
    assert len(table([{value.name: 0.5 for value in values}])) == len(values)


def test_headlines_are_the_most_telling_values() -> None:
    found = headlines({"swd": 12.0, "frechet": 5.0, "frechet_se": 0.12, "recall": 0.051, "copying": 0.5})
    assert [(each.name, each.text, each.error, each.better) for each in found] == [
        ("Fréchet distance", "5.00", "± 0.12", "lower"),
        ("Recall", "5.1%", "", "higher"),
        ("Sliced Wasserstein distance ×10³", "12", "", "lower"),
    ]
    assert found[1].meaning.startswith("5.1% of the real images")
    assert headlines({}) == []
