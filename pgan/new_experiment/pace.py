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
    _measured: dict[tuple[int, int], Phase] = field(default_factory=dict)

    def images_per_second(self, width: int, levels: list[int]) -> dict[int, float]:
        """By resolution. Raises as `measure`."""
        return {level: self._of(width, level).speed.images_per_second for level in levels}

    def phase(self, width: int, resolution: int) -> Phase:
        """Of a resolution, with the device's usual batch or a smaller one that its memory holds.

        A batch that the user wants is computed in parts where it does not fit otherwise.
        """
        if (width, resolution) in self._measured:  # what was measured is what is written
            return self._measured[width, resolution]
        phase, known = self._phase(width, resolution, self.batch or self.usual_batch(resolution)), self._known(width)
        if self.batch is not None:
            return phase.model_copy(update={"accumulate": known.fitting_parts(phase) or 1})
        while phase.batch > SMALLEST_BATCH and not known.fits(phase):
            phase = self._phase(width, resolution, phase.batch // 2)
        return phase

    def batches(self, width: int, levels: list[int]) -> dict[int, tuple[int, int]]:
        """By resolution: images per step, and the parts in which they are computed."""
        phases = (self.phase(width, level) for level in levels)
        return {phase.resolution: (phase.batch, phase.accumulate) for phase in phases}

    def usual_batch(self, resolution: int) -> int:
        """Where memory does not matter."""
        if not self.device.startswith("cuda"):
            return CPU_BATCH
        return next((n for size, n in GPU_BATCH.items() if resolution <= size), SMALLEST_BATCH)

    def fits(self, width: int, resolution: int) -> bool:
        """Whether memory suffices for the phase of a resolution."""
        return self._known(width).fits(self.phase(width, resolution))

    def memory(self, width: int, resolution: int) -> float:
        """Bytes that the phase of a resolution takes."""
        phase = self.phase(width, resolution)
        return self._known(width).bytes(resolution, phase.batch // phase.accumulate)

    def was_scaled(self, width: int, resolution: int) -> bool:
        """Whether the speed at a resolution was not measured itself."""
        return not self._of(width, resolution).is_measured

    def _known(self, width: int) -> pace.Pace:
        if width not in self._of_width:
            room = int(MEMORY_SHARE * self.free_memory)
            self._of_width[width] = pace.Pace(self.networks(width), self.training, self.device, room, SLOWEST)
        return self._of_width[width]

    def _of(self, width: int, resolution: int) -> pace.Paced:
        phase = self._measured[width, resolution] = self.phase(width, resolution)
        return self._known(width).of(phase)

    def _phase(self, width: int, resolution: int, batch: int) -> Phase:
        """Of a resolution; it fades in, but for the first."""
        grows = resolution > self.networks(width).first_resolution
        values: dict[str, Any] = {"from": "init", "kind": "grow" if grows else "stabilize", "resolution": resolution}
        return Phase.model_validate(values | {"kimg": 1000.0, "batch": batch, "lr": 0.001})
