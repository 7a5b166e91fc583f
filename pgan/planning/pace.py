"""How fast networks train at every resolution: measured where that takes seconds, else scaled."""

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from tqdm import tqdm

from pgan.networks.config import Networks
from pgan.phases import Phase
from pgan.planning.speed import Data, Speed, measure
from pgan.planning.weights import training_bytes
from pgan.training.config import Training

FIRST_GUESS = 40
"""Bytes of memory for a value in the feature maps of a batch, before anything is measured. Measured: 32 to 36."""
LARGE = 2**26
"""Bytes beyond the weights above which a measured size says something of feature maps rather than of libraries."""
STEPS = 4
"""How many steps a measurement takes, about."""


class Paced(NamedTuple):
    """The speed of a phase."""

    speed: Speed
    is_measured: bool
    """Else it is another phase's, scaled by their convolutions."""


Shape = tuple[int, str, int, int]
"""Resolution, kind, batch, and its parts: phases of the same shape are as fast."""


@dataclass
class Pace:
    """Speeds of networks on one device, each shape measured once. Ask for phases in the order of their resolutions."""

    networks: Networks
    training: Training
    device: str
    """Such as cpu or cuda."""
    free_memory: int = 0
    """Bytes, of the device; 0: unknown."""
    slowest: float = math.inf
    """Seconds of a step from which on larger resolutions are not measured."""
    seconds: float = math.inf
    """For all measurements together; what is left out is scaled."""
    data: Callable[[int], Data | None] = lambda _: None
    """The images of a resolution, where they are there."""
    _known: dict[Shape, Paced] = field(default_factory=dict)

    def of(self, phase: Phase) -> Paced:
        """The speed of a phase. Raises as `measure`."""
        shape = _shape(phase)
        if shape not in self._known:
            self._known[shape] = self._measured_or_scaled(phase)
        return self._known[shape]

    def bytes(self, resolution: int, batch: int) -> float:
        """Memory that a batch takes undivided: for weights, and for each value of its feature maps."""
        return training_bytes(self.networks, resolution) + batch * self._bytes_of_maps(resolution)

    def largest_batch(self, resolution: int) -> int:
        """Images per step that fit, a multiple of the minibatch stddev's groups; 0: not even one group."""
        group = max(1, self.networks.group)
        room = max(0, self.free_memory - training_bytes(self.networks, resolution))
        return int(room / self._bytes_of_maps(resolution)) // group * group

    def fits(self, phase: Phase) -> bool:
        """Whether memory suffices for a part of its batch, as far as one knows."""
        needed = self.bytes(phase.resolution, phase.batch // phase.accumulate)
        return not self.free_memory or needed <= self.free_memory

    def fitting_parts(self, phase: Phase) -> int | None:
        """The least `accumulate` with which a phase fits; None: there is none."""
        group = max(1, self.networks.group)
        if self.networks.uses_whole_batch or phase.batch % group:
            return None
        divided = (phase.model_copy(update={"accumulate": n}) for n in range(1, phase.batch // group + 1))
        return next((p.accumulate for p in divided if not phase.batch // group % p.accumulate and self.fits(p)), None)

    def _bytes_of_maps(self, resolution: int) -> float:
        """Of one image, by what other phases took for each value of theirs where they were the larger part."""
        known = []
        for (size, _, batch, parts), paced in self._known.items():
            weights = training_bytes(self.networks, size)
            maps = paced.speed.bytes - weights
            if paced.is_measured and maps > max(LARGE, weights):
                known.append(maps / (batch // parts * self.networks.values(size)))
        return self.networks.values(resolution) * max(known, default=FIRST_GUESS)

    def _measured_or_scaled(self, phase: Phase) -> Paced:
        near = self._nearest(phase)
        if not self.fits(phase):
            return self._scaled(phase, near or self._of_smaller_batch(phase))
        if near is not None and self._is_slow(phase, near):
            return self._scaled(phase, near)
        if sys.stderr.isatty():
            key = self.networks.width_key
            what = f"{phase.resolution}×{phase.resolution} pixels, {phase.kind}, {key}"
            tqdm.write(f"measure: {what} {getattr(self.networks, key.partition('.')[2])}", file=sys.stderr)
        start = time.monotonic()
        speed = measure(self.networks, self.training, phase, self.device, self.data(phase.resolution))
        self.seconds -= time.monotonic() - start
        return Paced(speed, True)

    def _is_slow(self, phase: Phase, near: Shape) -> bool:
        resolution, _, batch, _ = near
        step = batch / self._known[near].speed.images_per_second
        expected = phase.batch / self._scaled(phase, near).speed.images_per_second
        return (step > self.slowest and phase.resolution > resolution) or STEPS * expected > self.seconds

    def _nearest(self, phase: Phase) -> Shape | None:
        """The known shape of the largest resolution; of the same kind, where there are two."""
        return max(self._known, key=lambda shape: (shape[0], shape[1] == phase.kind), default=None)

    def _scaled(self, phase: Phase, near: Shape) -> Paced:
        resolution = near[0]
        ratio = self.networks.operations(phase.resolution) / self.networks.operations(resolution)
        speed = self._known[near].speed
        size = self.bytes(phase.resolution, phase.batch // phase.accumulate)
        return Paced(Speed(speed.images_per_second / ratio, round(size), speed.host - speed.bytes + round(size)), False)

    def _of_smaller_batch(self, phase: Phase) -> Shape:
        """Where nothing is known yet: the largest batch that fits, or one group."""
        batch = max(self.largest_batch(phase.resolution), self.networks.group, 2)
        smaller = phase.model_copy(update={"batch": batch, "accumulate": 1})
        self._known[_shape(smaller)] = Paced(measure(self.networks, self.training, smaller, self.device), True)
        return _shape(smaller)


def _shape(phase: Phase) -> Shape:
    return phase.resolution, phase.kind, phase.batch, phase.accumulate
