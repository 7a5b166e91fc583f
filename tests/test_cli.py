"""The command line as a whole: its list of commands, `--version`, completion."""

import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import typer
from command_line import pgan

from pgan.cli import app

ROOT = Path(__file__).parent.parent
VERSION = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_commands_are_listed_in_the_order_of_work() -> None:
    text = pgan("--help").output
    wanted = ["Start an experiment", "new", "preset", "check", "plan", "download"]
    wanted += ["Run the pipeline", "prepare", "init", "train", "features", "evaluate", "render", "report"]
    wanted += ["Use a generator", "sample", "interpolate", "compare", "export", "import", "Tidy up", "clean"]
    found = re.findall(r"^╭─ ([A-Z][a-z ]+[a-z]) |^│ ([a-z]+) ", text, re.MULTILINE)
    assert [panel or command for panel, command in found if panel != "Options"] == wanted


def test_each_command_says_what_it_does_in_a_line_or_two() -> None:
    for name, command in typer.main.get_command(app).commands.items():
        first, _, rest = command.help.partition("\n\n")
        assert len(first) <= 120, name
        assert "pgan " in rest, f"{name}: no example"


def test_the_version_is_that_of_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    assert VERSION is not None
    assert pgan("--version").output == f"pgan {metadata.version('pgan')}\n"

    def not_installed(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", not_installed)
    assert pgan("--version").output == f"pgan {VERSION[1]}\n"


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("pgan pre", "preset\nprepare\n"),
        ("pgan sample --see", "--seeds\n"),
        ("pgan export a b --format o", "onnx\n"),
    ],
)
def test_a_shell_completes_commands_options_and_values(line: str, wanted: str) -> None:
    """Without importing what the commands need to run."""
    variables = {"_PGAN_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
    code = (
        "import sys, pgan.cli\n"
        "try: pgan.cli.main()\n"
        "finally: assert not {'torch', 'numpy', 'matplotlib'} & set(sys.modules)"
    )
    environment = os.environ | variables | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd="/", check=False
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, wanted.strip(), "")
