"""`pgan`: the commands of all areas, mounted. Nothing imports this module."""

import typer

from pgan import experiment
from pgan.cleaning.command import clean
from pgan.interchange.command import import_
from pgan.interchange.export_command import export
from pgan.metrics.command import evaluate, features
from pgan.networks.command import init
from pgan.prepare.command import download, prepare
from pgan.presets.command import preset
from pgan.process import begin
from pgan.rendering.command import render
from pgan.sampling.command import interpolate, sample
from pgan.training.command import train

app = typer.Typer(
    help="Progressively grown GANs: data, training, evaluation, pictures.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    preset,
    experiment.check,
    download,
    prepare,
    init,
    train,
    features,
    evaluate,
    render,
    export,
    sample,
    interpolate,
    clean,
):
    app.command()(command)
app.command("import")(import_)


def main() -> None:
    """The console script."""
    begin()
    app(prog_name="pgan")


if __name__ == "__main__":
    main()
