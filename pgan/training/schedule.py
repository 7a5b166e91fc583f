"""Progress counted in images: the length of a phase, its fade, and when to log and to take pictures."""

import math
from dataclasses import dataclass

from pgan.phases import Phase
from pgan.training.config import Training


@dataclass(frozen=True)
class Schedule:
    """A phase as a number of steps: `critic_steps` critic updates of `batch` images, then a generator update."""

    kimg: float
    batch: int
    critic_steps: int
    grow: bool
    log_every_kimg: float
    sample_frames: int

    @classmethod
    def of(cls, phase: Phase, settings: Training) -> "Schedule":
        """The schedule of a phase."""
        return cls(
            kimg=phase.kimg,
            batch=phase.batch,
            critic_steps=settings.critic_steps,
            grow=phase.kind == "grow",
            log_every_kimg=settings.log_every_kimg,
            sample_frames=settings.sample_frames,
        )

    @property
    def images_per_step(self) -> int:
        """Real images shown to the critic per step."""
        return self.batch * self.critic_steps

    @property
    def steps(self) -> int:
        """Steps of the phase: as many as it takes to show at least kimg thousand images."""
        return max(1, math.ceil(self.kimg * 1000 / self.images_per_step))

    def images(self, step: int) -> int:
        """Images shown before a step."""
        return step * self.images_per_step

    def alpha(self, step: int) -> float:
        """Share of the new resolution at a step: 0 at the first image of a fade, 1 at its last; 1 when not growing.

        The official code's level of detail is 1 - alpha above the new resolution.  It follows the images shown, so that
        the fade is the same for every batch size.
        """
        return min(1.0, self.images(step) / (self.kimg * 1000)) if self.grow else 1.0

    def logs_after(self, step: int) -> bool:
        """Whether a row of losses ends with this step."""
        every = self.log_every_kimg * 1000
        return self.images(step + 1) // every > self.images(step) // every or step + 1 == self.steps

    def sample_steps(self) -> list[int]:
        """Steps before which pictures are taken, ascending; the last is `steps`: after the last step."""
        frames = min(self.sample_frames, self.steps + 1)
        return [round(i * self.steps / (frames - 1)) for i in range(frames)]
