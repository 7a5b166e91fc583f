"""How near generated images are to the real ones, beside how near these are to each other."""

from dataclasses import dataclass

from torch import Tensor

from pgan.metrics.neighbours import centred, nearest


@dataclass(frozen=True, eq=False)
class Nearness:
    """Distances between features; all real images are searched."""

    real: Tensor
    """Features of all real images, (N, D) float64, moved to mean 0."""
    fake: Tensor
    """Features of the generated images, moved alike, (M, D) float64."""
    some: Tensor
    """Indices of real images, (n,) int64."""
    of_fakes: Tensor
    """Distances from each generated image to the nearest real ones, ascending, (M, k)."""
    indices: Tensor
    """Which real images these are, (M, k) int64."""
    of_reals: Tensor
    """Distance from each of `some` to the nearest other real image, (n,)."""


def nearness(real: Tensor, fake: Tensor, some: Tensor, count: int = 1) -> Nearness:
    """Search the `count` nearest real images of each generated one, or all where there are fewer.

    Args:
        real, fake: features, (N, D) and (M, D); N at least 2.
        some: indices of the reals that are compared with the fakes, (n,) int64.
    """
    real, fake = centred(real, fake)
    distances, indices = nearest(fake, real, min(count, len(real)))
    of_reals = nearest(real[some], real, 2)[0][:, 1]  # the nearest of all is the image itself
    return Nearness(real, fake, some, distances, indices, of_reals)
