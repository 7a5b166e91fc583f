"""`pgan preset`: shows, asks, writes."""

import subprocess
import sys
from pathlib import Path

import pytest
from command_line import pgan, refused

from pgan.experiment import read_experiment
from pgan.presets.catalogue import names, read_preset


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty one to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_list_names_each_preset_with_its_source_and_size() -> None:
    output = pgan("preset", "--list").output
    for name in names():
        assert f"{name}: " in output
        assert f"Source: {read_preset(name).source}" in output
    assert "celeba-hq-1024: 1024 pixels, 17 phases, 12,000 kimg" in output


def test_a_new_file_is_written_at_once() -> None:
    result = pgan("preset", "mnist-progressive")
    assert result.exit_code == 0, result.output
    assert Path("params.yaml").read_text() == read_preset("mnist-progressive").text
    assert list(read_experiment(Path("params.yaml")).phases)[-1] == "stabilize_28"
    assert "put its images at data/raw/train-images-idx3-ubyte.gz" in result.output


def test_what_is_there_is_overwritten_only_by_a_user_who_has_seen_the_difference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pgan("preset", "digits", "--params", "p.yaml")
    before = Path("p.yaml").read_text()
    assert refused_after_difference("preset", "celeba-hq-256", "--params", "p.yaml") == (
        "error: p.yaml: exists; --yes overwrites it, --dry-run only shows the difference"
    )
    shown = pgan("preset", "celeba-hq-256", "--params", "p.yaml", "--dry-run")
    assert shown.exit_code == 0
    assert "-  source: digits" in shown.output
    assert "+  source: folder" in shown.output
    assert Path("p.yaml").read_text() == before

    monkeypatch.setattr("pgan.presets.overwriting.is_interactive", lambda: True)
    assert answered("n", "preset", "celeba-hq-256", "--params", "p.yaml") == 1
    assert Path("p.yaml").read_text() == before
    assert answered("y", "preset", "celeba-hq-256", "--params", "p.yaml") == 0
    assert Path("p.yaml").read_text() == read_preset("celeba-hq-256").text
    assert pgan("preset", "digits", "--params", "p.yaml", "--yes").exit_code == 0
    assert Path("p.yaml").read_text() == before


def refused_after_difference(*arguments: str) -> str:
    """The error line, after the difference on standard output."""
    result = pgan(*arguments)
    assert result.exit_code == 2
    assert "+  source: folder" in result.stdout
    return str(result.stderr.strip())


def answered(answer: str, *arguments: str) -> int:
    """The exit code of a command whose question is answered."""
    from typer.testing import CliRunner

    from pgan.cli import app

    return CliRunner().invoke(app, list(arguments), input=f"{answer}\n").exit_code


def test_nothing_is_done_twice() -> None:
    pgan("preset", "digits")
    result = pgan("preset", "digits")
    assert result.output == "params.yaml: is the preset digits already\n"


def test_wrong_input_ends_in_one_line() -> None:
    assert refused("preset") == "error: name a preset; `pgan preset --list` says what there are"
    assert refused("preset", "cifar10", "--list") == "error: cifar10: --list takes no name; leave out one of them"
    assert refused("preset", "digit") == "error: digit: no such preset; did you mean 'digits'?"
    assert "it is a folder" in refused("preset", "digits", "--params", ".")
    Path("binary").write_bytes(b"\xff\xfe\x00")
    assert "not a text file in UTF-8" in refused("preset", "digits", "--params", "binary", "--yes")
    Path("large").write_bytes(b"#" * 2**20)
    assert "large" in refused("preset", "digits", "--params", "large", "--yes")


def test_a_reader_that_leaves_early_is_no_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "pgan.cli", "preset", "--list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141
