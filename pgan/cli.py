"""`pgan`: the commands of all areas, mounted in the order of work. Nothing imports this module."""

from typing import Annotated

import typer

from pgan import experiment
from pgan.cleaning.command import clean
from pgan.comparing.command import compare
from pgan.interchange.command import import_
from pgan.interchange.export_command import export
from pgan.metrics.command import evaluate, features
from pgan.networks.command import init
from pgan.new_experiment.command import new
from pgan.planning.command import plan
from pgan.prepare.command import download, prepare
from pgan.presets.command import preset
from pgan.process import begin
from pgan.rendering.command import render
from pgan.reporting.command import report
from pgan.sampling.command import interpolate, sample
from pgan.training.command import train
from pgan.version import version

PANELS = {
    "Start an experiment": (new, preset, experiment.check, plan, download),
    "Run the pipeline": (prepare, init, train, features, evaluate, render, report),
    "Use a generator": (sample, interpolate, compare, export, import_),
    "Tidy up": (clean,),
}
"""Heading in `pgan --help` -> its commands, in the order in which one needs them."""

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
for panel, commands in PANELS.items():
    for command in commands:
        app.command(command.__name__.rstrip("_"), rich_help_panel=panel)(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pgan {version()}")
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Progressively grown GANs: data, training, evaluation, pictures."""


def main() -> None:
    """The console script."""
    begin()
    app(prog_name="pgan")


if __name__ == "__main__":
    main()
