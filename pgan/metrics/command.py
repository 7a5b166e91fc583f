"""The commands `features` and `evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from pgan.config import Parameters
from pgan.errors import InputError, shown
from pgan.files import check_output
from pgan.metrics.config import Evaluate, Features
from pgan.process import user_errors

ParamsOption = Annotated[Path, typer.Option(help="The experiment's parameters.")]
PyramidOption = Annotated[Path, typer.Option(help="The folder that `pgan prepare` made.")]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.", envvar="PGAN_DEVICE")]


@user_errors
def features(
    params: ParamsOption = Path("params.yaml"),
    pyramid: PyramidOption = Path("data/pyramid"),
    out: Annotated[Path, typer.Option(help="Folder for the feature network and the real features.")] = Path(
        "data/features"
    ),
    device: DeviceOption = "auto",
) -> None:
    """Make the feature space in which metrics compare images.

    Trains the classifier, or finds the network of ImageNet or Inception, and keeps the features of the real images.
    Reads the section `features`, `seed` and `training.mirror` of the parameter file.

    Example: pgan features --pyramid data/pyramid --out data/features
    """
    parameters = Parameters.read(params)
    section = parameters.section("features", Features)
    seed, mirror = parameters.value("seed", int), _read_mirror(parameters)
    from pgan.metrics.feature_space import make_features
    from pgan.networks.sampling import pick_device

    metrics = make_features(pyramid, out, section, mirror, seed, pick_device(device))
    accuracy = f", accuracy {metrics['accuracy']:.4f}" if "accuracy" in metrics else ""
    typer.echo(f"features: space {section.space}{accuracy} -> {out}")


@user_errors
def evaluate(
    checkpoint: Annotated[Path, typer.Option(help="The phase's checkpoint; its EMA generator is measured.")],
    out: Annotated[Path, typer.Option(help="The JSON file of metrics to write.")],
    params: ParamsOption = Path("params.yaml"),
    pyramid: PyramidOption = Path("data/pyramid"),
    features: Annotated[Path, typer.Option(help="The folder that `pgan features` made.")] = Path("data/features"),
    device: DeviceOption = "auto",
    nearest: Annotated[
        Path | None, typer.Option(help="Folder for nearest.npy and nearest.json, which `pgan render` draws.")
    ] = None,
) -> None:
    """Measure a generator with the metrics of `evaluate.metrics`.

    Reads the sections `evaluate` and `features`, `seed` and `training.mirror` of the parameter file. With the metric
    `memorisation`, --nearest keeps generated images beside the training images that are nearest to them.

    Example: pgan evaluate --checkpoint data/train/grow_8/checkpoint.pt --out grow_8.json
    """
    check_output(out, checkpoint, params)
    parameters = Parameters.read(params)
    section = parameters.section("evaluate", Evaluate)
    features_section = parameters.section("features", Features)
    seed, mirror = parameters.value("seed", int), _read_mirror(parameters)
    from pgan.metrics.evaluation import evaluate_generator
    from pgan.metrics.nearest_reals import write_nearest
    from pgan.metrics.outputs import rounded, write_json
    from pgan.metrics.reals import Reals
    from pgan.networks.checkpoint import load_generator
    from pgan.networks.sampling import pick_device

    target = pick_device(device)
    generator = load_generator(checkpoint, target)
    scratch = next(folder for folder in out.absolute().parents if folder.is_dir())  # `out` is made at the end
    reals = Reals(pyramid, features, mirror)
    found = evaluate_generator(generator, reals, section, features_section, seed, target, scratch=scratch)
    metrics = rounded(found.metrics)
    if nearest:
        write_nearest(found.nearest, nearest)
    write_json(metrics, out)
    typer.echo(f"evaluate: {len(metrics)} metrics -> {out}")


def _read_mirror(parameters: Parameters) -> bool:
    """`training.mirror`, read alone: the rest of the section is not measuring's business, and must not rerun it."""
    mirror = parameters.get("training.mirror")
    if not isinstance(mirror, bool):
        raise InputError(f"{parameters.path}: training.mirror: expected true or false, found {shown(mirror)}")
    return mirror
