"""One phase from its parent's checkpoint to its outputs: what `pgan train` does once it has read its parameters."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import typer

from pgan.config import Parameters
from pgan.data.pyramid import PREPARE, count_classes, open_labels, open_level
from pgan.errors import InputError, RunError
from pgan.files import check_place, whole_file
from pgan.networks import checkpoint
from pgan.networks.checkpoint import Checkpoint
from pgan.networks.progressive import Progressive
from pgan.networks.sampling import pick_device
from pgan.training.ahead import images_ahead
from pgan.training.config import Recipe, phase_problems
from pgan.training.determinism import is_wanted, make_deterministic
from pgan.training.engine import without_effect
from pgan.training.identity import identify, read_inputs
from pgan.training.interrupt import Interrupted
from pgan.training.job import Job
from pgan.training.loop import PhaseRun
from pgan.training.memory import keep_freed_memory, memory_errors
from pgan.training.parallel import Ranks, ranks
from pgan.training.precision import allow_tf32
from pgan.training.preview import LiveFiles
from pgan.training.snapshots import Snapshots
from pgan.training.watched_files import ADVICE, WatchedFiles


@dataclass(frozen=True)
class Request:
    """A phase to train, the files to train it from, and where its outputs go; see the options of `pgan train`."""

    recipe: Recipe
    parameters: Parameters
    """The parameter file that the recipe is from."""
    code: WatchedFiles
    """The code that trains; see `read_code`."""
    pyramid: Path
    parent: Path
    """The parent's checkpoint."""
    out: Path
    snapshots: Path
    snapshot_seconds: float
    files: LiveFiles
    finished: Path | None
    """If given, keep the last snapshot, and write to this file where it is."""
    device: str
    deterministic: bool


def train_phase(request: Request) -> None:
    """Train the phase, or this rank's share of it, and write its outputs.

    Raises:
        InputError: parameters, parent, pyramid and device do not fit together, or nothing can be written there.
        RunError: training diverged, memory ran out, or something changed that the phase was trained from.
        SystemExit: a signal came; the snapshot is written, and the exit code is the signal's.
    """
    recipe, name, here = request.recipe, request.recipe.name, ranks()
    _set_up_torch(request)
    inputs = read_inputs(recipe.phase, request.parent, request.pyramid)
    parent = _read_parent(request)
    _check_batch(request, here)
    images, labels = _read_images(request)
    if here.leads:
        check_place(request.out)
    device = pick_device(request.device)
    here.check_device(device)
    job = Job(name, recipe.phase, recipe.training, recipe.seed, images, labels, inputs)
    with memory_errors(f"{name}: the networks on {device}", f"lower {recipe.networks.width_key}"):
        run = PhaseRun(job, parent, device, here)
    key = identify(recipe, device.type, inputs, request.code)
    here.check_same(key)
    for sentence in without_effect(recipe.networks, recipe.training) if here.leads else ():
        typer.echo(f"note: {sentence}", err=True)
    with Snapshots(request.snapshots, name, key, _origin(request), keeps=here.leads) as snapshots:
        _train(request, run, snapshots)
        if here.leads:
            _write(request, run, snapshots)


# --- before


def _set_up_torch(request: Request) -> None:
    settings = request.recipe.training
    if request.deterministic or is_wanted():
        make_deterministic()
    allow_tf32(settings.precision)
    if not settings.recompute:  # its memory is freed in pieces; a third could not be used again
        keep_freed_memory()


def _read_parent(request: Request) -> Checkpoint:
    """The parent's checkpoint. Raises InputError where the phase cannot continue it."""
    recipe, params = request.recipe, request.parameters.path
    parent = checkpoint.load(request.parent)
    if parent.config != recipe.networks:
        raise InputError(
            f"{request.parent}: was made with other networks than {params} has; make it again with `dvc repro`, or "
            "with `pgan init` and the phases before this one"
        )
    for key, reason in phase_problems(recipe.phase, recipe.networks, parent.resolution):
        raise InputError(f"{params}: phases.{recipe.name}.{key}: {reason}")
    return parent


def _check_batch(request: Request, here: Ranks) -> None:
    """Raises InputError where the ranks cannot share a batch."""
    recipe, networks = request.recipe, request.recipe.networks
    try:
        here.check_batch(recipe.phase.batch, networks.group, networks.uses_whole_batch, recipe.phase.accumulate)
    except ValueError as error:
        raise InputError(f"{request.parameters.path}: phases.{recipe.name}.batch: {error}") from None


def _read_images(request: Request) -> tuple[np.ndarray, np.ndarray]:
    """One level of the pyramid, (N, C, r, r) uint8, and labels (N,). Raises InputError where they do not fit."""
    params, pyramid, networks = request.parameters.path, request.pyramid, request.recipe.networks
    images, labels = open_level(pyramid, request.recipe.phase.resolution), open_labels(pyramid)
    if images.shape[1] != networks.channels:
        raise InputError(
            f"{params}: networks.channels: {networks.channels}, but the images in {pyramid} have {images.shape[1]}; "
            "it must be the same as prepare.channels"
        )
    if len(labels) != len(images):
        raise InputError(f"{pyramid}: {len(images)} images but {len(labels)} labels; {PREPARE}")
    if reason := networks.class_problem(count_classes(labels)):
        raise InputError(f"{params}: networks.classes: {reason}")
    return images, labels


def _origin(request: Request) -> dict[str, str]:
    """The files that the phase is made from, for `pgan clean`."""
    places = {"params": request.parameters.path, "parent": request.parent, "pyramid": request.pyramid}
    return {name: str(path.absolute()) for name, path in places.items()}


# --- training, and after


def _train(request: Request, run: PhaseRun, snapshots: Snapshots) -> None:
    try:
        with _out_of_memory(run, snapshots):
            ahead = images_ahead(request.recipe, request.parameters.content)
            run.run(snapshots, request.snapshot_seconds, request.files, ahead)
    except Interrupted as stop:
        if run.ranks.leads:
            what = f"stopped ({stop}); the same command continues from {snapshots.path}"
            typer.echo(f"{run.job.name}: {what}", err=True)
        raise SystemExit(stop.exit_code) from None


def _out_of_memory(run: PhaseRun, snapshots: Snapshots) -> AbstractContextManager[None]:
    """Says what to lower where memory runs out."""
    job, r, networks = run.job, run.job.phase.resolution, run.ema.config
    can_divide = job.phase.batch // job.phase.accumulate >= 2 * max(1, networks.group) and not networks.uses_whole_batch
    recompute_helps = isinstance(networks, Progressive) and not job.settings.recompute
    return memory_errors(
        f"{job.name}: a batch of {job.phase.batch} at {r}×{r} pixels on {run.device}",
        f"{f'raise phases.{job.name}.accumulate, ' * can_divide}{'set training.recompute, or ' * recompute_helps}"
        f"lower phases.{job.name}.batch or {networks.width_key}; "
        f"if another program took the memory, the same command continues from {snapshots.path}",
    )


def _write(request: Request, run: PhaseRun, snapshots: Snapshots) -> None:
    """Write the outputs, and let the snapshot go where nothing changed meanwhile."""
    _check_unchanged(request, run, snapshots)
    run.write(request.out)
    _check_unchanged(request, run, snapshots)
    if request.finished is None:
        snapshots.remove()
    else:
        with whole_file(request.finished) as part:
            part.write_text(str(snapshots.path), encoding="utf-8")


def _check_unchanged(request: Request, run: PhaseRun, snapshots: Snapshots) -> None:
    """Whether parameters, code and inputs are still what the phase was trained with.

    Raises:
        RunError: naming the first key or file that changed, and what becomes of the training.
    """
    try:
        request.parameters.check_unchanged(f" while {run.job.name} trained; {ADVICE}")
        run.job.inputs.check()
        request.code.check()
    except RunError as error:
        kept = f"the trained phase is kept in {snapshots.path}" if snapshots.exist() else "no snapshot could be written"
        raise RunError(f"{error}; {kept}") from None
