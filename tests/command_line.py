"""Running `pgan` inside a test."""

from typer.testing import CliRunner

from pgan.cli import app


def pgan(*arguments: object):
    """A command and how it ended."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refused(*arguments: object, code: int = 2) -> str:
    """The one line with which a command ends."""
    result = pgan(*arguments)
    assert result.exit_code == code, result.output
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.output
    return str(lines[0])
