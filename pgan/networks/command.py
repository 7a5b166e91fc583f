"""`pgan init`."""

from pathlib import Path
from typing import Annotated

import typer

from pgan.config import read_section, read_value
from pgan.errors import InputError, user_errors
from pgan.networks.config import Networks


@user_errors
def init(
    params: Annotated[Path, typer.Option(help="The parameter file.")] = Path("params.yaml"),
    out: Annotated[Path, typer.Option(help="The checkpoint to write.")] = Path("data/train/init/checkpoint.pt"),
    resolution: Annotated[
        int | None, typer.Option(help="Build the networks of this resolution at once. [default: networks.base_size]")
    ] = None,
) -> None:
    """Write untrained networks, the parent of the first phase.

    With --resolution, what a phase of that resolution would be without training: a baseline for `pgan evaluate`.
    """
    networks = read_section(params, "networks", Networks)
    seed = read_value(params, "seed", int)
    size = networks.base_size if resolution is None else resolution
    try:
        networks.stage(size)
    except ValueError as error:
        raise InputError(f"--resolution: {error}") from None

    from pgan.networks import checkpoint

    checkpoint.save(checkpoint.state(checkpoint.fresh(networks, size, seed)), out)
