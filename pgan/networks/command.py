"""`pgan init`."""

from pathlib import Path
from typing import Annotated

import typer

from pgan.config import Parameters
from pgan.errors import InputError
from pgan.files import check_output
from pgan.networks.architectures import check_resolution
from pgan.networks.config import Init, Networks
from pgan.process import user_errors


@user_errors
def init(
    params: Annotated[Path, typer.Option(help="The parameter file.")] = Path("params.yaml"),
    out: Annotated[Path, typer.Option(help="The checkpoint to write.")] = Path("data/train/init/checkpoint.pt"),
    resolution: Annotated[
        int | None,
        typer.Option(
            help="Write untrained networks of this resolution, whatever `init` in the file says.",
            show_default="init.resolution",
        ),
    ] = None,
) -> None:
    """Write the checkpoint that the first phase continues: untrained, or taken from the checkpoint that `init` names.

    With --resolution, it is an untrained baseline for `pgan evaluate`.

    Example: pgan init --resolution 32 --out untrained.pt
    """
    check_output(out, params)
    parameters = Parameters.read(params)
    networks = parameters.section("networks", Networks)
    source = parameters.section("init", Init)
    seed = parameters.value("seed", int)
    where = f"{params}: init.resolution" if resolution is None else "--resolution"
    try:
        size = source.size(networks) if resolution is None else resolution
        check_resolution(networks, size)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None

    from pgan.networks import checkpoint
    from pgan.networks.initial import from_checkpoint

    if source.source == "random" or resolution is not None:
        found = checkpoint.fresh(networks, size, seed)
    else:
        check_output(out, Path(source.path))
        found = from_checkpoint(Path(source.path), networks, size, params)
    checkpoint.save(checkpoint.state(found), out)
