"""Messages that a terminal can show, whatever they quote."""

import numpy as np
import pytest
import torch

from pgan.errors import LONGEST, MOST_LINES, SEPARATOR, out_of_memory, readable, shown


def test_control_characters_and_line_breaks_are_written_out():
    assert readable("a\nb\x1b[31m\t\udcff é") == "a\\nb\\x1b[31m\\t\\udcff é"


def test_a_line_of_a_million_characters_keeps_its_ends():
    text = readable("file.yaml: " + "x" * 1_000_000 + "; use another")
    assert len(text) < LONGEST + 10
    assert text.startswith("file.yaml: ")
    assert text.endswith("; use another")


def test_a_thousand_problems_are_counted():
    lines = readable(SEPARATOR.join(f"problem {i}" for i in range(1000))).split(SEPARATOR)
    assert lines[0] == "problem 0"
    assert len(lines) == MOST_LINES + 1
    assert lines[-1] == f"… and {1000 - MOST_LINES} more"


def test_values_are_shown_by_their_beginning():
    value = [1]
    for _ in range(60):
        value = [value, value]
    assert len(shown(value)) < 100
    assert len(shown("x" * 1_000_000)) <= 100
    assert (shown(5), shown("two"), shown(True)) == ("5", "'two'", "True")


def test_allocators_that_fail_are_recognised():
    with pytest.raises(RuntimeError) as of_torch:
        torch.empty(2**60)
    with pytest.raises(MemoryError) as of_numpy:
        np.empty(2**60, np.uint8)
    assert out_of_memory(of_torch.value)
    assert out_of_memory(of_numpy.value)
    assert not out_of_memory(RuntimeError("shapes do not match"))
