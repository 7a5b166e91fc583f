"""`pgan preset`."""

import difflib
import sys
from pathlib import Path
from typing import Annotated

import typer

from pgan.config import MOST_BYTES
from pgan.errors import InputError
from pgan.files import check_output, whole_file
from pgan.prepare.config import EMBEDDED
from pgan.presets.catalogue import Preset, names, read_preset
from pgan.process import user_errors
from pgan.untrusted.inputs import read_bytes

COLORS = {"+": typer.colors.GREEN, "-": typer.colors.RED, "@": typer.colors.CYAN}


@user_errors
def preset(
    name: Annotated[str | None, typer.Argument(help="The preset's name; see --list.", show_default=False)] = None,
    params: Annotated[Path, typer.Option(help="The parameter file to write.")] = Path("params.yaml"),
    show_list: Annotated[bool, typer.Option("--list", help="List all presets with their sources.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Overwrite without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the difference and write nothing.")] = False,
) -> None:
    """Write the parameter file of a reproduced system.

    Shows first how it differs from the file that is there, and asks before it overwrites that.

    Example: pgan preset celeba-hq-256 --dry-run
    """
    if show_list and name is not None:
        raise InputError(f"{name}: --list takes no name; leave out one of them")
    if show_list:
        for each in map(read_preset, names()):
            typer.echo(describe(each))
        return
    if name is None:
        raise InputError("name a preset; `pgan preset --list` says what there are")
    chosen = read_preset(name)
    check_output(params)
    before = _present(params)
    if before == chosen.text:
        typer.echo(f"{params}: is the preset {name} already")
        return
    _show_difference(before or "", chosen.text, str(params), name)
    if dry_run:
        return
    if before is not None and not yes:
        _ask(params)
    with whole_file(params) as part:
        part.write_text(chosen.text, encoding="utf-8")
    typer.echo(f"{params}: now the preset {name}; {_next_step(chosen)}")


def describe(preset: Preset) -> str:
    """Name, size, purpose and source, for a person."""
    experiment = preset.experiment()
    phases = list(experiment.phases.values())
    kimg = sum(phase.kimg for phase in phases)
    size = f"{phases[-1].resolution} pixels, {len(phases)} phase{'s' * (len(phases) > 1)}, {kimg:,.0f} kimg"
    return f"{preset.name}: {size}\n    {preset.reproduces}\n    Source: {preset.source}"


def _present(params: Path) -> str | None:
    """What the file says now; None where there is none."""
    try:
        return read_bytes(params, MOST_BYTES).decode("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise InputError(f"{params}: not a text file in UTF-8; choose another --params") from None


def _show_difference(before: str, after: str, file: str, name: str) -> None:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), file, f"preset {name}", lineterm="")
    for line in lines:
        typer.secho(line, fg=COLORS.get(line[:1]))


def _ask(params: Path) -> None:
    """Return where the user agrees, and exit where not. Raises InputError where no question can be asked."""
    if not is_interactive():
        raise InputError(f"{params}: exists; --yes overwrites it, --dry-run only shows the difference")
    typer.confirm(f"Overwrite {params}?", abort=True)


def is_interactive() -> bool:
    """Whether somebody can answer a question."""
    return sys.stdin.isatty()


def _next_step(preset: Preset) -> str:
    """What the user does now."""
    prepare = preset.experiment().prepare
    path = None if prepare.source in EMBEDDED else prepare.path
    if path is not None and not Path(path).exists():
        return f"put its images at {path}, or change prepare.path, and then run `dvc repro`"
    return "`dvc repro` runs it"
