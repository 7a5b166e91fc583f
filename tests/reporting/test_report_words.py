"""Everything that can be measured, and every source, has words."""

import typing

import pytest

from pgan.metric_table import METRICS
from pgan.prepare import config
from pgan.reporting.words import EMBEDDED, HEADLINES, SOURCES, WORDS, meaning, percent


def test_every_value_of_the_table_of_metrics_has_words() -> None:
    assert set(WORDS) == {value.name for metric in METRICS for value in metric.values}
    assert set(HEADLINES) <= set(WORDS)


def test_shares_are_what_is_between_0_and_1() -> None:
    bounded = {value.name for metric in METRICS if metric.panel.limits == (0, 1) for value in metric.values}
    assert bounded <= {name for name, words in WORDS.items() if words.is_share}


def test_every_source_has_words() -> None:
    assert set(SOURCES) == set(typing.get_args(config.SourceKind))
    assert set(EMBEDDED) == set(config.EMBEDDED)


def test_a_meaning_names_the_value() -> None:
    assert meaning("precision", 0.598).startswith("60% of the generated images")
    assert meaning("modes", 873.0) == "Of the 1000 combinations of three digits, 873 were generated."
    assert not [name for name in WORDS if "{" in meaning(name, 0.5)]


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0%"), (0.004, "0.4%"), (0.0994, "9.9%"), (0.0996, "10%"), (1, "100%")]
)
def test_percent(share: float, text: str) -> None:
    assert percent(share) == text
