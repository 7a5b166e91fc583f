"""Seeds and labels from the command line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgan.errors import InputError
from pgan.sampling.choice import MOST_IMAGES, pair, parse_labels, parse_seeds


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("0", [0]), ("3,1", [3, 1]), ("0-3,20", [0, 1, 2, 3, 20]), (" 5 , 7 - 8 ", [5, 7, 8]), (str(2**62), [2**62])],
)
def test_seeds(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found ''"),
        ("a", "found 'a'"),
        ("-1", "found '-1'"),
        ("1.5", "found '1.5'"),
        ("1-2-3", "found '1-2-3'"),
        ("1,,2", "found ''"),
        ("٣", "found"),
        ("5-2", "descends; write 2-5"),
        ("0-3,2", "2 is given twice"),
        ("0-999999999999", "more than"),
        ("9" * 19, "too large"),
        ("9" * 5000, "found"),
    ],
)
def test_seeds_that_are_none(text, message):
    with pytest.raises(InputError, match="--seeds") as error:
        parse_seeds(text)
    assert message in str(error.value)
    assert len(str(error.value)) < 300


@given(st.text(max_size=30))
def test_any_text_is_seeds_or_refused(text):
    try:
        seeds = parse_seeds(text)
    except InputError:
        return
    assert seeds
    assert len(seeds) == len(set(seeds)) <= MOST_IMAGES


def test_labels():
    assert parse_labels(None, 0) is None
    assert parse_labels("all", 3) == [0, 1, 2]
    assert parse_labels("2,0", 3) == [2, 0]
    for text, classes, message in (
        ("0", 0, "without labels"),
        ("all", 0, "without labels"),
        ("3", 3, "labels 0 to 2"),
        ("0-2000000000", 3, "out of range|more than"),
        ("cat", 3, "'all' or numbers"),
        ("1,1", 3, "twice"),
    ):
        with pytest.raises(InputError, match=message):
            parse_labels(text, classes)


def test_an_image_depends_on_its_own_seed_and_label():
    assert pair([4, 5], None, 0) == [(4, None), (5, None)]
    assert pair([4, 5], None, 3) == [(4, 1), (5, 2)]
    assert pair([4, 5], [0, 2], 3) == [(4, 0), (4, 2), (5, 0), (5, 2)]
    with pytest.raises(InputError, match="more than"):
        pair(list(range(MOST_IMAGES)), [0, 1], 3)
