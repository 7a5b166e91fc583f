"""Grids of samples by step, where MLflow's image grid and its step slider look for them."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from mlflow import MlflowClient
from PIL import Image

from pgan.training.preview import sheet
from pgan.untrusted.inputs import read_json

KEY = "samples"
NAME = re.compile(rf"images/{KEY}[+%]step[+%](\d+)[+%].*\.png")
"""What MLflow calls such a picture; some versions put % where others put +."""


class Pictures:
    """The grids that a run has, and a way to add more."""

    def __init__(self, client: MlflowClient, run: str) -> None:
        self._client, self._run = client, run
        names = [NAME.fullmatch(file.path) for file in client.list_artifacts(run, "images")]
        self._held = {int(name[1]) for name in names if name}

    def add(self, step: int, picture: Image.Image) -> None:
        """Log a grid unless the run has one of this step: the number of real images shown since `init`."""
        if step not in self._held:
            self._client.log_image(self._run, picture, key=KEY, step=step, synchronous=True)
            self._held.add(step)


def live(folder: Path) -> Iterator[tuple[int, Image.Image]]:
    """(step, grid) of what a phase has drawn so far (`pgan train --pictures`)."""
    for path in sorted(folder.glob("[0-9]*.png"), key=lambda path: int(path.stem)):
        with Image.open(path) as picture:
            picture.load()
            yield int(path.stem), picture


def recorded(folder: Path) -> Iterator[tuple[int, Image.Image]]:
    """(step, grid) of a finished phase's samples.npy."""
    kimg = read_json(folder / "summary.json")["sample_kimg"]
    for thousands, images in zip(kimg, np.load(folder / "samples.npy", mmap_mode="r"), strict=True):
        yield round(thousands * 1000), sheet(images)
