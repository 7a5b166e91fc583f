"""`pgan new`."""

import json
import os
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pgan.errors import InputError
from pgan.process import user_errors

if TYPE_CHECKING:
    from pgan.new_experiment.wishes import Wishes

FINDINGS = "findings.json"
"""Beside the parameter file. DVC does not watch it; `pgan report` shows it."""


@user_errors
def new(
    images: Annotated[Path, typer.Argument(help="A folder, zip, tar or IDX file of images.", show_default=False)],
    params: Annotated[Path, typer.Option(help="The parameter file to write.")] = Path("params.yaml"),
    time_: Annotated[
        str, typer.Option("--time", help="How long all of `dvc repro` may take here, such as 45m, 2h or 1h30m.")
    ] = "2h",
    kimg: Annotated[
        float | None,
        typer.Option(min=0.001, max=1e9, help="Thousands of images to train on, instead of --time."),
    ] = None,
    resolution: Annotated[int | None, typer.Option(min=8, max=4096, help="Pixels per side of the last phase.")] = None,
    base: Annotated[int | None, typer.Option(min=2, max=64, help="Pixels per side of the first phase.")] = None,
    channels: Annotated[int | None, typer.Option(min=1, max=3, help="1 for grey, 3 for colour.")] = None,
    labels: Annotated[bool | None, typer.Option("--labels/--no-labels", help="Keep the classes.")] = None,
    conditional: Annotated[
        bool | None, typer.Option("--conditional/--no-conditional", help="Draw each class on demand.")
    ] = None,
    mirror: Annotated[
        bool | None, typer.Option("--mirror/--no-mirror", help="Flip images at random; not for text or digits.")
    ] = None,
    fit: Annotated[Literal["crop", "pad"] | None, typer.Option(help="How an image becomes square.")] = None,
    background: Annotated[str | None, typer.Option(help="The colour behind transparency.")] = None,
    max_images: Annotated[int | None, typer.Option(min=16, help="Use at most this many, spread over all.")] = None,
    width: Annotated[int | None, typer.Option(min=4, max=1024, help="Most feature maps of a layer.")] = None,
    latent: Annotated[int | None, typer.Option(min=1, max=4096, help="Dimensions of the latent.")] = None,
    batch: Annotated[int | None, typer.Option(min=4, help="Images per step: a multiple of 4.")] = None,
    lr: Annotated[float | None, typer.Option(min=1e-9, help="Adam's learning rate.")] = None,
    augment: Annotated[
        bool | None, typer.Option("--augment/--no-augment", help="DiffAugment, for small data sets.")
    ] = None,
    features: Annotated[
        Literal["imagenet", "classifier", "none"] | None, typer.Option(help="The space in which metrics compare.")
    ] = None,
    device: Annotated[str, typer.Option(envvar="PGAN_DEVICE", help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    workers: Annotated[
        int | None, typer.Option(help="Processes; by default PGAN_WORKERS or else one for each core.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Overwrite without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the difference and write nothing.")] = False,
) -> None:
    """Propose a parameter file for your own images.

    Looks at all images, measures this machine, and decides each parameter with a reason. Shows how the result differs
    from the parameter file that is there, and asks before it overwrites that. Its findings go to
    findings.json beside it.

    Example: pgan new data/raw/pets --time 2h
    """
    from pgan.files import check_output
    from pgan.new_experiment.wishes import Wishes, seconds
    from pgan.presets.overwriting import check_can_ask, is_interactive, present

    if channels == 2:
        raise InputError("--channels 2: take 1 for grey or 3 for colour")
    if batch is not None and batch % 4:
        raise InputError(f"--batch {batch}: must be a multiple of 4; take {batch // 4 * 4} or {batch // 4 * 4 + 4}")
    wishes = Wishes(
        seconds=seconds(time_),
        kimg=kimg,
        resolution=resolution,
        base=base,
        channels=channels,
        labels=labels,
        conditional=conditional,
        mirror=mirror,
        fit=fit,
        background=_colour(background),
        max_images=max_images,
        width=width,
        latent=latent,
        batch=batch,
        lr=lr,
        augment=augment,
        features=features,
    )
    if not dry_run:
        _check_writable(params)
        check_output(params.with_name(FINDINGS))
    if present(params) is not None and not (yes or dry_run):
        check_can_ask(params)
    _propose_and_write(images, params, wishes, device, workers, yes, dry_run, is_interactive() and not yes)


def _propose_and_write(
    images: Path, params: Path, wishes: "Wishes", device: str, workers: int | None, yes: bool, dry_run: bool, asks: bool
) -> None:
    from dataclasses import replace

    from pgan.networks.sampling import pick_device
    from pgan.new_experiment.findings import as_json, findings, report
    from pgan.new_experiment.opening import open_images
    from pgan.new_experiment.proposal import propose
    from pgan.new_experiment.sizes import check
    from pgan.new_experiment.survey import survey
    from pgan.new_experiment.training_section import may_be_mirrored
    from pgan.prepare.processes import processes
    from pgan.presets.overwriting import may_write, write

    check(wishes)
    place = str(pick_device(device))
    opened = open_images(images, wishes.labels)
    start = time.monotonic()
    surveyed = survey(opened.source, processes(workers))
    look_per_second = len(surveyed.sights) / max(time.monotonic() - start, 0.01)
    found = findings(opened, surveyed)
    for line in report(found):
        typer.echo(line)
    if asks and wishes.mirror is None and found.count and may_be_mirrored(found) is None:
        wishes = replace(wishes, mirror=typer.confirm("May images be mirrored? Not if there is text in them"))
    proposal = propose(
        found, wishes, device=place, look_per_second=look_per_second, where=params, by=_command_line(images)
    )
    typer.echo()
    for line in proposal.lines():
        typer.echo(line)
    typer.echo()
    if not may_write(params, proposal.text, "proposal", yes=yes, dry_run=dry_run):
        return
    beside = params.with_name(FINDINGS)
    write(beside, json.dumps(as_json(found), indent=1, ensure_ascii=False) + "\n")
    write(params, proposal.text)
    typer.echo(f"{params}: written; `dvc repro` runs it, and {beside} says what was found")


def _command_line(images: Path) -> str:
    """As the user typed it, but for what only this run had to say."""
    words = [word for word in sys.argv[1:] if word not in ("--yes", "--dry-run")]
    return shlex.join(["pgan", *words] if words[:1] == ["new"] else ["pgan", "new", str(images)])


def _colour(name: str | None) -> str | None:
    from pgan.prepare.config import colour

    if name is not None:
        try:
            colour(name)
        except ValueError as error:
            raise InputError(f"--background: {error}") from None
    return name


def _check_writable(params: Path) -> None:
    """Raise InputError where nothing can be written: before minutes of work, not after."""
    folder = next(place for place in params.absolute().parents if place.exists())
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{params}: cannot be written: no right to write in {folder}; choose another --params")
    if params.exists() and not os.access(params, os.W_OK):
        raise InputError(f"{params}: cannot be written: it is read-only; choose another --params")
