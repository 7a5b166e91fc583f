"""From findings and wishes to a whole parameter file."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pgan.errors import InputError, readable
from pgan.experiment import check_data, check_experiment
from pgan.networks.progressive import Progressive
from pgan.new_experiment.budget import Plan, plan
from pgan.new_experiment.decision import Decision, values
from pgan.new_experiment.findings import Findings
from pgan.new_experiment.metrics_section import FeatureSpeed, Measuring, SpeedOf, measuring, metrics_decisions
from pgan.new_experiment.overhead import overhead
from pgan.new_experiment.pace import SMALLEST_BATCH, Pace
from pgan.new_experiment.phases_section import phases, training_seconds
from pgan.new_experiment.prepare_section import Kept, kept, prepare_decisions
from pgan.new_experiment.sizes import Size, candidates, why_not_larger
from pgan.new_experiment.training_section import (
    augmentation,
    classes,
    columns_of_grid,
    fmap_base,
    latent_size,
    network_decisions,
    step_decisions,
    training_decisions,
)
from pgan.new_experiment.wishes import Wishes
from pgan.new_experiment.writing import base, parameter_file
from pgan.planning.memory import free_memory
from pgan.planning.quantities import duration
from pgan.planning.quantities import size as in_words
from pgan.planning.rates import classifier_per_second, features_per_second
from pgan.prepare.level_files import levels_bytes
from pgan.untrusted.strict_yaml import parse

FEWEST = 16
"""Different images without which nothing is proposed: one batch."""
SHOWN = (
    *("prepare.resolution", "prepare.base", "prepare.channels", "prepare.labels", "prepare.fit", "prepare.background"),
    *("prepare.allow_upscale", "prepare.max_skipped", "networks.classes", "networks.latent_size", "networks.fmap_max"),
    *("training.mirror", "training.diff_augment", "batch", "lr", "features.space", "evaluate.metrics"),
)
"""Decisions that the console shows, unless they go without saying; the file has them all."""
PICTURE = 256
"""Pixels per side of an image in a picture, at most."""


@dataclass(frozen=True)
class Proposal:
    """A parameter file, and how long it will take."""

    text: str
    decisions: list[Decision]
    planned: Plan
    training: float
    """Seconds."""
    rest: float
    """Seconds of everything else."""
    scaled: bool
    """Not every resolution was measured."""

    def lines(self) -> Iterator[str]:
        """What was decided and why, for the console."""
        by_key = {decision.key: decision for decision in self.decisions}
        for decision in (by_key[key] for key in SHOWN):
            if not decision.is_plain:
                yield readable(f"{decision.key}: {_plain(decision.value)} ({decision.reason})")
        total = sum(self.planned.kimg.values())
        guess = " (the slowest resolutions are estimated, not measured)" if self.scaled else ""
        yield (
            f"plan: {len(self.planned.kimg)} phases, {total:,.3g} kimg: {duration(self.training)} of training, "
            f"{duration(self.rest)} for the rest, {duration(self.training + self.rest)} in all{guess}"
        )


def propose(found: Findings, wishes: Wishes, *, device: str, look_per_second: float, where: Path, by: str) -> Proposal:
    """Decide everything.

    Args:
        device: that will train.
        look_per_second: images that could be looked at each second.
        where: the parameter file, for messages.
        by: the command line.

    Raises:
        InputError: too few images, a wish that cannot be met, or too little time, memory or room on the disk.
    """
    _check_enough(found)
    sizes = candidates(found, wishes)
    left_of = cache(lambda size: kept(found, size, wishes))  # it looks through all images
    channels = wishes.channels or (1 if found.is_grey else 3)
    _check_batch(left_of(sizes[0]), wishes)
    pace = _pace(left_of(sizes[0]), sizes[0], channels, device, wishes)
    speed_of = _feature_speed(channels, device)

    def how(size: Size) -> Measuring:
        return measuring(found, left_of(size), size, speed_of, wishes)

    def rest(size: Size) -> float:
        return overhead(size, left_of(size).count, how(size), look_per_second)

    planned = plan(sizes, why_not_larger(found, sizes[-1], wishes), pace, rest, wishes)
    size = planned.size
    left = left_of(size)
    _check_room(size, left.count, channels)
    decisions = [
        *prepare_decisions(found, left, size, planned.why_resolution, wishes),
        *network_decisions(found, left, planned, channels, wishes),
        *training_decisions(found, left, planned, wishes),
        *metrics_decisions(left, how(size), size, wishes),
    ]
    steps = step_decisions(pace, planned, wishes)
    decisions += _pictures(decisions, size)
    training = training_seconds(planned.kimg, size.levels, planned.images_per_second)
    scaled = any(pace.was_scaled(planned.width, level) for level in size.levels)
    speeds = ", ".join(f"{level}×{level} {speed:,.0f}" for level, speed in planned.images_per_second.items())
    about = [f"{duration(training)} of training at the measured speeds in images/s: {speeds}"]
    about += [f"{step.key}: {step.reason}" for step in steps]
    headline = f"{left.count:,} images, up to {size.resolution}×{size.resolution} pixels: proposed by `{by}`."
    section = phases(size.levels, planned.kimg, pace.batches(planned.width, size.levels), values(steps)["lr"])
    text = parameter_file(headline, decisions, section, about)
    experiment = check_experiment(parse(text), where)
    check_data(experiment, left.count, len(left.class_counts), where)
    return Proposal(text, [*decisions, *steps], planned, training, rest(size), scaled)


def _check_enough(found: Findings) -> None:
    path = found.opened.path
    if found.count == 0:
        raise InputError(f"{path}: not one image can be used; see the reasons above")
    if found.are_all_alike:
        raise InputError(f"{path}: all {found.count} images are the same; add different ones")
    if found.distinct < FEWEST:
        what = "1 image" if found.count == 1 else f"{found.count} images"
        differ = f", {found.distinct} of them different" if found.distinct < found.count else ""
        raise InputError(
            f"{path}: {what}{differ}: training needs {FEWEST} at least, and hundreds to learn more than copies; "
            "add images"
        )


def _check_batch(left: Kept, wishes: Wishes) -> None:
    """Raise InputError where a step would show images twice: what was meant is a smaller number."""
    if wishes.batch is not None and wishes.batch > left.count:
        most = left.count // SMALLEST_BATCH * SMALLEST_BATCH
        raise InputError(f"--batch {wishes.batch}: more than the {left.count:,} images; take {most} at most")


def _pace(left: Kept, size: Size, channels: int, device: str, wishes: Wishes) -> Pace:
    labels = classes(left, wishes).value
    augment = augmentation(left, wishes).value
    networks = base().networks.model_dump()

    def of_width(width: int) -> Progressive:
        changed = {
            "base_size": size.base,
            "channels": channels,
            "classes": labels,
            "latent_size": latent_size(width, wishes),
            "fmap_base": fmap_base(width),
            "fmap_max": width,
        }
        return Progressive.model_validate(networks | changed)

    training = base().training.model_copy(update={"diff_augment": augment})
    return Pace(of_width, training, device, wishes.batch, free_memory(device))


def _feature_speed(channels: int, device: str) -> SpeedOf:
    """Measures feature networks here, each once."""

    @cache
    def imagenet() -> FeatureSpeed:
        return FeatureSpeed(features_per_second(device))

    @cache
    def classifier(resolution: int, batch: int) -> FeatureSpeed:
        params = base().features.classifier.model_copy(update={"resolution": resolution, "batch": batch})
        trained, used = classifier_per_second(params, channels, 2, device)
        return FeatureSpeed(used, trained)

    def speed_of(space: str, resolution: int, batch: int) -> FeatureSpeed:
        if space == "classifier":
            return classifier(resolution, batch)
        return imagenet() if space == "imagenet" else FeatureSpeed()

    return speed_of


def _pictures(decisions: list[Decision], size: Size) -> list[Decision]:
    rows, columns = columns_of_grid(values(decisions)["training.samples"])
    return [
        Decision("render.rows", rows, ""),
        Decision("render.columns", columns, ""),
        Decision("render.tile", min(PICTURE, max(48, size.resolution)), ""),
    ]


def _check_room(size: Size, count: int, channels: int) -> None:
    """Raise InputError where the disk cannot hold the pyramid: better now than after the preparation."""
    needed = levels_bytes(count, channels, size.levels)
    place = Path("data") if Path("data").is_dir() else Path()
    free = shutil.disk_usage(place).free
    if needed > free:
        lower = f"--resolution {size.resolution // 2} or " if len(size.levels) > 2 else ""
        raise InputError(
            f"{os.path.abspath(place)}: the pyramid of {count:,} images at {size.resolution} pixels needs "
            f"{in_words(needed)}, but {in_words(free)} are free; make room, or take {lower}--max-images"
        )


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "all" if value is None else str(value)
