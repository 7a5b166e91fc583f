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
from pgan.new_experiment.metrics_section import Measuring, feature_space, measuring, metrics_decisions
from pgan.new_experiment.overhead import overhead
from pgan.new_experiment.pace import Pace
from pgan.new_experiment.phases_section import phases, training_seconds
from pgan.new_experiment.prepare_section import Kept, kept, prepare_decisions
from pgan.new_experiment.sizes import Size, candidates
from pgan.new_experiment.training_section import (
    augmentation,
    classes,
    columns_of_grid,
    fmap_base,
    latent_size,
    lr,
    network_decisions,
    training_decisions,
)
from pgan.new_experiment.wishes import Wishes
from pgan.new_experiment.writing import BASE, parameter_file
from pgan.planning.duration import duration
from pgan.planning.memory import free_memory
from pgan.planning.rates import features_per_second
from pgan.prepare.level_files import levels_bytes
from pgan.presets.catalogue import read_preset
from pgan.presets.checked import experiment_of
from pgan.untrusted.strict_yaml import parse

FEWEST = 16
"""Different images without which nothing is proposed: one batch."""
UNMEASURED = 50.0
"""Features of the space `imagenet` each second, where they are not measured because they are not used."""
SHOWN = (
    *("prepare.resolution", "prepare.base", "prepare.channels", "prepare.labels", "prepare.fit", "prepare.background"),
    *("prepare.allow_upscale", "prepare.max_skipped", "networks.classes", "networks.latent_size", "networks.fmap_max"),
    *("training.mirror", "training.diff_augment", "features.space", "evaluate.metrics"),
)
"""Decisions that the console shows; the file has them all."""
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
        for decision in self.decisions:
            if decision.key in SHOWN:
                yield readable(f"{decision.key}: {_plain(decision.value)} ({decision.reason})")
        total = sum(self.planned.kimg.values())
        guess = "; the slowest resolutions were not measured, but estimated" if self.scaled else ""
        yield (
            f"plan: {len(self.planned.kimg)} phases, {total:,.3g} kimg; {duration(self.training)} of training and "
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
    pace = _pace(left_of(sizes[0]), sizes[0], channels, device, wishes)
    per_second = _features_per_second(found, left_of(sizes[0]), device, wishes)

    def how(size: Size) -> Measuring:
        return measuring(found, left_of(size), size, per_second, wishes)

    def rest(size: Size) -> float:
        return overhead(size, left_of(size).count, how(size), per_second, look_per_second)

    planned = plan(sizes, pace, rest, wishes)
    size = planned.size
    left = left_of(size)
    _check_room(size, left.count, channels)
    decisions = [
        *prepare_decisions(found, left, size, planned.why_resolution, wishes),
        *network_decisions(found, left, planned, channels, wishes),
        *training_decisions(found, left, planned, wishes),
        *metrics_decisions(left, how(size), size),
    ]
    decisions += _pictures(decisions, size)
    batches = {level: pace.batch_for(planned.width, level) for level in size.levels}
    training = training_seconds(planned.kimg, size.levels, planned.images_per_second)
    scaled = any(pace.was_scaled(planned.width, level) for level in size.levels)
    speeds = ", ".join(f"{level}×{level} {speed:,.0f}" for level, speed in planned.images_per_second.items())
    about = f"{duration(training)} of training at the measured speeds in images/s: {speeds}"
    headline = f"{left.count:,} images, up to {size.resolution}×{size.resolution} pixels: proposed by `{by}`."
    text = parameter_file(headline, decisions, phases(size.levels, planned.kimg, batches, lr(wishes)), about)
    experiment = check_experiment(parse(text), where)
    check_data(experiment, left.count, len(left.class_counts), where)
    return Proposal(text, decisions, planned, training, rest(size), scaled)


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


def _pace(left: Kept, size: Size, channels: int, device: str, wishes: Wishes) -> Pace:
    base = experiment_of(read_preset(BASE))
    labels = classes(left, wishes).value
    augment = augmentation(left, wishes).value
    networks = base.networks

    def of_width(width: int) -> Progressive:
        changed = {
            "base_size": size.base,
            "channels": channels,
            "classes": labels,
            "latent_size": latent_size(width, wishes),
            "fmap_base": fmap_base(width),
            "fmap_max": width,
        }
        return Progressive.model_validate(networks.model_dump() | changed)

    training = base.training.model_copy(update={"diff_augment": augment})
    return Pace(of_width, training, device, wishes.batch, free_memory(device))


def _features_per_second(found: Findings, left: Kept, device: str, wishes: Wishes) -> float:
    space, _ = feature_space(found, left, wishes)
    return features_per_second(device) if space == "imagenet" else UNMEASURED


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
        raise InputError(
            f"{os.path.abspath(place)}: the pyramid of {count:,} images at {size.resolution} pixels needs "
            f"{needed / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free; make room, or take --resolution "
            f"{size.resolution // 2} or --max-images"
        )


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "all" if value is None else str(value)
