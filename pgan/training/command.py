"""`pgan train`."""

from pathlib import Path
from typing import Annotated

import typer

from pgan.config import Parameters
from pgan.process import user_errors
from pgan.training.config import Recipe
from pgan.training.parallel import distributed
from pgan.training.watched_files import read_code


@user_errors
@distributed
def train(
    phase: Annotated[str, typer.Argument(help="The phase to train: a key of `phases` in the parameter file.")],
    params: Annotated[Path, typer.Option(help="The parameter file.")] = Path("params.yaml"),
    pyramid: Annotated[Path, typer.Option(help="Folder of the pyramid that `pgan prepare` made.")] = Path(
        "data/pyramid"
    ),
    parent: Annotated[
        Path | None, typer.Option(help="The parent's checkpoint. [default: checkpoint.pt of `from`, beside OUT]")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the outputs. [default: data/train/PHASE]")] = None,
    snapshots: Annotated[Path, typer.Option(help="Folder for the snapshots of unfinished phases.")] = Path(
        ".pgan/snapshots"
    ),
    snapshot_seconds: Annotated[
        float, typer.Option(min=0, help="Shortest time between snapshots; longer where they would take over 2 % of it.")
    ] = 5.0,
    log: Annotated[Path | None, typer.Option(help="A CSV file to follow while it trains: losses and img/s.")] = None,
    preview: Annotated[
        Path | None,
        typer.Option(help="A PNG file to look at while it trains: a grid of samples, redrawn often."),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(help="A folder for such a grid at each moment of samples.npy: <images since init>.png."),
    ] = None,
    finished: Annotated[
        Path | None,
        typer.Option(
            hidden=True,
            help="Leave the last snapshot, and say in this file where it is: whoever started this removes it.",
        ),
    ] = None,
    device: Annotated[str, typer.Option(envvar="PGAN_DEVICE", help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    deterministic: Annotated[
        bool,
        typer.Option(
            envvar="PGAN_DETERMINISTIC", help="On CUDA: the same bits in every run, more slowly. The CPU's always are."
        ),
    ] = False,
) -> None:
    """Train one phase from its parent's checkpoint.

    Writes checkpoint.pt, losses.csv, samples.npy and summary.json. After Ctrl-C, SIGTERM or a crash, the same command
    continues from the last snapshot, and produces the same bytes. Started by torchrun or srun, several processes share
    each batch.

    Example: pgan train grow_8
    """
    code = read_code()
    parameters = Parameters.read(params)
    recipe = Recipe.of(parameters, phase)

    from pgan.training.preview import LiveFiles
    from pgan.training.run import Request, train_phase

    out = out or Path("data/train") / phase
    train_phase(
        Request(
            recipe=recipe,
            parameters=parameters,
            code=code,
            pyramid=pyramid,
            parent=parent or out.parent / recipe.phase.from_ / "checkpoint.pt",
            out=out,
            snapshots=snapshots,
            snapshot_seconds=snapshot_seconds,
            files=LiveFiles(log, preview, pictures),
            finished=finished,
            device=device,
            deterministic=deterministic,
        )
    )
