"""How fast this machine trains: a few real steps of a phase."""

import time
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch

from pgan.networks import checkpoint
from pgan.networks.config import Networks
from pgan.networks.sampling import pick_device
from pgan.phases import Phase
from pgan.planning.memory import forget_peak, host_peak, peak
from pgan.training.config import Training
from pgan.training.job import Job
from pgan.training.loop import PhaseRun
from pgan.training.memory import keep_freed_memory, memory_errors

WARM_UP = 2
"""Steps that are not counted: the first ones allocate memory. Of slow steps, only the first."""
FEWEST_STEPS, SECONDS = 3, 0.8
"""Steps that are counted, until so much time has passed."""
PATIENCE = 5.0
"""Seconds after which two steps are enough."""

Data = tuple[np.ndarray, np.ndarray]
"""Images (N, C, r, r) uint8 and labels (N,) int64; they may be memory maps."""


@dataclass(frozen=True)
class Speed:
    """Of a phase."""

    images_per_second: float
    """Real images shown to the critic."""
    bytes: int
    """Memory that training takes: of the device, or on a CPU what this process grew by. 0: less than it had already."""
    host: int = 0
    """Memory of the host that the process takes in all, in bytes."""


def measure(networks: Networks, training: Training, phase: Phase, device: str, data: Data | None = None) -> Speed:
    """Train a few steps of a phase, on its own data or on random images.

    Compiled code is not measured: compiling takes longer than this may take.

    Raises:
        RunError: out of memory.
        InputError: no such device.
    """
    place, r = pick_device(device), phase.resolution
    keep_freed_memory()
    before = forget_peak(place)
    with memory_errors(f"a batch of {phase.batch} at {r}×{r} pixels", "take a lower batch or resolution"):
        run = _run(networks, training, phase, place, data or _random(networks, phase))
        seconds = _step_seconds(run, place)
    return Speed(run.schedule.images_per_step / seconds, max(0, peak(place) - before), host_peak())


def _run(networks: Networks, training: Training, phase: Phase, device: torch.device, data: Data) -> PhaseRun:
    parent = checkpoint.fresh(networks, phase.resolution // 2 if phase.kind == "grow" else phase.resolution, 0)
    settings = training.model_copy(update={"compile": "never"})
    return PhaseRun(Job("measured", phase, settings, 0, *data), parent, device)


def _random(networks: Networks, phase: Phase) -> Data:
    shape = (2 * phase.batch, networks.channels, phase.resolution, phase.resolution)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return images, np.arange(len(images)) % max(1, networks.classes)


def _step_seconds(run: PhaseRun, device: torch.device) -> float:
    """Seconds of one step, the median of several."""
    times: list[float] = []
    while not _enough(times):
        start = time.perf_counter()
        run.step.run(run.draws, len(times))
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return median(times[min(WARM_UP, len(times) // 2) :])


def _enough(times: list[float]) -> bool:
    counted = times[WARM_UP:]
    patient = len(counted) >= FEWEST_STEPS and sum(counted) >= SECONDS
    return patient or (len(times) >= 2 and sum(times) >= PATIENCE)
