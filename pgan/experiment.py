"""params.yaml as a whole: every section, and what must hold between them."""

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import Field, SerializeAsAny

from pgan.config import Parameters, Section, validate
from pgan.errors import SEPARATOR, InputError
from pgan.extras import require
from pgan.metrics.config import IMAGENET_PACKAGE, Evaluate, Features
from pgan.metrics.sizes import classifier_problem, impossible
from pgan.networks.architectures import check_resolution
from pgan.networks.config import Init, Networks
from pgan.networks.fixed import Fixed
from pgan.networks.progressive import Progressive
from pgan.phases import ROOT, Phase, Problem, chain_problems
from pgan.prepare.config import Prepare
from pgan.process import user_errors
from pgan.rendering.config import Render
from pgan.training.config import Training, phase_problems


class Experiment(Section):
    """All parameters of an experiment."""

    seed: int = Field(ge=0)
    """Everything random follows from it."""
    prepare: Prepare
    networks: SerializeAsAny[Networks]
    """Of the architecture that it names, with all of its keys."""
    init: Init
    training: Training
    phases: dict[str, Phase] = Field(min_length=1)
    """Name → phase, parents before children."""
    features: Features
    evaluate: Evaluate
    render: Render


def read_experiment(path: Path) -> Experiment:
    """A parameter file, checked as a whole.

    Raises:
        InputError: naming the file and every key that is unknown, missing, of a wrong type, or impossible.
    """
    return check_experiment(Parameters.read(path).content, path)


def check_experiment(content: dict[str, Any], path: Path) -> Experiment:
    """The content of a parameter file, checked in the same way; errors name `path`."""
    experiment = validate(content, Experiment, path)
    problems = [f"{path}: {key}: {reason}" for key, reason in _problems(experiment)]
    if problems:
        raise InputError(SEPARATOR.join(problems))
    return experiment


def _problems(e: Experiment) -> list[Problem]:
    """What is impossible between the sections: pairs of (key, reason)."""
    problems = _phase_problems(e)
    if e.prepare.path is None:
        problems.append(("prepare.path", "null, but DVC watches it: name what is there, such as 'data/raw'"))
    if isinstance(e.networks, Progressive) and e.networks.base_size != e.prepare.base:
        reason = f"{e.networks.base_size}, but prepare.base is {e.prepare.base}; make them equal"
        problems.append(("networks.base_size", reason))
    if isinstance(e.networks, Fixed) and e.networks.size not in e.prepare.levels:
        reason = f"{e.networks.architecture} has {e.networks.size} pixels, no level of the pyramid {e.prepare.levels}; "
        reason += "change prepare.resolution or prepare.base"
        problems.append(("networks.architecture", reason))
    if e.networks.channels != e.prepare.channels:
        reason = f"{e.networks.channels}, but prepare.channels is {e.prepare.channels}; make them equal"
        problems.append(("networks.channels", reason))
    if e.networks.classes and not e.prepare.labels:
        reason = f"{e.networks.classes}, but prepare.labels is false; set that to true, or this to 0"
        problems.append(("networks.classes", reason))
    elif mismatch := e.networks.class_problem(e.prepare.known_classes or e.networks.classes):
        problems.append(("networks.classes", mismatch))
    if e.features.space == "classifier" and not e.prepare.labels:
        reason = "'classifier' is trained on labels, but prepare.labels is false; take 'imagenet', which needs none"
        problems.append(("features.space", reason))
    if "attributes" in e.evaluate.metrics and e.prepare.source != "avatars":
        reason = f"'attributes' needs prepare.source 'avatars', but that is '{e.prepare.source}'; leave it out"
        problems.append(("evaluate.metrics", reason))
    if "modes" in e.evaluate.metrics and e.prepare.source != "mnist-rgb":
        reason = (
            f"'modes' counts the digits of prepare.source 'mnist-rgb', but that is '{e.prepare.source}'; leave it out"
        )
        problems.append(("evaluate.metrics", reason))
    problems += impossible(e.evaluate, e.features, None)
    target = e.evaluate.target_resolution
    if target is not None and target not in e.prepare.levels:
        reason = f"{target} is no level of the pyramid {e.prepare.levels}; take one of them, or null for the last"
        problems.append(("evaluate.target_resolution", reason))
    return problems


def check_data(e: Experiment, count: int, classes: int, path: Path) -> None:
    """What can be known once the data are there, before anything is trained on them.

    Args:
        count: images in the pyramid.
        classes: of them; 0 without labels.
        path: of the parameter file.

    Raises:
        InputError: naming every key that cannot be right with these data.
    """
    problems = impossible(e.evaluate, e.features, count)
    if e.prepare.source != "mnist-rgb":  # it has three digits an image; the last of its 1000 classes may be missing
        if reason := e.networks.class_problem(classes):
            problems.append(("networks.classes", reason))
        if e.features.space == "classifier" and (problem := classifier_problem(e.features.classifier, count)):
            problems.append(problem)
    if problems:
        raise InputError(SEPARATOR.join(f"{path}: {key}: {reason}" for key, reason in problems))


def check_packages(e: Experiment) -> None:
    """Raise RunError where an optional package that the parameters need is missing: before training, not after."""
    if e.features.space == "imagenet":
        require(IMAGENET_PACKAGE, "imagenet", "features.space imagenet")


def _phase_problems(e: Experiment) -> list[Problem]:
    """What is impossible about the phases: names, the chain, resolutions, batches."""
    try:
        resolutions = {ROOT: e.init.size(e.networks)}
        check_resolution(e.networks, resolutions[ROOT])
    except ValueError as error:
        return [("init.resolution", str(error))]
    problems = chain_problems(e.phases)
    for name, phase in e.phases.items():
        key = f"phases.{name}"
        if phase.from_ in resolutions:
            found = phase_problems(phase, e.networks, resolutions[phase.from_])
            problems += [(f"{key}.{field}", reason) for field, reason in found]
        if phase.resolution > e.prepare.resolution:
            reason = f"{phase.resolution} exceeds prepare.resolution = {e.prepare.resolution}; raise that"
            problems.append((f"{key}.resolution", reason))
        resolutions[name] = phase.resolution
    return problems


@user_errors
def check(params: Annotated[Path, typer.Option(help="The parameter file.")] = Path("params.yaml")) -> None:
    """Check a parameter file without running anything.

    Example: pgan check --params mine.yaml
    """
    experiment = read_experiment(params)
    for key in ("path", "labels_path"):
        path = getattr(experiment.prepare, key)
        if path is not None and not Path(path).exists():
            raise InputError(f"{params}: prepare.{key}: {path} does not exist")
    if experiment.prepare.source == "avatars":
        from pgan.prepare.sources.avatars import check_styles

        try:
            check_styles(experiment.prepare.avatars)
        except InputError as error:
            raise InputError(f"{params}: {error}") from None
    check_packages(experiment)

    from pgan.rendering.curves import check_color

    for name, color in experiment.render.colors:
        check_color(color, f"{params}: render.colors.{name}")
    count = len(experiment.phases)
    typer.echo(
        f"{params}: {count} phase{'s' * (count > 1)}, up to {experiment.prepare.resolution} pixels: no mistakes found"
    )
