"""How fast networks of any width train here, and with which batch."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pgan.networks.progressive import Progressive
from pgan.phases import Phase
from pgan.planning import pace
from pgan.training.config import Training

SLOWEST = 1.5
"""Seconds of a step from which on larger resolutions are not measured, but scaled by their convolutions."""
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
    """Speeds on one device, of networks of several widths."""

    networks: Callable[[int], Progressive]
    """Of a width."""
    training: Training
    device: str
    """Such as cpu or cuda."""
    batch: int | None = None
    """Images per step; None: chosen for each resolution."""
    free_memory: int = 0
    """Bytes, of the device."""
    _of_width: dict[int, pace.Pace] = field(default_factory=dict)
    _batches: dict[tuple[int, int], int] = field(default_factory=dict)

    def images_per_second(self, width: int, levels: list[int]) -> dict[int, float]:
        """By resolution. Raises as `measure`."""
        return {level: self._of(width, level).speed.images_per_second for level in levels}

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
        while usual > SMALLEST_BATCH and self._known(width).bytes(resolution, usual) > most > 0:
            usual //= 2
        return usual

    def fits(self, width: int, resolution: int) -> bool:
        """Whether memory suffices for the batch of a resolution."""
        return self._known(width).fits(self._phase(width, resolution))

    def was_scaled(self, width: int, resolution: int) -> bool:
        """Whether the speed at a resolution was not measured itself."""
        return not self._of(width, resolution).is_measured

    def _known(self, width: int) -> pace.Pace:
        if width not in self._of_width:
            networks = self.networks(width)
            self._of_width[width] = pace.Pace(networks, self.training, self.device, self.free_memory, SLOWEST)
        return self._of_width[width]

    def _of(self, width: int, resolution: int) -> pace.Paced:
        phase = self._phase(width, resolution)
        self._batches[width, resolution] = phase.batch
        return self._known(width).of(phase)

    def _phase(self, width: int, resolution: int) -> Phase:
        """Of a resolution; it fades in, but for the first."""
        grows = resolution > self.networks(width).first_resolution
        values: dict[str, Any] = {"from": "init", "kind": "grow" if grows else "stabilize", "resolution": resolution}
        values |= {"kimg": 1000.0, "batch": self.batch_for(width, resolution), "lr": 0.001}
        return Phase.model_validate(values)
