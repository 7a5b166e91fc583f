"""Seeds and labels from the command line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgan.data.pyramid import Meta, write_meta
from pgan.errors import InputError
from pgan.sampling.choice import MOST_IMAGES, numbered_classes, pair, parse_labels, parse_seeds


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
        ("3", 3, "--labels 3: 3 is too large; this network has 3 classes: 0 to 2$"),
        ("1", 1, "this network has 1 class: 0$"),
        ("0-2000000000", 3, "too large; this network has 3 classes"),
        (
            "cat",
            3,
            "expected 'all' or numbers and ranges such as 0,2-4, found 'cat'; this network has 3 classes: 0 to 2$",
        ),
        ("1,1", 3, "twice"),
    ):
        with pytest.raises(InputError, match=message):
            parse_labels(text, classes)


def write_classes(folder, names):
    """The description of a pyramid with these classes."""
    folder.mkdir(parents=True, exist_ok=True)
    write_meta(folder, Meta(9, 1, [4], names, "folder", "0"))


def test_the_names_of_the_pyramid_here_are_shown_where_it_has_as_many(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_classes(tmp_path / "data/pyramid", ["cat", "dog"])
    with pytest.raises(InputError, match=r"2 classes: 0 to 1 \(in data/pyramid: 0 cat, 1 dog\)$"):
        parse_labels("dog", 2)
    with pytest.raises(InputError, match=r"3 classes: 0 to 2$"):
        parse_labels("dog", 3)


def test_of_a_thousand_names_the_one_asked_for_is_among_those_shown(tmp_path):
    write_classes(tmp_path, [f"n{i:04d}" for i in range(1000)])
    said = numbered_classes(1000, "3,n0700", tmp_path)
    assert "0 n0000, 1 n0001" in said
    assert said.endswith("18 n0018, 700 n0700, …)")


@pytest.mark.parametrize("names", [["0", "1"], [], ["x" * 1000] * 1000])
def test_names_that_would_say_nothing_or_fill_the_screen(names, tmp_path):
    write_classes(tmp_path, names)
    said = numbered_classes(len(names) or 2, pyramid=tmp_path).replace(str(tmp_path), "")
    assert ("in " in said) == (len(names) == 1000)
    assert len(said) < 800


@pytest.mark.parametrize("content", ["", "[]", '{"count": 1}'])
def test_a_pyramid_that_cannot_be_read_is_no_matter(content, tmp_path):
    (tmp_path / "meta.json").write_text(content)
    assert numbered_classes(2, pyramid=tmp_path) == "this network has 2 classes: 0 to 1"


def test_an_image_depends_on_its_own_seed_and_label():
    assert pair([4, 5], None, 0) == [(4, None), (5, None)]
    assert pair([4, 5], None, 3) == [(4, 1), (5, 2)]
    assert pair([4, 5], [0, 2], 3) == [(4, 0), (4, 2), (5, 0), (5, 2)]
    with pytest.raises(InputError, match="more than"):
        pair(list(range(MOST_IMAGES)), [0, 1], 3)
