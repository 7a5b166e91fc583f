"""What surrounds the work of every stage: checks before and after it, its MLflow run, and its exit code.

Nothing here reaches an output: this module refuses bad parameters, and it watches.  That is why no stage in dvc.yaml
depends on this module, or on the modules that only it uses.  A change here must not trigger a week of retraining.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from pgan.config import EXPECTED, Parameters
from pgan.errors import InputError
from pgan.experiment import Experiment, check_data, check_experiment, check_packages
from pgan.process import begin, user_errors
from stages.checks import places
from stages.tracking.stage import PARAMS, Stage, in_full, root

PYRAMID = Path("data/pyramid")
BEFORE_THE_PYRAMID = ("prepare", "init")
"""Stages that do not depend on `prepare`."""


def phase_argument() -> str:
    """The phase that the stage's command line names."""
    if len(sys.argv) != 2:
        _exit_with_usage(f"{Path(sys.argv[0]).stem} PHASE")
    return sys.argv[1]


def run(stage: Stage, work: Callable[[], None], last: Callable[[], None] = lambda: None) -> None:
    """Run a stage's work. Errors that a user can cause end in one line and an exit code.

    `last` is called when nothing can make the stage fail any more.
    """
    begin()
    if stage.phase is None and len(sys.argv) > 1:
        _exit_with_usage(stage.name)
    try:
        _run(stage, work, last)
    except SystemExit as stop:
        if stop.code == 2 and "DVC_STAGE" in os.environ:  # DVC has deleted the outputs before it started the stage
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
    check_packages(experiment)
    values = in_full(experiment)
    if stage.phase is not None and stage.phase not in values["phases"]:
        raise InputError(f"{PARAMS}: phases has no '{stage.phase}'")
    places.check(Path())
    if stage.name not in BEFORE_THE_PYRAMID:
        _check_data(experiment)
    set_aside(stage.gathers, values["phases"])
    picture = Picture(stage.address, parameters, stage.kept)
    with Tracker(stage, values, root()):
        with _expecting(parameters):
            work()
        picture.check()
    picture.check()  # the tracker may have taken minutes
    last()


def _exit_with_usage(arguments: str) -> NoReturn:
    print(f"usage: python -m stages.{arguments}", file=sys.stderr)
    sys.exit(2)


def _check_data(experiment: Experiment) -> None:
    """Raise InputError where the parameters do not fit the images: before hours of training, not after."""
    from pgan.data.pyramid import count_classes, open_labels

    labels = open_labels(PYRAMID)
    check_data(experiment, len(labels), count_classes(labels), PARAMS)


@contextmanager
def _expecting(parameters: Parameters) -> Iterator[None]:
    """Inside, a command fails where params.yaml has other values than these, even if a launcher starts it."""
    os.environ[EXPECTED] = parameters.expectation()
    try:
        yield
    finally:
        del os.environ[EXPECTED]
