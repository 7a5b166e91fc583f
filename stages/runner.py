"""What surrounds every stage: the check of params.yaml, the MLflow run, the exit code.

Nothing here reaches an output: it refuses bad parameters, and it watches.  That is why dvc.yaml names this module and
`tracking` among no stage's dependencies: a change here must not train for a week again.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pgan.errors import PganError, fail
from pgan.experiment import read_experiment

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

    @property
    def address(self) -> str:
        """As DVC calls it: `prepare`, `train@grow_8`."""
        return f"{self.name}@{self.phase}" if self.phase else self.name


def root() -> Path:
    """The user's repository, also when `dvc exp run --temp` or `--queue` runs the stage in a copy of it."""
    return Path(os.environ.get("DVC_ROOT") or ".").resolve()


def run(stage: Stage, work: Callable[[], None]) -> None:
    """Run a stage's work under its MLflow run; what a user can cause ends in one line and an exit code."""
    from stages.tracking import Tracker

    try:
        experiment = read_experiment(PARAMS)
        if stage.phase is not None and stage.phase not in experiment.phases:
            raise PganError(f"{PARAMS}: phases has no '{stage.phase}'")
    except PganError as error:
        fail(error)
    with Tracker(stage, PARAMS, root()):
        work()
    sys.stdout.flush()
