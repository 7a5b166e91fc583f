"""`pgan clean`."""

from pathlib import Path
from typing import Annotated

import typer

from pgan.process import user_errors


@user_errors
def clean(
    params: Annotated[Path, typer.Option(help="The parameter file.")] = Path("params.yaml"),
    snapshots: Annotated[Path, typer.Option(help="Folder of the snapshots.")] = Path(".pgan/snapshots"),
    train: Annotated[Path, typer.Option(help="Folder with the outputs of each trained phase.")] = Path("data/train"),
    pyramid: Annotated[Path, typer.Option(help="Folder of the pyramid.")] = Path("data/pyramid"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be deleted, and delete nothing.")] = False,
) -> None:
    """Delete the snapshots that no phase of the parameter file goes on from, and say which and how much.

    Those are what interrupted runs of other parameters, data or code left behind, also those of experiments that wait
    in DVC's queue after an interruption. What a running process uses stays.
    """
    from pgan.cleaning.orphans import find, megabytes, remove

    orphans = []
    for found in find(snapshots, params, train, pyramid):
        typer.echo(found.describe())
        if found.kept is None and (dry_run or remove(found)):
            orphans.append(found)
    verb = "would be deleted" if dry_run else "deleted"
    typer.echo(f"{len(orphans)} {verb}, {megabytes(sum(found.size for found in orphans))}")
