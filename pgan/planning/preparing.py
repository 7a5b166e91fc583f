"""How long the stage `prepare` takes: a few hundred images of the source are really prepared."""

import io
import tempfile
import time
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path

from pgan.prepare.build import build
from pgan.prepare.config import Prepare
from pgan.prepare.sources import open_source, spread

FEW, MANY = 20, 420
"""Images of two trials: their difference is the time of an image, without the start of the processes."""


@dataclass(frozen=True)
class Preparing:
    """What the source holds, and how long it takes."""

    count: int
    """Images that are wanted."""
    classes: int
    """0 without labels."""
    seconds: float


def preparing(settings: Prepare, seed: int, workers: int) -> Preparing:
    """List the source and prepare some of it. Raises as `build`, where no image can be used."""
    source = open_source(settings, seed)
    count = len(spread(len(source.names), settings.max_images))
    many = min(count, MANY)
    longest = _trial(settings, many, seed, workers)
    seconds = longest
    if count > MANY:
        shortest = _trial(settings, FEW, seed, workers)
        seconds += max(0.0, longest - shortest) / (MANY - FEW) * (count - MANY)
    return Preparing(count, len(source.classes), seconds)


def _trial(settings: Prepare, count: int, seed: int, workers: int) -> float:
    """Seconds to prepare `count` images, spread over the source."""
    trial = settings.model_copy(update={"max_images": count, "max_skipped": count, "labels": False})
    with tempfile.TemporaryDirectory() as folder, redirect_stderr(io.StringIO()):  # without a bar
        start = time.monotonic()
        build(trial, Path(folder) / "pyramid", seed=seed, workers=workers)
        return time.monotonic() - start
