"""`pgan prepare` and `pgan download`."""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from pgan.errors import InputError
from pgan.process import user_errors


@user_errors
def prepare(
    params: Annotated[Path, typer.Option(help="The parameter file; its section `prepare` is read.")] = Path(
        "params.yaml"
    ),
    out: Annotated[Path, typer.Option(help="The folder of the pyramid to make.")] = Path("data/pyramid"),
    workers: Annotated[
        int | None, typer.Option(help="Processes; by default PGAN_WORKERS or else one for each core.")
    ] = None,
) -> None:
    """Make the pyramid of training images, one array per resolution.

    Images come from a folder, an archive, an IDX file, or one of the embedded sets. Every image becomes square and is
    kept at each resolution from `base` to `resolution`. The result depends neither on the machine nor on --workers.

    Example: pgan prepare --out data/pyramid --workers 4
    """
    from pgan.config import Parameters
    from pgan.prepare.build import build
    from pgan.prepare.config import DRAWN, Prepare
    from pgan.prepare.report import report

    parameters = Parameters.read(params)
    settings = parameters.section("prepare", Prepare)
    seed = parameters.value("seed", int) if settings.source in DRAWN else 0
    notes: list[str] = []
    meta = build(settings, out, seed=seed, workers=worker_count(workers), note=notes.append)
    for line in report(meta, out, notes):
        print(line)


@user_errors
def download(
    dataset: Annotated[Literal["mnist", "cifar10"], typer.Argument(help="Which data set.")],
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path("data/raw"),
    url: Annotated[str | None, typer.Option(help="Folder with the same files on another server.")] = None,
) -> None:
    """Download MNIST or CIFAR-10 and verify the checksums.

    Files that are already there and correct are not downloaded again. Point `prepare.path` at them:
    data/raw/train-images-idx3-ubyte.gz (source idx) or data/raw/cifar-10-python.tar.gz (source cifar10).

    Example: pgan download cifar10 --out data/raw
    """
    from pgan.prepare.download import fetch_dataset

    for path in fetch_dataset(dataset, out, url):
        print(path)


def worker_count(asked: int | None) -> int:
    """Processes: as asked, or as PGAN_WORKERS says, or one for each core that this process may use."""
    name = "--workers"
    if asked is None:
        name, text = "PGAN_WORKERS", os.environ.get("PGAN_WORKERS", "auto")
        if text == "auto":
            return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        if not text.isdecimal() or len(text) > 6:
            raise InputError(f"{name}: expected a number or 'auto', found '{text}'")
        asked = int(text)
    if asked < 1:
        raise InputError(f"{name}: must be 1 or more, found {asked}")
    return asked
