"""What determines a phase, and so which snapshots are its own."""

from pathlib import Path

from pgan.config import read_section, read_value
from pgan.data.pyramid import LABELS, level_name
from pgan.networks.config import Networks
from pgan.training.config import Phase, Training
from pgan.training.inputs import Inputs
from pgan.training.snapshots import fingerprint


def read_inputs(spec: Phase, parent: Path, pyramid: Path) -> Inputs:
    """The files that a phase reads."""
    return Inputs([parent, pyramid / level_name(spec.resolution), pyramid / LABELS])


def identify(params: Path, phase: str, device: str, inputs: Inputs) -> str:
    """The key of a phase of a parameter file on a kind of device: cpu, cuda or mps. Raises InputError on a bad file."""
    parameters = {
        "seed": read_value(params, "seed", int),
        "name": phase,
        "phase": read_section(params, f"phases.{phase}", Phase).model_dump(),
        "networks": read_section(params, "networks", Networks).model_dump(),
        "training": read_section(params, "training", Training).model_dump(),
        "device": device,
    }
    return fingerprint(parameters, inputs)
