"""Messages that a terminal can show, whatever they quote."""

import numpy as np
import pytest
import torch

from pgan.errors import LONGEST, MOST_LINES, SEPARATOR, out_of_memory, readable, redacted, shown


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://me:secret@127.0.0.1:5999/api said no", "http://***@127.0.0.1:5999/api said no"),
        ("http://me:s:e@c/r?e#t@host:5/x", "http://***@host:5/x"),
        ("http://me:s/ecret@host", "http://***@host"),
        ("http://me:s%40cret@host: s@cret is wrong", "http://***@host: *** is wrong"),
        ("http://:secret@host", "http://***@host"),
        ("http://me@host/x", "http://***@host/x"),
        ("https://ghp_0123456789abcdef@github.com: no ghp_0123456789abcdef", "https://***@github.com: no ***"),
        ("http://a:b@h1,http://c:d@h2 and 'ssh://e:f@h3'", "http://***@h1,http://***@h2 and 'ssh://***@h3'"),
        ("postgresql+psycopg://me:secret@[::1]:5432/db", "postgresql+psycopg://***@[::1]:5432/db"),
        ("next=http%3A%2F%2Fme%3Asecret%40host&page=2", "next=http%3A%2F%2F***%40host&page=2"),
        (r'{"url": "http:\/\/me:secret@host\/x"}', r'{"url": "http:\/\/***@host\/x"}'),
        ("http://me:secret@host/: nonnumeric port: 'secret@host'", "http://***@host/: nonnumeric port: '***@host'"),
        ("http://me:sec/ret@host/: nonnumeric port: 'sec'", "http://***@host/: nonnumeric port: '***'"),
        ("https://h/x?a=1&token=abc&b=2#access_token=d", "https://h/x?a=1&token=***&b=2#access_token=***"),
        (
            "https://h/k?X-Amz-Credential=A%2Fb&X-Amz-Signature=c",
            "https://h/k?X-Amz-Credential=***&X-Amz-Signature=***",
        ),
        ("https://h/k?sv=1&sig=abc%3D", "https://h/k?sv=1&sig=***"),
        ("host=h password=secret user=me", "host=h password=*** user=me"),
        ("{'Authorization': 'Bearer abc.def'}", "{'Authorization': 'Bearer ***'}"),
    ],
)
def test_passwords_in_addresses_are_not_said(text: str, expected: str) -> None:
    assert redacted(text) == expected
    assert redacted(expected) == expected
    assert readable(text) == expected.encode("unicode_escape").decode().replace("\\\\", "\\")


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:5000/#/experiments?workflowType=machine_learning",
        "https://host/path/mail@example.org",
        "http://[::1]:5000/x@y",
        "https://h/api?metric_key=loss&max_results=5",
        "git@github.com:owner/name.git",
        "phases.grow_8: 'lr' must be > 0 @ 3:4; pad_token='x' // a:b@c",
    ],
)
def test_other_addresses_stay_as_they_are(text: str) -> None:
    assert redacted(text) == text


def test_a_secret_that_is_known_is_not_said_anywhere() -> None:
    assert redacted("user me, key hunter22, hunter221", "hunter22") == "user me, key ***, hunter221"


def test_a_value_is_redacted_before_it_is_shortened() -> None:
    assert shown({"url": f"http://me:{'x' * 200}@host"}) == "{'url': 'http://***@host'}"
