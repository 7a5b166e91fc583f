"""How image sets are measured: fixed, so that two comparisons of as many images are alike."""

from pathlib import Path
from typing import Literal

from pgan.metric_table import defined
from pgan.metrics.config import (
    ClassesParams,
    DensityCoverageParams,
    Evaluate,
    Features,
    InceptionParams,
    InceptionScoreParams,
    KidParams,
    MemorisationParams,
    MsSsimParams,
    PrecisionRecallParams,
    SwdParams,
)
from pgan.metrics.sizes import impossible

Space = Literal["imagenet", "inception", "classifier", "none"]
MEASURED = ("frechet", "kid", "precision_recall", "density_coverage", "memorisation", "swd")
PATCHES, DIRECTIONS = 128, 512
"""Of the SWD, as in its paper."""
FEATURE_BATCH = 256
"""Images per forward pass of the feature network."""


def features_section(space: Space, inception: Path | None) -> Features:
    """The section `features` for a space."""
    where = InceptionParams(path=str(inception) if inception else None, url=None, sha256=None)
    # without the parameters of training a classifier: none is trained here
    return Features.model_construct(  # type: ignore[call-arg]
        space=space, real_images=None, batch=FEATURE_BATCH, inception=where
    )


def evaluate_section(count: int, reals: int, resolution: int, features: Features) -> Evaluate | None:
    """The section `evaluate` for so many images, with the metrics that are defined for them; None where none is.

    Args:
        count: images of each set.
        reals: images of the reference.
        resolution: pixels per side.
    """
    listed = defined_names(resolution, features)
    if not listed:
        return None
    section = _evaluate(listed, count, reals)
    undefined = {key.split(".")[1] for key, _ in impossible(section, features, reals)}
    listed = [name for name in listed if name not in undefined]
    return _evaluate(listed, count, reals) if listed else None


def defined_names(resolution: int, features: Features) -> list[str]:
    """The metrics that are defined at that resolution and in that feature space, for enough images."""
    return [metric.name for metric in defined(MEASURED, resolution, has_features=features.space != "none")]


def _evaluate(metrics: list[str], count: int, reals: int) -> Evaluate:
    return Evaluate(
        images=count,
        batch=FEATURE_BATCH,
        target_resolution=None,
        metrics=metrics,
        kid=KidParams(subsets=50, subset_size=500),
        precision_recall=PrecisionRecallParams(neighbours=3, images=count),
        density_coverage=DensityCoverageParams(neighbours=5, images=count),
        memorisation=MemorisationParams(images=max(count, reals), cells=10, nearest=1),
        inception_score=InceptionScoreParams(splits=1),
        classes=ClassesParams(min_share=0.01),
        swd=SwdParams(images=count, patches=PATCHES, directions=DIRECTIONS),
        ms_ssim=MsSsimParams(pairs=1),
    )
