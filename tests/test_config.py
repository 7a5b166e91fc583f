"""Reading params.yaml: every mistake ends in one line that names file and key."""

from pathlib import Path

import pytest

from pgan.config import Parameters, Section, read_yaml
from pgan.errors import InputError, RunError


class Inner(Section):
    depth: int
    rate: float


class Outer(Section):
    name: str
    inner: Inner
    flag: bool = False


GOOD = "s:\n  name: a\n  inner: {depth: 2, rate: 1e-3}\n"


def write(tmp_path, text):
    (tmp_path / "p.yaml").write_text(text)
    return tmp_path / "p.yaml"


def test_a_good_section(tmp_path):
    outer = Parameters.read(write(tmp_path, GOOD)).section("s", Outer)
    assert outer.inner == Inner(depth=2, rate=0.001)
    assert Parameters.read(write(tmp_path, GOOD)).section("s.inner", Inner) == outer.inner


@pytest.mark.parametrize("number", ["1e-3", "1E-3", "1.0e-3", ".001", "0.001", "+1e-3"])
def test_numbers_as_yaml_1_2_and_dvc_read_them(tmp_path, number):
    assert read_yaml(write(tmp_path, f"x: {number}"))["x"] == 0.001


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("name", "nmae"), "p.yaml: s.nmae: unknown parameter; did you mean 'name'?"),
        (GOOD.replace("depth", "dpeth"), "p.yaml: s.inner.dpeth: unknown parameter; did you mean 'depth'?"),
        (GOOD.replace("depth: 2, ", ""), "p.yaml: s.inner.depth: missing"),
        (GOOD.replace("2", "two"), "p.yaml: s.inner.depth: must be a whole number, found 'two'"),
        (GOOD.replace("2", "true"), "p.yaml: s.inner.depth: must be a whole number, found True"),
        (GOOD.replace("2", '"2"'), "p.yaml: s.inner.depth: must be a whole number, found '2'"),
        (GOOD.replace("{depth: 2, rate: 1e-3}", "5"), "p.yaml: s.inner: expected a mapping, found 5"),
        ("s: 5", "p.yaml: s: expected a mapping, found 5"),
        ("z: {}", "p.yaml: s: missing; known are z"),
        (GOOD.replace("name: a", "name: 3"), "p.yaml: s.name: must be text; put it into quotes, found 3"),
        (
            "s:\n\tname: a",
            "p.yaml, line 2: not valid YAML: found character '\\t' that cannot start any token; indent with",
        ),
        (
            "s:\n  name: a: b",
            "p.yaml, line 2: not valid YAML: mapping values are not allowed here; look for a second ':'",
        ),
        (
            "s:\n  name: a\n inner: 3",
            "p.yaml, line 3: not valid YAML: expected <block end>, but found '<block mapping ",
        ),
        ("sx: {}", "p.yaml: s: missing; did you mean 'sx'?"),
        ("[1, 2]", "p.yaml: expected parameters as a mapping, such as `seed: 0`, found "),
        ("", "p.yaml: expected parameters as a mapping, such as `seed: 0`, found "),
        ("s: [", "p.yaml, line 1: not valid YAML"),
        ("s: 1\ns: 2", "p.yaml, line 2: not valid YAML: the key 's' is given twice"),
        ("s: !!python/object/apply:os.system [ls]", "not valid YAML"),
    ],
)
def test_one_line_for_each_mistake(tmp_path, text, message):
    with pytest.raises(InputError) as error:
        Parameters.read(write(tmp_path, text)).section("s", Outer)
    assert message in str(error.value)
    assert len([line for line in str(error.value).splitlines() if "p.yaml" in line]) >= 1


def test_all_mistakes_at_once(tmp_path):
    text = GOOD.replace("name: a", "nmae: a").replace("2", "x")
    with pytest.raises(InputError) as error:
        Parameters.read(write(tmp_path, text)).section("s", Outer)
    assert len(str(error.value).splitlines()) == 3, "misspelt, hence missing, and a wrong type"


def test_values_at_the_top(tmp_path):
    path = write(tmp_path, "seed: 3\nother: true")
    assert Parameters.read(path).value("seed", int) == 3
    with pytest.raises(InputError, match="seeds: missing"):
        Parameters.read(path).value("seeds", int)
    with pytest.raises(InputError, match="other: expected int, found True"):
        Parameters.read(path).value("other", int)


def test_files_that_are_no_text(tmp_path):
    (tmp_path / "p.yaml").write_bytes(b"\xff\xfe\x00")
    for path, message in ((tmp_path / "p.yaml", "UTF-8"), (tmp_path, "no such file"), (tmp_path / "q", "no such file")):
        with pytest.raises(InputError, match=message):
            read_yaml(path)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("2", "3", "p.yaml: s.inner.depth: changed from 2 to 3"),
        ("depth: 2, ", "", "p.yaml: s.inner.depth: changed from 2 to nothing"),
        ("depth: 2", "depth: 2, width: 1", "p.yaml: s.inner.width: changed from nothing to 1"),
        ("{depth: 2, rate: 1e-3}", "off", "p.yaml: s.inner: changed from {'depth': 2, 'rate': 0.001} to False"),
        ("seed: 1", "seed: true", "p.yaml: seed: changed from 1 to True"),
        ("seed: 1", "", "p.yaml: seed: changed from 1 to nothing"),
        (GOOD, "", "p.yaml: s: changed from {'inner': {'depth': 2, 'rate': 0.001}, 'name': 'a'} to nothing"),
        (GOOD, "s: [", "p.yaml: gone, or no longer a parameter file, since it was read"),
    ],
)
def test_a_change_of_what_was_asked_for_is_found(tmp_path, before, after, message):
    text = GOOD + "seed: 1\n"
    parameters = Parameters.read(write(tmp_path, text))
    parameters.section("s", Outer)
    parameters.value("seed", int)
    write(tmp_path, text.replace(before, after))
    with pytest.raises(RunError) as error:
        parameters.check_unchanged()
    assert str(error.value).endswith(message)


@pytest.mark.parametrize("change", [Path.unlink, lambda path: (path.unlink(), path.mkdir())], ids=["gone", "a folder"])
def test_a_file_that_cannot_be_read_again_counts_as_changed(tmp_path, change):
    parameters = Parameters.read(write(tmp_path, GOOD))
    change(parameters.path)
    with pytest.raises(RunError, match=r"p\.yaml: gone, or no longer a parameter file"):
        parameters.check_unchanged()


def test_what_was_not_asked_for_may_change(tmp_path):
    parameters = Parameters.read(write(tmp_path, GOOD + "other: 1\nphases: {a: 1, b: 2}\n"))
    parameters.section("s", Outer)
    assert parameters.get("phases.a") == 1
    write(tmp_path, "# a comment\ns: {inner: {rate: 0.001, depth: 2}, name: 'a'}\nother: 2\nphases: {b: 3, a: 1}\n")
    parameters.check_unchanged()
    assert parameters.get("other") == 1, "as it was read"
