"""What each stage costs on this machine."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

from pgan.experiment import Experiment
from pgan.metric_table import defined
from pgan.metrics.sizes import images_needed
from pgan.metrics.sliced_wasserstein import levels
from pgan.phases import Phase
from pgan.planning import rates
from pgan.planning.disk import features_bytes, pyramid_bytes, samples_bytes
from pgan.planning.pace import Pace
from pgan.planning.preparing import Preparing
from pgan.planning.weights import checkpoint_bytes
from pgan.training import engine
from pgan.training.schedule import Schedule
from pgan.training.transfer import SHARE

COMPILING = 60.0
"""Seconds to compile a phase on a CPU: 45 to 80 (docs/measurements.md)."""
GAINS = {4: 1.4, 8: 1.2, 16: 1.18, 32: 1.16}
"""How much faster compiled steps are, by the largest resolution that it is for (docs/measurements.md)."""
LEAST_GAIN = 1.14
"""The same at higher resolutions."""
METRICS_SECONDS = 0.002
"""Of all metrics but the sliced Wasserstein distance, for each generated image."""
INCEPTION = 0.1
"""Inception takes ten times as long as the network of the space `imagenet`, at 299 pixels against 128."""
LARGEST_GENERATED = 256
"""Pixels per side from which on the generator's speed is scaled."""


@dataclass(frozen=True)
class Cost:
    """Of a stage. Sizes in bytes; 0: not known, or next to nothing."""

    stage: str
    seconds: float
    steps: int = 0
    host: int = 0
    """The most memory that its process takes."""
    device: int = 0
    """The same of a GPU."""
    disk: int = 0
    """What its outputs take."""
    is_measured: bool = True
    """Whether a phase's own steps were measured; else its speed is scaled from another phase's."""


class Stages:
    """The costs of an experiment's stages."""

    def __init__(self, experiment: Experiment, pace: Pace, images: Preparing, kind: str) -> None:
        """`kind` of device: cpu, cuda, mps."""
        self.experiment, self.pace, self.images, self.kind = experiment, pace, images, kind
        self.generated_per_second = lru_cache(self._generated_per_second)

    def prepare(self) -> Cost:
        """Reading, cropping and scaling all images."""
        seconds = self.start + self.images.seconds
        return Cost("prepare", seconds, disk=pyramid_bytes(self.experiment.prepare, self.images.count))

    def init(self) -> Cost:
        """Drawing the first weights."""
        e = self.experiment
        return Cost("init", self.start, disk=checkpoint_bytes(e.networks, e.init.size(e.networks)))

    def train(self, name: str, phase: Phase) -> Cost:
        """All steps, compiling where the phase is compiled, and the pictures of the fixed latents."""
        e, r = self.experiment, phase.resolution
        schedule, (speed, is_measured) = Schedule.of(phase, e.training), self.pace.of(phase)
        seconds = schedule.images(schedule.steps) / speed.images_per_second
        if engine.choose(e.networks, e.training, phase, self.kind).compiled:
            seconds = seconds / next((gain for size, gain in GAINS.items() if r <= size), LEAST_GAIN) + COMPILING
        pictures = len(schedule.sample_steps()) * e.training.samples
        seconds += self.start + pictures / self.generated_per_second(r)
        on_device = self.kind == "cuda"
        return Cost(
            f"train@{name}",
            seconds,
            schedule.steps,
            host=speed.host,
            device=on_device * (speed.bytes + self._level_on_device(r)),
            disk=checkpoint_bytes(e.networks, r) + samples_bytes(e.networks, phase, e.training),
            is_measured=is_measured,
        )

    def features(self) -> Cost:
        """Training the classifier, where there is one, and the features of the real images at every level."""
        e, seconds = self.experiment, self.start
        kept = min(self.images.count, e.features.real_images or self.images.count)
        sizes = e.prepare.levels
        if e.features.space == "classifier":
            params = e.features.classifier
            seconds += params.epochs * self.images.count * (1 - params.held_out) / self.classifier_per_second[0]
        if e.features.space != "none":
            seconds += kept * len(sizes) / self.features_per_second
        return Cost("features", seconds, disk=features_bytes(e.features, self.images.count, len(sizes)))

    def evaluate(self, name: str, phase: Phase) -> Cost:
        """Generating, features, and metrics."""
        e, r = self.experiment, phase.resolution
        possible = defined(e.evaluate.metrics, r, has_features=e.features.space != "none")
        names = {m.name for m in possible}
        needed = {n: images_needed(n, e.evaluate, self.images.count) for n in names}
        seconds = self.start
        if needed:
            total = max(needed.values())
            seconds += total / self.generated_per_second(r) + total * METRICS_SECONDS
        if any(m.needs != "images" for m in possible):
            seconds += e.evaluate.images / self.features_per_second
        if "swd" in names:
            seconds += needed["swd"] * len(levels(r)) / self.swd_per_second
        return Cost(f"evaluate@{name}", seconds)

    def render(self) -> Cost:
        """Pictures, latent walks and curves."""
        largest = max(phase.resolution for phase in self.experiment.phases.values())
        return Cost("render", self.start + rates.picture_seconds(largest))

    # --- what is measured once

    @cached_property
    def start(self) -> float:
        """Seconds to start and end a stage."""
        return rates.start_seconds()

    @cached_property
    def classifier_per_second(self) -> tuple[float, float]:
        """Images: trained on, and turned into features."""
        e = self.experiment
        params = e.features.classifier
        return rates.classifier_per_second(params, e.prepare.channels, self.images.classes, self.pace.device)

    @cached_property
    def features_per_second(self) -> float:
        """Images that the feature network takes."""
        match self.experiment.features.space:
            case "classifier":
                return self.classifier_per_second[1]
            case "inception":
                return INCEPTION * rates.features_per_second(self.pace.device)
            case _:
                return rates.features_per_second(self.pace.device)

    @cached_property
    def swd_per_second(self) -> float:
        """Images on each side, for one level."""
        e = self.experiment
        return rates.swd_per_second(e.evaluate.swd, e.prepare.channels, e.evaluate.batch)

    def _generated_per_second(self, resolution: int) -> float:
        networks, batch = self.experiment.networks, self.experiment.evaluate.batch
        measured = resolution
        while measured > LARGEST_GENERATED and measured // 2 >= networks.first_resolution:
            measured //= 2
        found = rates.generated_per_second(networks, measured, batch, self.pace.device)
        return found * networks.operations(measured) / networks.operations(resolution)

    def _level_on_device(self, resolution: int) -> int:
        """A level of the pyramid that stays on a GPU (`pgan.training.transfer`)."""
        if self.pace.data(resolution) is not None:
            return 0  # it was there while the steps were measured
        size = self.images.count * self.experiment.prepare.channels * resolution**2
        return size if size <= SHARE * self.pace.free_memory else 0
