"""`pgan train`."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import numpy as np

    from pgan.training.snapshots import Snapshots


from pgan.config import Parameters
from pgan.errors import InputError, RunError
from pgan.files import check_place, whole_file
from pgan.networks.config import Networks
from pgan.process import user_errors
from pgan.training.config import Recipe, phase_problems
from pgan.training.inputs import ADVICE, Inputs, read_code
from pgan.training.parallel import ranks, together


@user_errors
@together
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

    Writes checkpoint.pt, losses.csv, samples.npy and summary.json. Stopped by Ctrl-C, SIGTERM or worse, the same
    command continues from the last snapshot, to the same bytes. Started by torchrun or srun, several processes share
    each batch.
    """
    code = read_code()
    parameters = Parameters.read(params)
    recipe = Recipe.of(parameters, phase)
    spec, networks, settings = recipe.phase, recipe.networks, recipe.training
    out = out or Path("data/train") / phase
    parent = parent or out.parent / spec.from_ / "checkpoint.pt"

    from pgan.data.pyramid import open_labels, open_level
    from pgan.networks import checkpoint
    from pgan.networks.sampling import pick_device
    from pgan.training.determinism import is_wanted, make_deterministic
    from pgan.training.engine import without_effect
    from pgan.training.identity import identify, read_inputs
    from pgan.training.interrupt import Interrupted
    from pgan.training.loop import Job, PhaseRun
    from pgan.training.memory import keep_freed_memory, memory_errors
    from pgan.training.precision import allow_tf32
    from pgan.training.snapshots import Snapshots

    if deterministic or is_wanted():
        make_deterministic()
    allow_tf32(settings.precision)
    if not settings.recompute:  # what is kept lies in pieces, of which a third cannot be used again
        keep_freed_memory()
    inputs = read_inputs(spec, parent, pyramid)
    before = checkpoint.load(parent)
    if before.config != networks:
        raise InputError(
            f"{parent}: was made with other networks than {params} has; make it again with `dvc repro`, or with "
            "`pgan init` and the phases before this one"
        )
    for key, reason in phase_problems(spec, networks, before.resolution):
        raise InputError(f"{params}: phases.{phase}.{key}: {reason}")
    here = ranks()
    try:
        here.check_batch(spec.batch, networks.group, networks.uses_whole_batch)
    except ValueError as error:
        raise InputError(f"{params}: phases.{phase}.batch: {error}") from None
    images, labels = open_level(pyramid, spec.resolution), open_labels(pyramid)
    _check_data(images.shape, labels, networks, params, pyramid)
    if here.leads:
        check_place(out)
    chosen = pick_device(device)
    here.check_device(chosen)
    job = Job(phase, spec, settings, recipe.seed, images, labels, inputs)
    with memory_errors(f"{phase}: the networks on {chosen}", f"lower {networks.width_key}"):
        run = PhaseRun(job, before, chosen, here)
    origin = {"params": params, "parent": parent, "pyramid": pyramid}
    named = {name: str(path.absolute()) for name, path in origin.items()}
    key = identify(recipe, chosen.type, inputs, code)
    here.check_same(key)
    for sentence in without_effect(networks, settings) if here.leads else ():
        typer.echo(f"note: {sentence}", err=True)
    with Snapshots(snapshots, phase, key, named, keeps=here.leads) as store:
        try:
            run.run(store, snapshot_seconds, log)
        except Interrupted as stop:
            if here.leads:
                typer.echo(f"{phase}: stopped ({stop}); the same command continues from {store.path}", err=True)
            raise SystemExit(stop.exit_code) from None
        if not here.leads:
            return
        check = partial(_check_unchanged, parameters, inputs, code, store)
        check()
        run.write(out)
        check()
        if finished is None:
            store.remove()
        else:
            with whole_file(finished) as part:
                part.write_text(str(store.path), encoding="utf-8")


def _check_unchanged(parameters: Parameters, inputs: Inputs, code: Inputs, store: "Snapshots") -> None:
    """Whether what a phase was trained with still lies there: it is what the outputs will be taken for.

    Raises:
        RunError: naming the first key or file that changed, and what becomes of the training.
    """
    try:
        parameters.check_unchanged(f" while {store.phase} trained; {ADVICE}")
        inputs.check()
        code.check()
    except RunError as error:
        kept = f"the trained phase is kept in {store.path}" if store.exist() else "no snapshot could be written"
        raise RunError(f"{error}; {kept}") from None


def _check_data(shape: tuple[int, ...], labels: "np.ndarray", networks: Networks, params: Path, pyramid: Path) -> None:
    """Whether the pyramid fits the networks. Raises InputError."""
    from pgan.data.pyramid import PREPARE, count_classes

    if shape[1] != networks.channels:
        raise InputError(
            f"{params}: networks.channels: {networks.channels}, but the images in {pyramid} have {shape[1]}; "
            "it must be the same as prepare.channels"
        )
    if len(labels) != shape[0]:
        raise InputError(f"{pyramid}: {shape[0]} images but {len(labels)} labels; {PREPARE}")
    if reason := networks.class_problem(count_classes(labels)):
        raise InputError(f"{params}: networks.classes: {reason}")
