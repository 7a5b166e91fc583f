"""`pgan preset`."""

from pathlib import Path
from typing import Annotated

import typer

from pgan.errors import InputError
from pgan.prepare.config import EMBEDDED
from pgan.presets.catalogue import Preset, names, read_preset
from pgan.presets.checked import experiment_of
from pgan.presets.overwriting import may_write, present, write
from pgan.process import user_errors


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
    if present(params) == chosen.text:
        typer.echo(f"{params}: is the preset {name} already")
        return
    if not may_write(params, chosen.text, f"preset {name}", yes=yes, dry_run=dry_run):
        return
    write(params, chosen.text)
    typer.echo(f"{params}: now the preset {name}; {_next_step(chosen)}")


def describe(preset: Preset) -> str:
    """Name, size, purpose and source, for a person."""
    experiment = experiment_of(preset)
    phases = list(experiment.phases.values())
    kimg = sum(phase.kimg for phase in phases)
    size = f"{phases[-1].resolution} pixels, {len(phases)} phase{'s' * (len(phases) > 1)}, {kimg:,.0f} kimg"
    return f"{preset.name}: {size}\n    {preset.reproduces}\n    Source: {preset.source}"


def _next_step(preset: Preset) -> str:
    """What the user does now."""
    prepare = experiment_of(preset).prepare
    path = None if prepare.source in EMBEDDED else prepare.path
    if path is not None and not Path(path).exists():
        return f"put its images at {path}, or change prepare.path, and then run `dvc repro`"
    return "`dvc repro` runs it"
