"""How fast this machine trains: a few real steps at each resolution."""

import resource
import sys
import time
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch

from pgan.networks import checkpoint
from pgan.networks.progressive import Progressive
from pgan.networks.sampling import pick_device
from pgan.phases import Phase
from pgan.training.config import Training
from pgan.training.job import Job
from pgan.training.loop import PhaseRun
from pgan.training.memory import keep_freed_memory, memory_errors

WARM_UP = 2
"""Steps that are not counted: the first ones allocate memory."""
FEWEST_STEPS, SECONDS = 3, 0.8
"""Steps that are counted, until so much time has passed."""


@dataclass(frozen=True)
class Speed:
    """Of a phase."""

    images_per_second: float
    """Real images shown to the critic."""
    bytes: int
    """Memory that training takes: of the device, or on a CPU what this process grew by. 0: less than it had already."""


def measure(networks: Progressive, training: Training, resolution: int, batch: int, device: str) -> Speed:
    """Train a few steps of a phase of that resolution, on random images; fading in, where it is not the first.

    Compiled code is not measured: compiling takes longer than this may take.

    Raises:
        RunError: out of memory.
        InputError: no such device.
    """
    place = pick_device(device)
    keep_freed_memory()
    if place.type == "cuda":
        torch.cuda.reset_peak_memory_stats(place)
    before = _peak(place)
    with memory_errors(
        f"a batch of {batch} at {resolution}×{resolution} pixels", "take a lower --batch or --resolution"
    ):
        run = _run(networks, training, resolution, batch, place)
        seconds = _step_seconds(run, place)
        memory = _peak(place) - before * (place.type != "cuda")
    return Speed(run.schedule.images_per_step / seconds, memory)


def _run(networks: Progressive, training: Training, resolution: int, batch: int, device: torch.device) -> PhaseRun:
    grows = resolution > networks.first_resolution
    phase = Phase.model_validate(
        {
            "from": "init",
            "kind": "grow" if grows else "stabilize",
            "resolution": resolution,
            "kimg": 1000.0,
            "batch": batch,
            "lr": 0.001,
        }
    )
    parent = checkpoint.fresh(networks, resolution // 2 if grows else resolution, 0)
    images = np.random.default_rng(0).integers(
        0, 256, (2 * batch, networks.channels, resolution, resolution), dtype=np.uint8
    )
    labels = np.arange(len(images)) % max(1, networks.classes)
    settings = training.model_copy(update={"compile": "never"})
    return PhaseRun(Job("measured", phase, settings, 0, images, labels), parent, device)


def _step_seconds(run: PhaseRun, device: torch.device) -> float:
    """Seconds of one step, the median of several."""
    times: list[float] = []
    number = 0
    while len(times) < FEWEST_STEPS or sum(times) < SECONDS:
        start = time.perf_counter()
        run.step.run(run.draws, number)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        number += 1
        if number > WARM_UP:
            times.append(time.perf_counter() - start)
    return median(times)


def _peak(device: torch.device) -> int:
    """Bytes."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
