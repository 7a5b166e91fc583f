"""A stage as tracking and the runner know it: what it is, where it runs, and which experiment it belongs to."""

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
    """CSV file that grows while it runs."""
    gathers: tuple[Path, ...] = ()
    """Folders that it depends on as a whole: of all phases, and of no others."""
    kept: str = ""
    """What is not lost when it fails in the end, as a message says it."""

    @property
    def address(self) -> str:
        """As DVC calls it: `prepare`, `train@grow_8`."""
        return f"{self.name}@{self.phase}" if self.phase else self.name


def root() -> Path:
    """The user's repository, also when `dvc exp run --temp` or `--queue` runs the stage in a copy of it."""
    return Path(os.environ.get("DVC_ROOT") or ".").resolve()


def resolved(params: Path) -> dict[str, Any]:
    """The parameters of a file as they hold, defaults filled in. Raises InputError for every mistake in it."""
    return in_full(read_experiment(params))


def in_full(experiment: Experiment) -> dict[str, Any]:
    """Its parameters as plain values, defaults filled in."""
    content: dict[str, Any] = experiment.model_dump(mode="json", by_alias=True)
    return content


def identity(parameters: dict[str, Any]) -> str:
    """Of an experiment: a digest of all its parameters."""
    return hashlib.sha256(json.dumps(parameters).encode()).hexdigest()[:16]
