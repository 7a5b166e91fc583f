"""What determines a phase, and so which snapshots are its own."""

from pathlib import Path

from pgan.data.pyramid import LABELS, level_name
from pgan.phases import Phase
from pgan.training.config import Recipe
from pgan.training.snapshots import fingerprint
from pgan.training.watched_files import WatchedFiles


def read_inputs(spec: Phase, parent: Path, pyramid: Path) -> WatchedFiles:
    """The files that a phase reads."""
    return WatchedFiles([parent, pyramid / level_name(spec.resolution), pyramid / LABELS])


def identify(recipe: Recipe, device: str, inputs: WatchedFiles, code: WatchedFiles) -> str:
    """The key of a phase on a kind of device: cpu, cuda or mps."""
    parameters = {
        "seed": recipe.seed,
        "name": recipe.name,
        "phase": recipe.phase.model_dump(),
        "networks": recipe.networks.model_dump(),
        "training": recipe.training.model_dump(),
        "device": device,
    }
    return fingerprint(parameters, inputs, code)
