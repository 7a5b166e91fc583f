"""A phase to train: what determines it, and the images that it trains on."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from pgan.phases import Phase
from pgan.training.config import Training
from pgan.training.schedule import Schedule
from pgan.training.watched_files import WatchedFiles


@dataclass(frozen=True)
class Job:
    """All that determines a phase beside its parent's checkpoint."""

    name: str
    phase: Phase
    settings: Training
    seed: int
    images: np.ndarray
    """(N, C, r, r) uint8 at the phase's resolution."""
    labels: np.ndarray
    """(N,) int64."""
    inputs: WatchedFiles = field(default_factory=lambda: WatchedFiles([]))
    """The files that all this was read from."""

    @cached_property
    def schedule(self) -> Schedule:
        """The phase as a number of steps."""
        return Schedule.of(self.phase, self.settings)
