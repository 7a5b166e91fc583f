"""All metrics of one generator, from one set of generated images."""

import sys
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name

import torch

from pgan.data.pyramid import Meta, read_meta
from pgan.errors import InputError, shown
from pgan.metric_table import METRICS, Metric, defined
from pgan.metrics.classifier import FEATURES
from pgan.metrics.config import Evaluate, Features
from pgan.metrics.digit_channels import has_modes
from pgan.metrics.feature_space import open_extractor, read_space, real_features
from pgan.metrics.labels import class_frequencies, proportional_labels
from pgan.metrics.nearest_reals import Nearest, nearest_reals, nothing
from pgan.metrics.progress import counted
from pgan.metrics.reals import Reals
from pgan.metrics.sample import Sample
from pgan.metrics.sizes import Sizes, biased_features, biased_swd, images_needed, impossible
from pgan.metrics.spool import spool
from pgan.metrics.uncertainty import jackknife
from pgan.networks.network import Generator
from pgan.networks.sampling import sample_images


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What was found."""

    metrics: dict[str, float]
    """By name."""
    nearest: Nearest
    """Generated images beside the training images nearest to them, with the metric `memorisation`."""


def evaluate_generator(
    generator: Generator,
    reals: Reals,
    params: Evaluate,
    features: Features,
    seed: int,
    device: torch.device,
    scratch: Path,
) -> Evaluation:
    """The metrics that `params` lists and that are defined at this resolution and in this feature space.

    A conditional generator is asked for each class as often as the data have it.  Where there are too few images for a
    metric, `<metric>_biased` is 1 and a line on stderr says why.  Metrics that are left out are named there, too.

    Args:
        generator: the EMA generator, at the phase's resolution.
        features: the section `features`, to find the feature network.
        seed: of everything that is drawn.
        scratch: a folder for unnamed temporary files: the generated images, and the patches of the SWD.

    Raises:
        InputError: generator, pyramid and features do not fit together, or a metric has no meaning for so few images.
    """
    meta = read_meta(reals.pyramid)
    _check_fit(generator, reals, meta, params, features)
    extractor = open_extractor(reals.features, features, device)
    target = params.target_resolution or meta.levels[-1]
    if extractor and "frechet" in params.metrics:
        real_features(reals.features, target)  # a missing level is found before the work, not after
    possible = defined(params.metrics, generator.resolution, has_features=extractor is not None)
    _say_what_is_left_out(params, features, generator.resolution)
    if not possible:
        return Evaluation({}, nothing(generator, params))
    total = max(images_needed(metric.name, params, meta.count) for metric in possible)
    frequencies = class_frequencies(reals.pyramid, meta)
    labels = proportional_labels(frequencies, total) if generator.classes else None
    sampled = sample_images(generator, total, seed, "evaluate", params.batch, device, labels)
    generated = spool(counted(sampled, total, f"generate, {generator.resolution} pixels"), scratch)
    sample = Sample(
        generated, labels, reals, meta, frequencies, params, target, seed, scratch, extractor, features.batch
    )
    measured = [metric for metric in possible if metric.needs != "classes" or features.space == "classifier"]
    found: dict[str, float] = {}
    for metric in measured:
        found |= measure(metric, sample)
    copies = "memorisation" in (metric.name for metric in measured)
    nearest = nearest_reals(sample, features) if copies else nothing(generator, params)
    return Evaluation(found | _flags(sample, measured), nearest)


def measure(metric: Metric, sample: Sample) -> dict[str, float]:
    """The metric's values, and their standard errors where these are computed for it."""
    compute = resolve_name(metric.compute)
    values: dict[str, float] = compute(sample)
    if not metric.jackknife:
        return values
    return values | jackknife(compute, sample, [value.name for value in metric.values if value.name in values])


def _check_fit(generator: Generator, reals: Reals, meta: Meta, params: Evaluate, features: Features) -> None:
    """Whether generator, pyramid, features and parameters fit together. Raises InputError."""
    for key, reason in impossible(params, features, meta.count):
        raise InputError(f"{key}: {reason}")
    if mismatch := generator.config.class_problem(len(meta.classes)):
        raise InputError(f"{reals.pyramid}: the generator's classes are {mismatch}, and train again")
    if generator.channels != meta.channels:
        raise InputError(
            f"{reals.pyramid}: images of {meta.channels} channels, but the generator makes {generator.channels}"
        )
    if generator.resolution not in meta.levels:
        raise InputError(f"{reals.pyramid}: no level of {generator.resolution} pixels, the generator's resolution")
    if "modes" in params.metrics and not has_modes(meta):
        raise InputError(
            f"evaluate.metrics: 'modes' counts the digits of source mnist-rgb, but {reals.pyramid} is of source "
            f"{shown(meta.source)}; leave it out"
        )
    try:
        generator.config.check_batch(generator.resolution, params.batch)
    except ValueError as error:
        raise InputError(f"evaluate.batch: {error}") from None
    if read_space(reals.features).channels != meta.channels:
        raise InputError(f"{reals.features}: made of images of other channels than {reals.pyramid}; {FEATURES}")


def _say_what_is_left_out(params: Evaluate, features: Features, resolution: int) -> None:
    """A line on stderr for the metrics that are asked for and not defined here."""
    rows = {metric.name: metric for metric in METRICS}
    asked = [rows[name] for name in params.metrics]
    without = {"none": ("features", "classes"), "classifier": ()}.get(features.space, ("classes",))
    _say(f"as features.space is {features.space}", [metric for metric in asked if metric.needs in without])
    small = [metric for metric in asked if resolution < metric.smallest]
    _say(f"as they are not defined at {resolution} pixels", small)


def _say(reason: str, left_out: list[Metric]) -> None:
    if left_out:
        print(f"note: left out, {reason}: {', '.join(metric.name for metric in left_out)}", file=sys.stderr)


def _flags(sample: Sample, measured: list[Metric]) -> dict[str, float]:
    """`<metric>_biased` for each metric with too few images, after a line on stderr that says why."""
    params, names, biased = sample.params, {metric.name for metric in measured}, {}
    if any(metric.needs != "images" for metric in measured):
        classes = sample.probabilities.shape[1] if names & {"inception_score", "modes"} else 0
        real = sample.real_features
        sizes = Sizes(len(real), real.shape[1], classes, sample.rarest)
        biased = biased_features(params, names & {"classes", "modes"}, sizes)
    if "swd" in names:
        biased |= biased_swd(params, sample.meta.count)
    for name, reason in biased.items():
        print(f"note: {name} is biased: {reason}", file=sys.stderr)
    return {f"{name}_biased": 1.0 for name in biased}
