"""The figures of each image set, and which of them are to be trusted."""

import numpy as np

from pgan.comparing.image_set import Terms
from pgan.comparing.reference import Reference
from pgan.comparing.settings import FEATURE_BATCH
from pgan.metric_table import METRICS
from pgan.metrics.config import Evaluate
from pgan.metrics.evaluation import measure
from pgan.metrics.outputs import rounded
from pgan.metrics.sample import Sample
from pgan.metrics.sizes import Sizes, biased_features


def figures(pixels: np.ndarray, reference: Reference, params: Evaluate, terms: Terms) -> dict[str, float]:
    """All metrics of one set of images, and their standard errors, as `pgan evaluate` names and rounds them.

    Args:
        pixels: uint8 (n, C, r, r).
    """
    sample = Sample(
        generated=pixels,
        labels=None,
        reals=reference.reals,
        meta=reference.meta,
        frequencies=np.zeros(0, np.int64),
        params=params,
        target=terms.resolution,
        seed=terms.seed,
        scratch=terms.scratch,
        extractor=reference.extractor,
        batch=FEATURE_BATCH,
    )
    found: dict[str, float] = {}
    for metric in METRICS:
        if metric.name in params.metrics:
            found |= measure(metric, sample)
    # there is one size, so that this would be `frechet` again
    return rounded({name: value for name, value in found.items() if not name.startswith("frechet_target")})


def not_trusted(params: Evaluate, reals: int, dimensions: int) -> dict[str, str]:
    """Metrics that are defined, but not to be trusted with so few images: name -> why, and what is enough.

    Args:
        reals: images of the reference.
        dimensions: of the features; 0 where there are none.
    """
    return biased_features(params, (), Sizes(reals, dimensions, 0, None)) if dimensions else {}
