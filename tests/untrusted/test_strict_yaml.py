"""YAML of bounded size, with one kind of error for all that is wrong with it."""

import time

import pytest
import yaml

from pgan.untrusted.strict_yaml import DEEPEST, MOST_NODES, parse


def nested(lines: int, form: str) -> str:
    """Aliases that each hold the one before twice."""
    first = f"a0: &a0 {form.format('1', '1') if '<<' not in form else '{x: 1}'}\n"
    return first + "".join(f"a{i}: &a{i} {form.format(f'*a{i - 1}', f'*a{i - 1}')}\n" for i in range(1, lines))


@pytest.mark.parametrize("form", ["[{}, {}]", "{{<<: [{}, {}]}}", "{{x: {}, y: {}}}"])
@pytest.mark.parametrize("depth", [30, 2000])
def test_aliases_cannot_explode(form, depth):
    started = time.process_time()
    with pytest.raises(yaml.YAMLError, match=r"more than 20000 values|nested deeper"):
        parse(nested(depth, form))
    assert time.process_time() - started < 5


def test_aliases_that_share_a_little_are_welcome():
    text = "base: &base {lr: 1e-3, batch: 8}\nmore: &more {<<: *base, batch: 16}\nagain: {<<: *more, kimg: 1}\nx: *base"
    assert parse(text) == {
        "base": {"lr": 0.001, "batch": 8},
        "more": {"lr": 0.001, "batch": 16},
        "again": {"lr": 0.001, "batch": 16, "kimg": 1},
        "x": {"lr": 0.001, "batch": 8},
    }


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: &a {b: *a}", "a: &a {<<: *a}", "&a [[[*a]]]"])
def test_nothing_holds_itself(text):
    with pytest.raises(yaml.YAMLError, match="inside itself"):
        parse(text)


def test_depth_and_number_are_bounded_exactly():
    assert parse("[" * (DEEPEST - 1) + "1" + "]" * (DEEPEST - 1))
    with pytest.raises(yaml.YAMLError, match="nested deeper"):
        parse("[" * DEEPEST + "1" + "]" * DEEPEST)
    assert len(parse(f"[{'1,' * (MOST_NODES - 1)}]")) == MOST_NODES - 1
    with pytest.raises(yaml.YAMLError, match="more than"):
        parse(f"[{'1,' * MOST_NODES}]")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x: " + "9" * 5000, "no int"),
        ("x: 9223372036854775808", "64 bits"),
        ("x: -9223372036854775809", "64 bits"),
        ("x: 0x" + "f" * 20, "64 bits"),
        ("x: 2001-13-99", "no timestamp"),
        ("x: !!int ''", "no int"),
        ("x: !!bool maybe", "no bool"),
        ("x: !!timestamp soon", "no timestamp"),
        ("[1]: 2", "a key that is no text"),
        ("{a: 1}: 2", "a key that is no text"),
        ("1: 2", "a key that is no text"),
        ("yes: 2", "a key that is no text"),
        ("a: 1\na: 2", "'a' is given twice"),
        ("x: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
    ],
)
def test_values_are_what_their_tags_say(text, message):
    with pytest.raises(yaml.YAMLError, match=message):
        parse(text)


def test_whole_numbers_of_64_bits():
    assert parse("[9223372036854775807, -9223372036854775808]") == [2**63 - 1, -(2**63)]
