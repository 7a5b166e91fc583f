"""`pgan plan`."""

from pathlib import Path
from typing import Annotated

import typer

from pgan.process import user_errors


@user_errors
def plan(
    params: Annotated[Path, typer.Option(help="The parameter file.")] = Path("params.yaml"),
    pyramid: Annotated[Path, typer.Option(help="Folder of the pyramid; its images are used where it is there.")] = Path(
        "data/pyramid"
    ),
    status: Annotated[
        Path | None,
        typer.Option(help="What `dvc status --json` printed, or - for the standard input: unchanged stages are done."),
    ] = None,
    device: Annotated[str, typer.Option(envvar="PGAN_DEVICE", help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    workers: Annotated[
        int | None, typer.Option(help="Processes that prepare; by default PGAN_WORKERS or else one for each core.")
    ] = None,
) -> None:
    """Say what an experiment will cost on this machine, before it runs.

    Trains a few steps of each phase and prepares some of the images. Prints time, memory and disk of every stage, the
    total and when it ends, and warns where memory or disk will not suffice.

    Example: pgan plan --params mine.yaml
    """
    from datetime import datetime

    from pgan.experiment import check_packages, read_experiment
    from pgan.planning import plan as whole
    from pgan.planning.done import done_stages
    from pgan.planning.table import lines
    from pgan.prepare.processes import processes

    experiment = read_experiment(params)
    check_packages(experiment)
    done = done_stages(status, experiment.phases) if status is not None else set()
    found = whole.plan(experiment, params, pyramid, device, processes(workers), done)
    for line in lines(found, datetime.now()):
        typer.echo(line)
