"""Bytes that the outputs of stages take on the disk."""

import torch

from pgan.metrics.config import Features
from pgan.networks.architectures import build_critic, build_generator
from pgan.networks.config import Networks
from pgan.phases import Phase
from pgan.prepare.config import Prepare
from pgan.prepare.level_files import levels_bytes
from pgan.training.config import Training
from pgan.training.schedule import Schedule

FLOAT = 4
DIMENSIONS = {"imagenet": 320, "inception": 2048, "none": 0}
"""Of a feature space; the classifier's follow from its width."""
GENERATIONS = 2
"""Of snapshots, beside the one that is being written."""


def pyramid_bytes(settings: Prepare, count: int) -> int:
    """All levels and the labels."""
    return levels_bytes(count, settings.channels, settings.levels) + 8 * count


def checkpoint_bytes(networks: Networks, resolution: int) -> int:
    """Both networks and the average, with Adam's two moments of each that is trained."""
    with torch.device("meta"):
        generator, critic = build_generator(networks, resolution), build_critic(networks, resolution)
    sizes = [sum(p.numel() for p in network.parameters()) for network in (generator, critic)]
    return FLOAT * (4 * sizes[0] + 3 * sizes[1])


def samples_bytes(networks: Networks, phase: Phase, settings: Training) -> int:
    """The pictures of the fixed latents, at all moments of a phase."""
    frames = len(Schedule.of(phase, settings).sample_steps())
    return frames * settings.samples * networks.channels * phase.resolution**2


def features_bytes(settings: Features, count: int, levels: int) -> int:
    """The features of the real images at all levels."""
    kept = count if settings.real_images is None else min(count, settings.real_images)
    return FLOAT * levels * kept * DIMENSIONS.get(settings.space, 4 * settings.classifier.width)


def snapshot_bytes(networks: Networks, phase: Phase, settings: Training) -> int:
    """The most that the snapshots of a phase take while it trains."""
    one = checkpoint_bytes(networks, phase.resolution) + samples_bytes(networks, phase, settings)
    return (GENERATIONS + 1) * one
