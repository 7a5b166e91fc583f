"""How fast networks of a width train here at every resolution: measured where that takes seconds, else scaled."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from tqdm import tqdm

from pgan.networks.progressive import Progressive
from pgan.new_experiment.speed import Speed, measure
from pgan.training.config import Training

SLOWEST = 1.5
"""Seconds of a step from which on larger resolutions are not measured, but scaled by the size of their feature maps."""
FIRST_GUESS = 40
"""Bytes of memory for a value in the feature maps of a batch, before anything is measured. Measured: 32 to 36."""
LARGE = 2**26
"""Bytes above which a measured size says something of feature maps rather than of weights and libraries."""
MEMORY_SHARE = 0.6
"""Of the memory that is free: the rest is for the data set, for pictures, and for other programs."""
GPU_BATCH = {4: 128, 8: 128, 16: 128, 32: 64, 64: 32, 128: 16, 256: 8, 512: 4, 1024: 4}
"""Images per step, by the largest resolution that it is for: the official settings for one GPU (preset-v2-1gpu)."""
CPU_BATCH = 16
"""The official settings of the first version, and this project's for CPUs."""
SMALLEST_BATCH = 4
"""A group of the minibatch standard deviation."""


@dataclass
class Pace:
    """Speeds on one device, each measured once."""

    networks: Callable[[int], Progressive]
    """Of a width."""
    training: Training
    device: str
    """Such as cpu or cuda."""
    batch: int | None = None
    """Images per step; None: chosen for each resolution."""
    free_memory: int = 0
    """Bytes, of the device."""
    _speeds: dict[tuple[int, int], Speed] = field(default_factory=dict)
    _batches: dict[tuple[int, int], int] = field(default_factory=dict)
    _guessed: set[tuple[int, int]] = field(default_factory=set)

    def images_per_second(self, width: int, levels: list[int]) -> dict[int, float]:
        """By resolution. Raises as `measure`."""
        return {
            level: self._speed(width, level, levels[:index]).images_per_second for index, level in enumerate(levels)
        }

    def batch_for(self, width: int, resolution: int) -> int:
        """Images per step: as the device's usual, or as many as its memory holds."""
        if self.batch is not None:
            return self.batch
        if (width, resolution) in self._batches:  # what was measured is what is written
            return self._batches[width, resolution]
        usual = CPU_BATCH
        if self.device.startswith("cuda"):
            usual = next((n for size, n in GPU_BATCH.items() if resolution <= size), SMALLEST_BATCH)
        most = MEMORY_SHARE * self.free_memory
        while usual > SMALLEST_BATCH and self._bytes(width, resolution, usual) > most > 0:
            usual //= 2
        return usual

    def fits(self, width: int, resolution: int) -> bool:
        """Whether memory suffices for the batch of a resolution."""
        needed = self._bytes(width, resolution, self.batch_for(width, resolution))
        return not self.free_memory or needed <= self.free_memory

    def was_scaled(self, width: int, resolution: int) -> bool:
        """Whether the speed at a resolution was not measured itself."""
        return (width, resolution) in self._guessed

    def _bytes(self, width: int, resolution: int, batch: int) -> float:
        """Memory that a batch takes, by what lower resolutions took for each value of their feature maps."""
        networks = self.networks(width)
        known = [
            speed.bytes / (self._batches[key] * networks.values(key[1]))
            for key, speed in self._speeds.items()
            if key[0] == width and speed.bytes > LARGE and key not in self._guessed
        ]
        return batch * networks.values(resolution) * max(known, default=FIRST_GUESS)

    def _speed(self, width: int, resolution: int, below: list[int]) -> Speed:
        key = (width, resolution)
        if key not in self._speeds:
            self._batches[key] = batch = self.batch_for(width, resolution)
            slow = below and batch / self._speeds[width, below[-1]].images_per_second > SLOWEST
            if slow or not self.fits(width, resolution):
                self._speeds[key] = self._scaled(width, resolution, below[-1])
                self._guessed.add(key)
            else:
                if sys.stderr.isatty():
                    tqdm.write(
                        f"measure: {resolution}×{resolution} pixels, up to {width} feature maps", file=sys.stderr
                    )
                self._speeds[key] = measure(self.networks(width), self.training, resolution, batch, self.device)
        return self._speeds[key]

    def _scaled(self, width: int, resolution: int, known: int) -> Speed:
        networks, speed = self.networks(width), self._speeds[width, known]
        ratio = networks.values(resolution) / networks.values(known)
        return Speed(speed.images_per_second / ratio, round(speed.bytes * ratio))


def free_memory(device: str) -> int:
    """Bytes that are free on the device; 0 where the system does not say."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") + _cached()
    except (ValueError, OSError):  # macOS does not tell
        return 0


def _cached() -> int:
    """Bytes of files in memory that Linux would give up."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            sizes = dict(line.split(":") for line in file)
        return int(sizes["Cached"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return 0
