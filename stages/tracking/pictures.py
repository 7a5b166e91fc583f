"""Grids of samples by step, where MLflow's image grid and its step slider look for them."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from mlflow import MlflowClient
from PIL import Image

from pgan.errors import InputError
from pgan.training.preview import sheet
from pgan.untrusted.inputs import read_json

SAMPLES = "samples"
"""The key of the grids."""
NAME = re.compile(r"images/(\w+)[+%]step[+%](\d+)[+%].*\.png")
"""What MLflow calls such a picture; some versions put % where others put +."""


Grid = tuple[int, Callable[[], Image.Image]]
"""A grid of samples: its step, and how it is drawn."""


class Pictures:
    """The pictures by step that a run has, and a way to add more."""

    def __init__(self, client: MlflowClient, run: str) -> None:
        self._client, self._run = client, run
        names = [NAME.fullmatch(file.path) for file in client.list_artifacts(run, "images")]
        self._held = {(name[1], int(name[2])) for name in names if name}

    def add(self, step: int, picture: Image.Image, key: str = SAMPLES) -> None:
        """Log a picture unless the run has one of this step: the number of real images shown since `init`."""
        if (key, step) not in self._held:
            self._client.log_image(self._run, picture, key=key, step=step, synchronous=True)
            self._held.add((key, step))

    def add_grids(self, found: Iterable[Grid]) -> None:
        """Log the grids of samples that the run lacks. No other is drawn."""
        for step, draw in found:
            if (SAMPLES, step) not in self._held:
                self.add(step, draw())


def live(folder: Path) -> Iterator[Grid]:
    """What a phase has drawn so far (`pgan train --pictures`)."""
    for path in sorted(folder.glob("[0-9]*.png"), key=lambda path: int(path.stem)):
        yield int(path.stem), partial(_loaded, path)


def _loaded(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        picture.load()
        return picture


def recorded(folder: Path) -> Iterator[Grid]:
    """The pictures of a finished phase's samples.npy."""
    kimg = read_json(folder / "summary.json")["sample_kimg"]
    for thousands, images in zip(kimg, np.load(folder / "samples.npy", mmap_mode="r"), strict=True):
        yield round(thousands * 1000), partial(sheet, images)


def evaluated(folder: Path, phase: str, parameters: dict[str, Any], pyramid: Path) -> Image.Image | None:
    """Generated images of a phase beside their nearest real images; None where `evaluate` did not look for them."""
    from pgan.data.pyramid import read_meta
    from pgan.rendering.caption import credited
    from pgan.rendering.config import Render
    from pgan.rendering.nearest import nearest_picture, read_nearest

    try:
        found = read_nearest(folder, phase)
        if found is None:
            return None
        picture = nearest_picture(found, Render.model_validate(parameters["render"]))
        return credited(picture, read_meta(pyramid).credits)
    except InputError:  # damaged: `render` says so
        return None
