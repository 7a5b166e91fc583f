"""How fast this machine does what is not training: generating, features, a metric, and the start of a stage."""

import io
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stderr
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from pgan.metrics.classifier import Classifier
from pgan.metrics.config import ClassifierParams, SwdParams
from pgan.metrics.sliced_wasserstein import SMALLEST_LEVEL, swd_metrics
from pgan.networks.architectures import build_generator
from pgan.networks.config import Networks
from pgan.networks.sampling import pick_device, sample_images

STAGE = 7.0
"""Seconds that a stage takes to start and end under DVC with MLflow (benchmarks/overhead.py)."""
TRACKING = 1.0
"""What DVC and MLflow add where the start of Python and torch is measured (benchmarks/overhead.py)."""
PICTURES = 20.0
"""Of the stage `render`, up to 64 pixels."""
TRIAL = 24
"""Images for measuring a feature network."""
SECONDS = 0.4
"""That a measurement of generated images takes at least."""
SWD_TRIAL = 128
"""Images on each side of a measured sliced Wasserstein distance."""
CLASSIFIER_STEPS = 4
"""Of the classifier's training; the first is not counted."""


def features_per_second(device: str) -> float:
    """Images that the network of the space `imagenet` takes each second here. Raises as `load_imagenet`."""
    from pgan.metrics.imagenet import imagenet_features, load_imagenet

    place = pick_device(device)
    model = load_imagenet(place)
    images = _random(TRIAL, 3, 32)
    imagenet_features(model, images[:8], place)
    start = time.perf_counter()
    imagenet_features(model, images, place)
    return TRIAL / (time.perf_counter() - start)


def classifier_per_second(params: ClassifierParams, channels: int, classes: int, device: str) -> tuple[float, float]:
    """Images that the feature space `classifier` takes each second: in its training, and as a feature network."""
    place, count = pick_device(device), params.batch
    model = Classifier(channels, max(2, classes), params.width, params.resolution).to(place)
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(model.parameters())
    images = torch.from_numpy(_random(count, channels, params.resolution)).to(place)
    labels = torch.zeros(count, dtype=torch.int64, device=place)
    threads, times = torch.get_num_threads(), []
    torch.set_num_threads(1)  # as it is trained
    try:
        for _ in range(CLASSIFIER_STEPS):
            start = time.perf_counter()
            loss = F.cross_entropy(model(images)[1], labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            times.append(time.perf_counter() - start)
    finally:
        torch.set_num_threads(threads)
    with torch.no_grad():
        start = time.perf_counter()
        model.eval()(images)
    return count / float(np.median(times[1:])), count / (time.perf_counter() - start)


def generated_per_second(networks: Networks, resolution: int, batch: int, device: str) -> float:
    """Images of a resolution that a generator makes each second."""
    place, done = pick_device(device), 0
    generator = build_generator(networks, resolution).eval().requires_grad_(False)
    labels = torch.arange(2 * batch) % networks.classes if networks.classes else None
    chunks = sample_images(generator, 2 * batch, 0, "measured", batch, place, labels)
    next(chunks)  # it lays out the weights first
    start = time.perf_counter()
    for chunk in chunks:
        done += len(chunk)
        if time.perf_counter() - start > SECONDS:
            break
    if not done:
        start = time.perf_counter()
        done = len(next(sample_images(generator, batch, 0, "measured", batch, place, labels)))
    return done / (time.perf_counter() - start)


def swd_per_second(params: SwdParams, channels: int, batch: int) -> float:
    """Images on each side that a level of the sliced Wasserstein distance takes each second."""
    count = min(params.images, SWD_TRIAL)
    images = [_random(count, channels, SMALLEST_LEVEL, seed) for seed in (0, 1)]
    real, fake = (lambda side=side: np.array_split(side, max(1, count // batch)) for side in images)
    with tempfile.TemporaryDirectory() as folder, redirect_stderr(io.StringIO()):  # without bars
        start = time.perf_counter()
        swd_metrics(real, fake, params.patches, params.directions, 0, Path(folder))
        return count / (time.perf_counter() - start)


def start_seconds() -> float:
    """Seconds that a stage takes to start and end: a new Python that imports what training needs, DVC and MLflow."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import pgan.training.run, pgan.experiment"], check=False)
    return time.perf_counter() - start + TRACKING


def picture_seconds(resolution: int) -> float:
    """Seconds that the pictures of an experiment take; they grow with the side of an image."""
    return PICTURES * max(1.0, resolution / 64)


def _random(count: int, channels: int, resolution: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, channels, resolution, resolution), dtype=np.uint8)
