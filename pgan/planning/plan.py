"""The whole graph: what each stage costs, and what will not fit."""

import shutil
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from pgan.data.pyramid import META, count_classes, open_labels, open_level, read_meta
from pgan.errors import InputError
from pgan.experiment import Experiment, check_data
from pgan.networks.sampling import pick_device
from pgan.phases import Phase
from pgan.planning.disk import snapshot_bytes
from pgan.planning.memory import free_memory
from pgan.planning.pace import Pace
from pgan.planning.preparing import Preparing, preparing
from pgan.planning.quantities import size
from pgan.planning.speed import Data
from pgan.planning.stages import Cost, Stages

SECONDS = 25.0
"""For the steps that are measured."""


@dataclass(frozen=True)
class Plan:
    """What is ahead."""

    costs: list[Cost]
    """Of the stages, in the order in which they run; nothing of those that are done."""
    done: AbstractSet[str]
    """Stages that need not run."""
    snapshots: int
    """Bytes, at most, while a phase trains."""
    warnings: list[str]
    """What will not fit, and what to do."""

    @property
    def seconds(self) -> float:
        """Of all stages."""
        return sum(cost.seconds for cost in self.costs)

    @property
    def disk(self) -> int:
        """Bytes of the outputs that are still to be made."""
        return sum(cost.disk for cost in self.costs)


def plan(
    experiment: Experiment, params: Path, pyramid: Path, device: str, workers: int, done: AbstractSet[str] = frozenset()
) -> Plan:
    """Measure this machine with the networks and the images of an experiment.

    Args:
        params: the parameter file, for messages.
        pyramid: its images are read, where it is there.
        workers: processes that prepare.
        done: stages that need not run.

    Raises:
        InputError: the images are not there, or do not fit the parameters; no such device.
        RunError: out of memory.
    """
    place = pick_device(device)
    images = _images(experiment, pyramid, workers, "prepare" in done)
    check_data(experiment, images.count, images.classes, params)
    data = _reader(experiment, pyramid)
    free = free_memory(str(place))
    pace = Pace(experiment.networks, experiment.training, str(place), free, seconds=SECONDS, data=data)
    ahead = {name: phase for name, phase in experiment.phases.items() if f"train@{name}" not in done}
    for phase in sorted(ahead.values(), key=lambda phase: phase.resolution):
        pace.of(phase)
    stages = Stages(experiment, pace, images, place.type)
    costs = [Cost(stage, 0.0) if stage in done else cost() for stage, cost in _costs(stages).items()]
    snapshots = max((snapshot_bytes(experiment.networks, p, experiment.training) for p in ahead.values()), default=0)
    warnings = [warning for name, phase in ahead.items() if (warning := _memory_warning(name, phase, pace, place))]
    warnings += _disk_warning(sum(cost.disk for cost in costs) + snapshots, pyramid)
    return Plan(costs, done, snapshots, warnings)


def _costs(stages: Stages) -> dict[str, Callable[[], Cost]]:
    """What measures each stage, in the order in which they run."""
    phases = stages.experiment.phases.items()
    return {
        "prepare": stages.prepare,
        "init": stages.init,
        **{f"train@{name}": partial(stages.train, name, phase) for name, phase in phases},
        "features": stages.features,
        **{f"evaluate@{name}": partial(stages.evaluate, name, phase) for name, phase in phases},
        "render": stages.render,
    }


def _images(experiment: Experiment, pyramid: Path, workers: int, is_prepared: bool) -> Preparing:
    """What the source holds; of a pyramid that is up to date, what is in it."""
    if is_prepared and (pyramid / META).exists():
        meta = read_meta(pyramid)
        return Preparing(meta.count, len(meta.classes), 0.0)
    return preparing(experiment.prepare, experiment.seed, workers)


def _reader(e: Experiment, pyramid: Path) -> Callable[[int], Data | None]:
    """Opens a level of the pyramid, where it is there and fits the networks."""

    def read(resolution: int) -> Data | None:
        try:
            images, labels = open_level(pyramid, resolution), open_labels(pyramid)
        except InputError:
            return None
        fits = images.shape[1] == e.networks.channels and len(images) == len(labels)
        return (images, labels) if fits and not e.networks.class_problem(count_classes(labels)) else None

    return read


def _memory_warning(name: str, phase: Phase, pace: Pace, place: torch.device) -> str | None:
    if pace.fits(phase):
        return None
    r, part = phase.resolution, phase.batch // phase.accumulate
    memory = f"{size(pace.bytes(r, part))}, but {size(pace.free_memory)} are free on {place}"
    what = f"phases.{name}: {part} images at {r}×{r} pixels need {memory}"
    most, parts = pace.largest_batch(r) * phase.accumulate, pace.fitting_parts(phase)
    if not most:
        return f"{what}; not even one group fits: set training.recompute, or lower {pace.networks.width_key}"
    return f"{what}; the largest batch that fits is {most}{f', or set accumulate: {parts}' if parts else ''}"


def _disk_warning(needed: int, pyramid: Path) -> list[str]:
    folder = next(place for place in (pyramid.absolute(), *pyramid.absolute().parents) if place.is_dir())
    free = shutil.disk_usage(folder).free
    if needed <= free:
        return []
    return [f"{folder}: outputs and snapshots need {size(needed)}, but {size(free)} are free; make room"]
