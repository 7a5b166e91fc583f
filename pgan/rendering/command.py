"""`pgan render`: all pictures of an experiment, from what training and measuring wrote."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pgan.errors import InputError
from pgan.files import check_output, whole_folder
from pgan.process import user_errors

if TYPE_CHECKING:
    from pgan.networks.network import Generator
    from pgan.rendering.config import Render
    from pgan.rendering.metrics import Metrics
    from pgan.rendering.phases import TrainedPhase


@user_errors
def render(
    params: Annotated[Path, typer.Option(help="The parameter file: seed, phases, render.")] = Path("params.yaml"),
    train: Annotated[Path, typer.Option(help="Folder with the outputs of each trained phase.")] = Path("data/train"),
    evaluate: Annotated[Path, typer.Option(help="Folder with the metrics of each phase.")] = Path("data/evaluate"),
    pyramid: Annotated[Path, typer.Option(help="Folder of the training images.")] = Path("data/pyramid"),
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path("data/render"),
    device: Annotated[str, typer.Option(envvar="PGAN_DEVICE", help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    headline: Annotated[Path | None, typer.Option(help="JSON file for the run's headline metrics.")] = None,
) -> None:
    """Draw the pictures of an experiment, and write its tables.

    Makes progress.gif, phases/*.gif, samples.png, real_vs_fake.png, transitions.png, interpolation.gif, losses.png and
    metrics.png. losses.csv and metrics.csv hold the curves of all phases, one table each. With the metric
    `memorisation`, nearest.png has generated images beside the training images that are nearest to them.
    With --headline, a JSON file has a few metrics of the final phase, and the name of the best one.

    The last phase in the parameter file is the final one. Its generator makes the samples, and progress.gif follows
    the same latents from `init` to it.

    Example: pgan render --out pictures
    """
    if headline is not None:
        check_output(headline, params)

    from pgan.config import Parameters
    from pgan.data.pyramid import read_meta
    from pgan.networks.checkpoint import load_generator
    from pgan.networks.sampling import pick_device
    from pgan.phases import read_phases
    from pgan.rendering.config import MOST_PIXELS, Render
    from pgan.rendering.curves import check_color
    from pgan.rendering.grid import enlarged
    from pgan.rendering.headline import write_headline
    from pgan.rendering.metrics import read_metrics
    from pgan.rendering.phases import read_trained

    parameters = Parameters.read(params)
    settings, seed = parameters.section("render", Render), parameters.value("seed", int)
    for name, color in settings.colors:
        check_color(color, f"{params}: render.colors.{name}")
    phases = read_trained(read_phases(parameters), train)
    generator = load_generator(phases[-1].folder / "checkpoint.pt", pick_device(device))
    if generator.resolution != phases[-1].resolution:
        raise InputError(
            f"{phases[-1].folder}: checkpoint.pt has {generator.resolution} pixels, summary.json "
            f"{phases[-1].resolution}; train the phase '{phases[-1].name}' again"
        )
    shown = enlarged(generator.resolution, settings.tile)  # a generator larger than the tile is shown as it is
    if settings.rows * settings.columns * shown**2 > MOST_PIXELS:
        raise InputError(
            f"{params}: render.rows: {settings.rows} × {settings.columns} images of {shown} pixels exceed the limit of "
            f"{MOST_PIXELS:,} pixels; lower rows or columns"
        )

    credits = read_meta(pyramid).credits
    measured = {phase.name: read_metrics(evaluate, phase.name) for phase in phases}
    with whole_folder(out) as part:
        (part / "phases").mkdir()
        _draw_losses(phases, settings, part)
        _draw_metrics(phases, measured, settings, part)
        _draw_training(phases, settings, generator.classes, credits, part)
        _draw_nearest(evaluate, phases[-1].name, settings, credits, part)
        _draw_generator(generator, settings, pyramid, credits, seed, part)
    if headline is not None:
        write_headline(phases, list(measured.values()), headline)
    typer.echo(f"pictures in {out}")


def _draw_losses(phases: "list[TrainedPhase]", settings: "Render", out: Path) -> None:
    from pgan.rendering.curves import read_losses, write_losses_picture
    from pgan.rendering.phases import final_chain
    from pgan.rendering.tables import write_losses_table

    chain = final_chain(phases)
    side = [phase for phase in phases if phase not in chain]
    losses = [read_losses(phase.folder / "losses.csv", phase.name, phase.grows) for phase in chain]
    losses += [read_losses(phase.folder / "losses.csv", phase.name, phase.grows, branch=True) for phase in side]
    curves = settings.curves
    write_losses_picture(losses, out / "losses.png", settings.colors.model_dump(), curves.smoothing, curves.dpi)
    write_losses_table(chain, out / "losses.csv")


def _draw_metrics(phases: "list[TrainedPhase]", measured: "dict[str, Metrics]", settings: "Render", out: Path) -> None:
    from pgan.rendering.metrics import write_metrics_picture
    from pgan.rendering.phases import final_chain
    from pgan.rendering.tables import write_metrics_table

    write_metrics_picture(phases, list(measured.values()), out / "metrics.png", settings.curves.dpi)
    chain = final_chain(phases)
    write_metrics_table(chain, [measured[phase.name] for phase in chain], out / "metrics.csv")


def _draw_training(
    phases: "list[TrainedPhase]", settings: "Render", classes: int, credits: list[str], out: Path
) -> None:
    from pgan.rendering.animation import phase_frames, write_gif
    from pgan.rendering.caption import credited
    from pgan.rendering.phases import final_chain

    chains = {out / "progress.gif": final_chain(phases)}
    chains |= {out / "phases" / f"{phase.name}.gif": [phase] for phase in phases}
    for path, chain in chains.items():
        frames = [credited(frame, credits) for frame in phase_frames(chain, settings, classes)]
        write_gif(frames, path, settings.frame_ms, settings.hold_ms)


def _draw_nearest(evaluate: Path, phase: str, settings: "Render", credits: list[str], out: Path) -> None:
    from pgan.rendering.caption import credited
    from pgan.rendering.nearest import nearest_picture, read_nearest

    if nearest := read_nearest(evaluate, phase):
        credited(nearest_picture(nearest, settings), credits).save(out / "nearest.png")


def _draw_generator(
    generator: "Generator", settings: "Render", pyramid: Path, credits: list[str], seed: int, out: Path
) -> None:
    from pgan.rendering import pictures
    from pgan.rendering.animation import write_gif
    from pgan.rendering.caption import credited
    from pgan.rendering.grid import columns_by_class

    columns = columns_by_class(settings.columns, generator.classes)
    fake = pictures.sample_tiles(generator, settings.rows * columns, columns, seed)
    real = pictures.real_tiles(pyramid, generator, settings.rows * columns, columns, seed)
    drawn = {
        "samples": pictures.samples_picture(fake, columns, settings),
        "real_vs_fake": pictures.real_vs_fake_picture(real, fake, columns, settings),
        "transitions": pictures.transitions_picture(generator, settings, seed),
    }
    for name, picture in drawn.items():
        credited(picture, credits).save(out / f"{name}.png")
    frames = [credited(frame, credits) for frame in pictures.walk_frames(generator, settings, seed)]
    write_gif(frames, out / "interpolation.gif", settings.frame_ms, settings.frame_ms)
