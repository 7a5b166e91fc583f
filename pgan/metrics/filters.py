"""Small filters along one axis, as sums of shifted slices: many times as fast on a CPU as a one-channel convolution."""

from collections.abc import Sequence

from torch import Tensor


def correlate(images: Tensor, taps: Sequence[float], dim: int) -> Tensor:
    """The weighted sum over a window sliding along `dim`, where it fits: that axis gets len(taps) - 1 shorter."""
    size = images.shape[dim] - len(taps) + 1
    result = images.narrow(dim, 0, size) * taps[0]
    for shift, tap in enumerate(taps[1:], start=1):
        result.add_(images.narrow(dim, shift, size), alpha=tap)
    return result
