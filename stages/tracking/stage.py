"""A stage: its name and folders, the repository in which it runs, and the parameters of its experiment."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgan.experiment import Experiment, read_experiment

PARAMS = Path("params.yaml")


@dataclass(frozen=True)
class Stage:
    """One execution of a stage of dvc.yaml."""

    name: str
    phase: str | None = None
    out: Path = Path("data")
    """Folder of its outputs."""
    live: Path | None = None
    """CSV file that grows while the stage runs."""
    pictures: Path | None = None
    """Folder that gets a picture from time to time while the stage runs: <step>.png."""
    gathers: tuple[Path, ...] = ()
    """Folders that it depends on as a whole, with the files of all phases."""
    kept: str = ""
    """Ends the message of a stage that fails after its work: what is not lost."""

    @property
    def address(self) -> str:
        """DVC's name for it: `prepare`, `train@grow_8`."""
        return f"{self.name}@{self.phase}" if self.phase else self.name


def root() -> Path:
    """The user's repository, even if `dvc exp run --temp` or `--queue` runs the stage in a copy of it."""
    return Path(os.environ.get("DVC_ROOT") or ".").resolve()


def resolved(params: Path) -> dict[str, Any]:
    """The parameters of a file, with defaults filled in. Raises InputError for every mistake in it."""
    return in_full(read_experiment(params))


def in_full(experiment: Experiment) -> dict[str, Any]:
    """The parameters of an experiment as plain values, with defaults filled in."""
    content: dict[str, Any] = experiment.model_dump(mode="json", by_alias=True)
    return content


def identity(parameters: dict[str, Any]) -> str:
    """What identifies an experiment: a digest of all its parameters."""
    return hashlib.sha256(json.dumps(parameters).encode()).hexdigest()[:16]
