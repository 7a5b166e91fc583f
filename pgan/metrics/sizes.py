"""How many images each metric needs. With fewer it is refused where it would mean nothing, and else called biased."""

from collections.abc import Collection
from dataclasses import dataclass

from pgan.metrics.config import (
    ClassifierParams,
    DensityCoverageParams,
    Evaluate,
    Features,
    MemorisationParams,
    PrecisionRecallParams,
)

FEWEST_REALS = 2
"""Every metric compares sets; one image has no variance and no neighbour."""
NEIGHBOURHOODS = 20
"""Precision and recall, density and coverage need this many times `neighbours` images. With fewer, a neighbourhood
holds more than a twentieth of the set, and the values come out too high. For two equal Gaussians of 16 dimensions and 3
neighbours, precision and recall are 0.97 at 4 images, 0.85 at 20, 0.81 at 60, and 0.79 at 2000. The expected coverage
of two equal sets does not depend on their distribution (Naeem et al. 2020): for 5 neighbours it is 0.989 at 10 images,
0.971 at 100, and 0.969 at many."""
CELL = 20
"""Images of each kind that a cell of `copying_ct` needs: the paper's τ. `copying` needs them, too."""
NEAR = 0.01
"""`near_copies` are nearer to a training image than this share of the real images are."""
Problem = tuple[str, str]
"""The key of the parameter, and what is wrong with it."""


@dataclass(frozen=True)
class Sizes:
    """What a generator is measured with."""

    reals: int
    """Real images whose features are kept."""
    dimensions: int
    """Of the features."""
    classes: int
    """That the feature network tells apart."""
    rarest: float | None
    """The smallest share of a class in the data; None without classes."""


def too_few(reals: int) -> str | None:
    """Why nothing can be measured with this number of images; None where it can."""
    if reals >= FEWEST_REALS:
        return None
    return f"{reals} image, but metrics compare sets of at least {FEWEST_REALS}; add images"


def images_needed(metric: str, params: Evaluate, reals: int) -> int:
    """Generated images that a metric is computed from: `evaluate.images`, unless it has a number of its own.

    Args:
        reals: images in the data.
    """
    own = {"swd": min(params.swd.images, reals), "ms_ssim": 2 * params.ms_ssim.pairs}
    return own.get(metric, params.images)


def impossible(params: Evaluate, features: Features, reals: int | None) -> list[Problem]:
    """Settings for which there are too few images, each with the values that are allowed.

    Args:
        reals: images in the data; None where that is not known yet.
    """
    if reals is not None and (reason := too_few(reals)):
        return [("prepare", reason)]
    if features.space == "none":
        return []
    wanted, problems = params.metrics, []
    splits = params.inception_score.splits
    if "inception_score" in wanted and splits > params.images:
        reason = f"{splits} parts of {params.images} generated images (evaluate.images); take {params.images} at most"
        problems.append(("evaluate.inception_score.splits", reason))
    for metric in ("precision_recall", "density_coverage"):
        if metric in wanted:
            problems += _neighbours(metric, params, features, reals)
    return problems


def _neighbours(metric: str, params: Evaluate, features: Features, reals: int | None) -> list[Problem]:
    """A k-th nearest other image exists among k + 1 images."""
    settings: PrecisionRecallParams | DensityCoverageParams = getattr(params, metric)
    counts = {}
    if metric == "precision_recall":  # the only one in which generated images have neighbourhoods
        counts["generated images (evaluate.images)"] = params.images
    counts[f"images (evaluate.{metric}.images)"] = settings.images
    if reals is not None:
        counts["real images"] = reals
    if features.real_images is not None:
        counts["real images (features.real_images)"] = features.real_images
    which, count = min(counts.items(), key=lambda item: item[1])
    if settings.neighbours < count:
        return []
    reason = f"{settings.neighbours} of {count} {which}; take {count - 1} at most, or more images"
    return [(f"evaluate.{metric}.neighbours", reason)]


def classifier_problem(params: ClassifierParams, count: int) -> Problem | None:
    """Why the classifier cannot be trained on `count` labelled images, if so."""
    left = count - held_out(params, count)
    if left >= params.batch:
        return None
    reason = f"{params.batch}, but of {count} images {left} are left for training (features.classifier.held_out)"
    if left < 2:
        return "features.classifier.batch", f"{reason}; add images, or set features.space to none"
    return "features.classifier.batch", f"{reason}; the largest value is {left}"


def held_out(params: ClassifierParams, count: int) -> int:
    """Images that the classifier's accuracy is measured on, at least one."""
    return max(1, round(params.held_out * count))


def biased_swd(params: Evaluate, reals: int) -> dict[str, str]:
    """As `biased_features`, of the sliced Wasserstein distance to a data set of `reals` images."""
    if reals >= params.swd.images:
        return {}
    return {
        "swd": f"{reals} images per side, as many as the data have, where evaluate.swd.images asks for "
        f"{params.swd.images}; small sets lie further apart, so compare only values of equal size"
    }


def biased_features(params: Evaluate, by_class: Collection[str], sizes: Sizes) -> dict[str, str]:
    """Metrics on features that are defined, but not to be trusted with so few images: name -> why, and what is enough.

    Args:
        by_class: which of `classes` and `modes` are measured.
    """
    wanted, found, fakes, reals = params.metrics, {}, params.images, sizes.reals
    if "frechet" in wanted and min(fakes, reals) <= sizes.dimensions:
        found["frechet"] = (
            f"{fakes} generated and {reals} real images for features of {sizes.dimensions} dimensions; "
            f"both sides need more than {sizes.dimensions}"
        )
    if "kid" in wanted and min(fakes, reals) < params.kid.subset_size:
        found["kid_std"] = (
            f"subsets of {min(fakes, reals)} images, as many as there are, where evaluate.kid.subset_size asks for "
            f"{params.kid.subset_size}; kid itself stays unbiased"
        )
    for metric in ("precision_recall", "density_coverage"):
        settings = getattr(params, metric)
        k, most = settings.neighbours, settings.images
        if metric in wanted and min(fakes, reals, most) < NEIGHBOURHOODS * k:
            found[metric] = (
                f"{min(fakes, most)} generated and {min(reals, most)} real images for {k} neighbours; "
                f"both sides need at least {NEIGHBOURHOODS * k}"
            )
    if "memorisation" in wanted:
        found |= _memorisation(params.memorisation, fakes, reals)
    splits = params.inception_score.splits
    if "inception_score" in wanted and fakes < sizes.classes * splits:
        found["inception_score"] = (
            f"{fakes} images in {splits} parts (evaluate.inception_score.splits) for {sizes.classes} classes; "
            f"each part needs at least {sizes.classes}"
        )
    if "classes" in by_class and sizes.rarest is not None and fakes * sizes.rarest < 1:
        found["classes_found"] = (
            f"{fakes} generated images, but the rarest class is one image of {round(1 / sizes.rarest)}: "
            "it may be missing by chance"
        )
    if "modes" in by_class and fakes < sizes.classes:
        found["modes"] = f"{fakes} generated images cannot show all {sizes.classes} modes"
    return found


def _memorisation(params: MemorisationParams, fakes: int, reals: int) -> dict[str, str]:
    fakes, reals = min(fakes, params.images), min(reals, params.images)
    found = {}
    if min(fakes, reals) < CELL * params.cells:
        found["copying_ct"] = (
            f"{fakes} generated and {reals} real images in {params.cells} cells (evaluate.memorisation.cells); "
            f"cells with fewer than {CELL} are left out, and both sides need at least {CELL * params.cells}"
        )
    if min(fakes, reals) < CELL:
        found["copying"] = f"{fakes} generated and {reals} real images; both sides need at least {CELL}"
    if reals * NEAR < 1:
        found["near_copies"] = f"{NEAR:.0%} of {reals} real images is not one image; take at least {round(1 / NEAR)}"
    return found
