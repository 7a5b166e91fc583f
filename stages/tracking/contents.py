"""What the parent run of an experiment shows, from the files: curves, metrics, pictures, datasets, models."""

import contextlib
import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric
from PIL import Image

from pgan.errors import InputError
from pgan.untrusted.inputs import read_json
from stages.tracking import dataset
from stages.tracking.folders import EVALUATE, FEATURES, PYRAMID, RENDER, TRAIN, images
from stages.tracking.live import read_rows
from stages.tracking.models import Models
from stages.tracking.names import of_data, of_evaluation
from stages.tracking.pictures import Pictures, evaluated, recorded
from stages.tracking.points import Points, curves, numbers

LONG_SECONDS = 600
"""A phase that trained as long has its model as soon as it is evaluated, of others `render` logs them all at once:
loading torch takes seconds, which short phases would notice."""


@dataclass(frozen=True)
class Item:
    """A part of it that is logged at once, and then noted in the ledger."""

    name: str
    paths: tuple[Path, ...]
    """Files and folders, all of which must be there."""
    log: Callable[[Points], None]

    def exists(self) -> bool:
        """Whether it can be logged."""
        return all(path.exists() for path in self.paths)

    def digest(self) -> str:
        """Of the content of its files, and their names."""
        digest = hashlib.sha256()
        for path in self.paths:
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if file.is_file():
                    digest.update(file.name.encode())
                    digest.update(file.read_bytes())
        return digest.hexdigest()[:16]


class Contents:
    """Of one run."""

    def __init__(self, client: MlflowClient, experiment: str, run: str, parameters: dict[str, Any]) -> None:
        self._client, self._experiment, self._run, self._parameters = client, experiment, run, parameters
        self._phases = list(parameters["phases"])

    @cached_property
    def _pictures(self) -> Pictures:
        """Made once: it asks the store for a list."""
        return Pictures(self._client, self._run)

    def items(self) -> list[Item]:
        """All of it, in the order in which it is logged: a model needs the metrics."""
        last = self._phases[-1]
        items = [Item("pyramid", (PYRAMID / "meta.json",), self._log_pyramid)]
        for phase in self._phases:
            items += self._of_phase(phase)
        items.append(Item("features", (FEATURES / "metrics.json",), self._log_features))
        items.append(Item("checkpoint", (TRAIN / last / "checkpoint.pt",), self._log_checkpoint))
        items.append(Item("pictures", (RENDER,), self._log_pictures))
        return items

    def after(self, stage: str, phase: str) -> list[Item]:
        """What is logged when a stage of a phase has ended, while others are still to come."""
        own = {"train": ["pyramid", f"train.{phase}", f"samples.{phase}"]}
        if stage == "evaluate" and _took_long(phase):
            own["evaluate"] = ["pyramid", f"evaluate.{phase}", f"model.{phase}"]
        return [item for item in self.items() if item.name in own.get(stage, [])]

    def _of_phase(self, phase: str) -> list[Item]:
        trained, measured = TRAIN / phase, EVALUATE / phase / "metrics.json"
        return [
            Item(f"train.{phase}", (trained / "losses.csv",), lambda points: self._log_losses(phase, points)),
            Item(f"samples.{phase}", (trained / "samples.npy",), lambda _: self._log_samples(phase)),
            Item(f"evaluate.{phase}", (measured,), lambda points: self._log_evaluation(phase, points)),
            Item(
                f"model.{phase}", (trained / "checkpoint.pt", measured), lambda points: self._log_model(phase, points)
            ),
        ]

    def _log_pyramid(self, points: Points) -> None:
        content = {key: value for key, value in read_json(PYRAMID / "meta.json").items() if type(value) is int}
        points.add(numbers(content, 0, lambda key: of_data("pyramid", key)))
        if found := dataset.describe(self._parameters):
            found.log(self._client, self._run, "training", "evaluation")

    def _log_losses(self, phase: str, points: Points) -> None:
        points.add(curves(list(read_rows(TRAIN / phase / "losses.csv"))))

    def _log_samples(self, phase: str) -> None:
        self._pictures.add_grids(recorded(TRAIN / phase))

    def _log_evaluation(self, phase: str, points: Points) -> None:
        points.add(_measured(phase))
        if picture := evaluated(EVALUATE, phase, self._parameters, PYRAMID):
            self._pictures.add(images(phase), picture, "nearest")

    def _log_model(self, phase: str, points: Points) -> None:
        measured = _measured(phase)
        points.add(measured)
        found = dataset.describe(self._parameters)
        held = [points.held[(metric.key, metric.step)] for metric in measured]
        with contextlib.suppress(InputError):  # no checkpoint: the next phase, or `pgan sample`, says so
            Models(self._client, self._experiment, self._run).add(phase, found.evaluation if found else None, held)

    def _log_features(self, points: Points) -> None:
        content = read_json(FEATURES / "metrics.json")
        points.add(numbers(content, 0, lambda key: of_data("features", key)))

    def _log_checkpoint(self, _: Points) -> None:
        self._client.log_artifact(self._run, str(TRAIN / self._phases[-1] / "checkpoint.pt"), "checkpoint")

    def _log_pictures(self, _: Points) -> None:
        self._client.log_artifacts(self._run, str(RENDER), "pictures")
        path, summary = RENDER / "real_vs_fake.png", TRAIN / self._phases[-1] / "summary.json"
        if path.is_file() and summary.is_file():
            with Image.open(path) as picture:
                self._pictures.add(images(self._phases[-1]), picture, path.stem)


def _measured(phase: str) -> list[Metric]:
    return numbers(read_json(EVALUATE / phase / "metrics.json"), images(phase), of_evaluation)


def _took_long(phase: str) -> bool:
    """Whether a phase trained for more than a few minutes, by what the live log says of its speed."""
    log = Path("data/logs") / f"{phase}.csv"
    rows = list(read_rows(log)) if log.is_file() else []
    return bool(rows) and rows[-1].get("kimg", 0) * 1000 > LONG_SECONDS * rows[-1].get("img_per_s", math.inf)
