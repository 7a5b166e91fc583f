"""The table of metrics: one row for each name that `evaluate.metrics` may list.

What is measured, drawn in metrics.png and printed after `dvc repro` follows from these rows.  To add a metric, write a
function `compute(sample) -> {name: value}` in a file of its own under `pgan/metrics/`, and a row here.

The table imports nothing, so that the pictures and the summary can use it without the code that measures.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

Better = Literal["lower", "higher"]


@dataclass(frozen=True)
class Value:
    """A number in metrics.json that is drawn, and printed in the summary."""

    name: str
    """Its key in metrics.json."""
    label: str
    """Its name in a legend."""
    better: Better | None = None
    reference: bool = False
    """Whether it measures the real images: it is drawn in grey, for comparison, and left out of the summary."""


@dataclass(frozen=True)
class Panel:
    """A metric's panel in metrics.png."""

    title: str
    """Beside the vertical axis."""
    log: bool = False
    """Logarithmic vertical axis."""
    limits: tuple[float, float] | None = None
    """Of the vertical axis, where the metric has bounds."""


@dataclass(frozen=True)
class Metric:
    """One row."""

    name: str
    """In `evaluate.metrics`."""
    compute: str
    """`module:function`, imported when it is needed. The function takes a `pgan.metrics.sample.Sample`."""
    needs: Literal["images", "features", "classes"]
    """Images alone; a feature space; or a feature space that knows the classes of the data, as the classifier does."""
    panel: Panel
    values: tuple[Value, ...]
    """What is drawn and printed; metrics.json may hold further numbers."""
    smallest: int = 1
    """Pixels per side of the smallest images for which it is defined."""
    jackknife: bool = False
    """Whether its values get error bars by the jackknife: for functions that are fast once the features are there."""


METRICS = [
    Metric(
        "frechet",
        compute="pgan.metrics.frechet:compute",
        needs="features",
        panel=Panel("Fréchet distance", log=True),
        values=(
            Value("frechet", "reals at the phase's size", "lower"),
            Value("frechet_target", "reals at the target size", "lower"),
        ),
        jackknife=True,
    ),
    Metric(
        "kid",
        compute="pgan.metrics.kid:compute",
        needs="features",
        panel=Panel("KID"),  # not logarithmic: the estimate is unbiased, and thus may be below 0
        values=(Value("kid", "KID", "lower"),),
    ),
    Metric(
        "precision_recall",
        compute="pgan.metrics.precision_recall:compute",
        needs="features",
        panel=Panel("precision, recall", limits=(0, 1)),
        values=(Value("precision", "precision", "higher"), Value("recall", "recall", "higher")),
    ),
    Metric(
        "density_coverage",
        compute="pgan.metrics.density_coverage:compute",
        needs="features",
        panel=Panel("density, coverage"),
        values=(Value("density", "density", "higher"), Value("coverage", "coverage", "higher")),
    ),
    Metric(
        "memorisation",
        compute="pgan.metrics.memorisation:compute",
        needs="features",
        panel=Panel("copies of real images", limits=(0, 1)),
        values=(
            Value("copying", "nearer to a real than reals are (fresh images: 0.5)"),
            Value("near_copies", "nearer than 1 % of the reals (fresh images: 0.01)", "lower"),
        ),
    ),
    Metric(
        "inception_score",
        compute="pgan.metrics.inception_score:compute",
        needs="features",
        panel=Panel("inception score"),
        values=(Value("inception_score", "inception score", "higher"),),
        jackknife=True,
    ),
    Metric(
        "classes",
        compute="pgan.metrics.classes:compute",
        needs="classes",
        panel=Panel("classes"),
        values=(
            Value("label_accuracy", "label accuracy", "higher"),
            Value("class_kl", "KL to the data's classes", "lower"),
        ),
        jackknife=True,
    ),
    Metric(
        "modes",
        compute="pgan.metrics.modes:compute",
        needs="classes",
        panel=Panel("modes", limits=(0, 1000)),
        values=(Value("modes", "of 1000 found", "higher"),),
    ),
    Metric(
        "attributes",
        compute="pgan.metrics.attributes:compute",
        needs="features",
        panel=Panel("attributes shown", limits=(0, 1)),
        values=(
            Value("attribute_values", "values", "higher"),
            Value("attribute_pairs", "pairs of values", "higher"),
        ),
    ),
    Metric(
        "swd",
        compute="pgan.metrics.sliced_wasserstein:compute",
        needs="images",
        panel=Panel("SWD × 10³"),
        values=(Value("swd", "mean of all levels", "lower"),),
        smallest=7,
    ),
    Metric(
        "ms_ssim",
        compute="pgan.metrics.ms_ssim:compute",
        needs="images",
        panel=Panel("MS-SSIM of pairs"),
        values=(Value("ms_ssim", "generated"), Value("ms_ssim_real", "real", reference=True)),
        smallest=16,
    ),
]
ARROWS = {"lower": " ↓", "higher": " ↑", None: ""}
"""Where better is."""


def defined(names: Collection[str], resolution: int, has_features: bool) -> list[Metric]:
    """The metrics of these names that are defined for images of a resolution, and with or without a feature space."""
    rows = [metric for metric in METRICS if metric.name in names and resolution >= metric.smallest]
    return [metric for metric in rows if has_features or metric.needs == "images"]


def values() -> dict[str, Value]:
    """All of them by their keys in metrics.json, in the order of the table."""
    return {value.name: value for metric in METRICS for value in metric.values}


def summary_columns() -> list[str]:
    """The keys of metrics.json that are printed in the summary, in the order of the table."""
    return [value.name for value in values().values() if not value.reference]
