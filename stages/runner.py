"""What surrounds every stage: the check of params.yaml, the MLflow run, the exit code, and that nothing was edited.

Nothing here reaches an output: it refuses bad parameters, and it watches.  That is why dvc.yaml names this module, and
those that only it uses, among no stage's dependencies: a change here must not train for a week again.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pgan.config import EXPECTED, Parameters
from pgan.errors import InputError
from pgan.experiment import Experiment, check_data, check_experiment
from pgan.process import begin, user_errors
from stages.checks import places
from stages.tracking.stage import PARAMS, Stage, in_full, root

PYRAMID = Path("data/pyramid")


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
    from stages.checks.leftovers import set_aside
    from stages.checks.picture import Picture
    from stages.tracking.tracker import Tracker

    parameters = Parameters.read(PARAMS)
    experiment = check_experiment(parameters.content, PARAMS)
    values = in_full(experiment)
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
