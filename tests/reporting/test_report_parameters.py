"""The nearest preset, what differs from it, and all parameters as text."""

from typing import Any

import pytest

from pgan.presets.catalogue import names, read_preset
from pgan.reporting.parameters import as_text, compare, flat, in_a_line
from pgan.untrusted.strict_yaml import parse


@pytest.mark.parametrize("name", names())
def test_the_text_says_the_same_as_the_file(name: str) -> None:
    content = read_preset(name).content
    again = parse(as_text(content))
    assert again == content
    assert list(flat(again)) == list(flat(content)), "in the same order"


@pytest.mark.parametrize("name", names())
def test_a_preset_is_nearest_to_itself(name: str) -> None:
    found = compare(read_preset(name).content)
    assert (found.preset, found.differences) == (name, [])


def changed(**values: Any) -> dict[str, Any]:
    """The demo with other values."""
    content = read_preset("digits").content
    for key, value in values.items():
        section, name = key.split("__")
        content[section][name] = value
    return content


def test_differences_are_listed_in_the_order_of_the_file() -> None:
    content = changed(training__loss="hinge", prepare__resolution=64)
    del content["phases"]["stabilize_16"]
    content["phases"]["grow_8"]["kimg"] = 99
    found = compare(content)
    assert found.preset == "digits"
    assert [(each.key, each.here, each.preset) for each in found.differences[:2]] == [
        ("prepare.resolution", "64", "32"),
        ("training.loss", "hinge", "wgan-gp"),
    ]
    assert [each.key for each in found.differences[2:]] == ["phases.grow_8.kimg", "phases.stabilize_16"]
    assert (found.differences[2].here, found.differences[2].preset) == ("99", "6")
    assert found.differences[3].here == "–"


def test_a_truth_value_is_no_number() -> None:
    assert [each.key for each in compare(changed(networks__minibatch_stddev=True)).differences] == [
        "networks.minibatch_stddev"
    ]
    assert compare(changed(training__drift=0.001)).differences == []


def test_passwords_are_hidden() -> None:
    text = as_text({"features": {"inception": {"url": "https://me:secret@example.org/x?token=abcdef"}}})
    assert "secret" not in text
    assert "abcdef" not in text
    assert "https://***@example.org" in text


def test_what_occurs_twice_is_written_twice() -> None:
    values = [1, 2]
    assert as_text({"a": {"x": values, "y": values}}) == "a:\n  x: [1, 2]\n  y: [1, 2]\n"


@pytest.mark.parametrize(
    "value", ["yes", "1e3", "1", "\u202e", "null", "", "a: b", "# x", "ä\n", 1e-8, None, True, [], {}, {"a": [1]}]
)
def test_any_value_is_one_line_of_yaml(value: Any) -> None:
    text = in_a_line(value)
    assert "\n" not in text
    assert parse(f"x: {text}")["x"] == value
