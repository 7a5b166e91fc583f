"""Bytes that the outputs of stages take on the disk."""

from pgan.metrics.config import Features
from pgan.networks.config import Networks
from pgan.phases import Phase
from pgan.planning.weights import FLOAT, checkpoint_bytes
from pgan.prepare.config import Prepare
from pgan.prepare.level_files import levels_bytes
from pgan.training.config import Training
from pgan.training.schedule import Schedule

GENERATIONS = 2
"""Of snapshots, beside the one that is being written."""


def pyramid_bytes(settings: Prepare, count: int) -> int:
    """All levels and the labels."""
    return levels_bytes(count, settings.channels, settings.levels) + 8 * count


def samples_bytes(networks: Networks, phase: Phase, settings: Training) -> int:
    """The pictures of the fixed latents, at all moments of a phase."""
    frames = len(Schedule.of(phase, settings).sample_steps())
    return frames * settings.samples * networks.channels * phase.resolution**2


def features_bytes(settings: Features, count: int, levels: int) -> int:
    """The features of the real images at all levels."""
    kept = count if settings.real_images is None else min(count, settings.real_images)
    return FLOAT * levels * kept * settings.dimensions


def snapshot_bytes(networks: Networks, phase: Phase, settings: Training) -> int:
    """The most that the snapshots of a phase take while it trains."""
    one = checkpoint_bytes(networks, phase.resolution) + samples_bytes(networks, phase, settings)
    return (GENERATIONS + 1) * one
