"""Seconds of a run that are not training: preparing, measuring, pictures, and the start of each stage."""

import time

import numpy as np

from pgan.networks.sampling import pick_device
from pgan.new_experiment.metrics_section import Measuring
from pgan.new_experiment.sizes import Size

STAGE = 7.0
"""Seconds that a stage takes to start and end under DVC with MLflow (benchmarks/overhead.py)."""
PICTURES = 20.0
"""Seconds of the stage `render`, but for large images."""
METRICS = 6.0
"""Seconds that the metrics themselves take for 2,000 images."""
TRIAL = 24
"""Images for measuring."""


def overhead(size: Size, images: int, how: Measuring, features_per_second: float, look_per_second: float) -> float:
    """All seconds except for training.

    Args:
        images: in the pyramid.
        look_per_second: images that `pgan new` has looked at each second; preparing takes about as long.
    """
    levels = len(size.levels)
    phases = 2 * levels - 1
    rate = features_per_second if how.space == "imagenet" else 20 * features_per_second
    extract = (how.reals * levels + how.fakes * phases) / max(rate, 1e-6) if how.space != "none" else 0.0
    metrics = METRICS * phases * how.fakes / 2000 * max(1.0, size.resolution / 64)
    pictures = PICTURES * max(1.0, size.resolution / 64)
    return images / max(look_per_second, 1.0) + STAGE * (2 * phases + 4) + extract + metrics + pictures


def features_per_second(device: str) -> float:
    """Images that the network of the space `imagenet` takes each second here. Raises as `load_imagenet`."""
    from pgan.metrics.imagenet import imagenet_features, load_imagenet

    place = pick_device(device)
    model = load_imagenet(place)
    images = np.random.default_rng(0).integers(0, 256, (TRIAL, 3, 32, 32), dtype=np.uint8)
    imagenet_features(model, images[:8], place)
    start = time.perf_counter()
    imagenet_features(model, images, place)
    return TRIAL / (time.perf_counter() - start)
