"""Seconds of a run that are not training: preparing, measuring, pictures, and the start of each stage."""

from pgan.new_experiment.metrics_section import Measuring
from pgan.new_experiment.sizes import Size
from pgan.planning.rates import STAGE, picture_seconds

METRICS = 6.0
"""Seconds that the metrics themselves take for 2,000 images."""


def overhead(size: Size, images: int, how: Measuring, look_per_second: float) -> float:
    """All seconds except for training.

    Args:
        images: in the pyramid.
        look_per_second: images that `pgan new` has looked at each second; preparing takes about as long.
    """
    phases = 2 * len(size.levels) - 1
    metrics = METRICS * phases * how.fakes / 2000 * max(1.0, size.resolution / 64)
    start = STAGE * (2 * phases + 4)
    return images / max(look_per_second, 1.0) + start + how.seconds + metrics + picture_seconds(size.resolution)
