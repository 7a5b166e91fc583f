"""What surrounds every stage: the check of params.yaml, the MLflow run, the exit code, and that nothing was edited.

Nothing here reaches an output: it refuses bad parameters, and it watches.  That is why dvc.yaml names this module, and
those that only it uses, among no stage's dependencies: a change here must not train for a week again.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgan.config import EXPECTED, Parameters
from pgan.errors import InputError, user_errors
from pgan.experiment import Experiment, check_data, check_experiment, read_experiment
from pgan.terminal import begin
from stages import places

PARAMS = Path("params.yaml")
PYRAMID = Path("data/pyramid")


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
    return _plain(read_experiment(params))


def _plain(experiment: Experiment) -> dict[str, Any]:
    content: dict[str, Any] = experiment.model_dump(mode="json", by_alias=True)
    return content


def phase_argument() -> str:
    """The phase that the stage's command line names."""
    if len(sys.argv) != 2:
        print(f"usage: python -m stages.{Path(sys.argv[0]).stem} PHASE", file=sys.stderr)
        sys.exit(2)
    return sys.argv[1]


def run(stage: Stage, work: Callable[[], None], last: Callable[[], None] = lambda: None) -> None:
    """Run a stage's work under its MLflow run; what a user can cause ends in one line and an exit code.

    `last` is called when nothing can make the stage fail any more.
    """
    begin()
    if stage.phase is None and len(sys.argv) > 1:
        print(f"usage: python -m stages.{stage.name}", file=sys.stderr)
        sys.exit(2)
    try:
        _run(stage, work, last)
    except SystemExit as stop:
        if stop.code == 2 and "DVC_STAGE" in os.environ:
            print("note: what the stage had made before is not lost: `dvc checkout` brings it back", file=sys.stderr)
        raise
    sys.stdout.flush()


@user_errors
def _run(stage: Stage, work: Callable[[], None], last: Callable[[], None]) -> None:
    from stages.leftovers import set_aside
    from stages.picture import Picture
    from stages.tracking import Tracker

    parameters = Parameters.read(PARAMS)
    experiment = check_experiment(parameters.content, PARAMS)
    values = _plain(experiment)
    if stage.phase is not None and stage.phase not in values["phases"]:
        raise InputError(f"{PARAMS}: phases has no '{stage.phase}'")
    places.check(Path())
    if stage.name not in ("prepare", "init"):  # the others come after `prepare`
        _check_data(experiment)
    set_aside(stage.gathers, values["phases"])
    picture = Picture(stage.address, parameters, stage.kept)
    with Tracker(stage, values, root()):
        with _expecting(parameters):
            work()
        picture.check()
    picture.check()  # the tracker may have taken minutes
    last()


@contextmanager
def _expecting(parameters: Parameters) -> Iterator[None]:
    """Inside, commands must find the same in the parameter file, also those that a launcher starts."""
    os.environ[EXPECTED] = parameters.expectation()
    try:
        yield
    finally:
        del os.environ[EXPECTED]


def _check_data(experiment: Experiment) -> None:
    """Refuse parameters that do not fit the images that are there, before hours of training, not after."""
    from pgan.data.pyramid import count_classes, open_labels

    labels = open_labels(PYRAMID)  # which every one of these stages depends on
    check_data(experiment, len(labels), count_classes(labels), PARAMS)
