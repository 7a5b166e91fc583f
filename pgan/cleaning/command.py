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
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be deleted, and delete nothing.")] = False,
) -> None:
    """Delete the snapshots that no phase of the parameter file can continue.

    Interrupted runs of other parameters, data or code leave them behind. So do interrupted experiments in DVC's queue,
    which then begin from the start. Snapshots that a running process uses stay.

    Example: pgan clean --dry-run
    """
    from pgan.cleaning.orphans import find, megabytes, remove

    orphans = []
    for found in find(snapshots, params, train, pyramid):
        typer.echo(found.describe())
        if found.kept is None and (dry_run or remove(found)):
            orphans.append(found)
    verb = "would be deleted" if dry_run else "deleted"
    typer.echo(f"{len(orphans)} {verb}, {megabytes(sum(found.size for found in orphans))}")
