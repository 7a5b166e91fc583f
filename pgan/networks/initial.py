"""Trained networks as the beginning of a new experiment: fine-tuning."""

import json
from dataclasses import asdict
from pathlib import Path

from pgan.errors import SEPARATOR, InputError
from pgan.networks.checkpoint import Checkpoint, Progress, from_state, load, shrink, state
from pgan.networks.config import Networks


def from_checkpoint(path: Path, networks: Networks, resolution: int, params: Path) -> Checkpoint:
    """The networks of a checkpoint, cut down to a resolution, without its progress and Adam's state.

    Raises:
        InputError: the file is bad, its networks differ from those in the parameter file `params`, or they do not
            reach the resolution. The message names the keys that differ.
    """
    found = load(path)
    theirs, ours = found.config.resolved(), networks.resolved()
    differing = [key for key in ours if key not in theirs or ours[key] != theirs[key]]
    if theirs["architecture"] != ours["architecture"]:
        differing = ["architecture"]
    if differing:
        lines = []
        for key in differing:
            our, their = json.dumps(ours[key]), json.dumps(theirs[key])  # as YAML writes them
            lines.append(f"{params}: networks.{key}: {our}, but {path} has {their}; set it to {their}")
        raise InputError(SEPARATOR.join(lines))
    if found.resolution < resolution:
        size = f"{path} has only {found.resolution}; higher ones are for phases of kind grow"
        raise InputError(f"{params}: init.resolution: {resolution}, but {size}")
    fresh = {
        "networks": networks.model_dump(),
        "optimizers": None,
        "progress": asdict(Progress("init", "init", 0, 0)),
    }
    return from_state(state(shrink(found, resolution)) | fresh, str(path))
