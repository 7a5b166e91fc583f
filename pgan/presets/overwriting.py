"""A new parameter file: the difference from the one that is there is shown, and a question asked before it goes."""

import difflib
import sys
from pathlib import Path

import typer

from pgan.config import MOST_BYTES
from pgan.errors import InputError
from pgan.files import check_output, whole_file
from pgan.untrusted.inputs import read_bytes

COLORS = {"+": typer.colors.GREEN, "-": typer.colors.RED, "@": typer.colors.CYAN}


def present(params: Path) -> str | None:
    """What the file says now; None where there is none. Raises InputError where no parameter file can be there."""
    check_output(params)
    try:
        return read_bytes(params, MOST_BYTES).decode("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise InputError(f"{params}: not a text file in UTF-8; choose another --params") from None


def may_write(params: Path, after: str, name: str, *, yes: bool, dry_run: bool) -> bool:
    """Show how a text, called `name`, differs from the file, and ask before the file is overwritten.

    False where it should only be shown. Exits where the user says no.

    Raises:
        InputError: as `check_can_ask`.
    """
    before = present(params)
    if before is not None or dry_run:
        _show_difference(before or "", after, str(params), name)
    if dry_run:
        return False
    if before is not None and not yes:
        check_can_ask(params)
        typer.confirm(f"Overwrite {params}?", abort=True)
    return True


def check_can_ask(params: Path) -> None:
    """Raise InputError where nobody can answer a question."""
    if not is_interactive():
        raise InputError(f"{params}: exists; --yes overwrites it, --dry-run only shows the difference")


def is_interactive() -> bool:
    """Whether somebody can answer a question."""
    return sys.stdin.isatty()


def write(params: Path, text: str) -> None:
    """Write the file: all of it or nothing."""
    with whole_file(params) as part:
        part.write_text(text, encoding="utf-8")


def _show_difference(before: str, after: str, file: str, name: str) -> None:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), file, name, lineterm="")
    for line in lines:
        typer.secho(line, fg=COLORS.get(line[:1]))
