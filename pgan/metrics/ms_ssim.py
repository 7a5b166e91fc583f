"""Multi-scale structural similarity (Wang et al. 2003), as in the paper's official metric code.

The Gaussian window shrinks with the image, where Wang's stays at 11 taps: this is what makes five scales possible below
176 pixels.  The smallest image with five scales has 16 pixels a side (16, 8, 4, 2, 1); below that it is not defined.
An odd size loses its last row and column when halved (28, 14, 7, 3, 1); the official code stops there with an error.
"""

from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pgan.metrics.filters import correlate
from pgan.metrics.progress import counted
from pgan.metrics.reals import real_chunks
from pgan.metrics.sample import Sample
from pgan.metrics.uncertainty import mean_and_error
from pgan.randomness import derive

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales, from full resolution down (Wang et al. 2003, section 3.2)."""
SMALLEST = 16
"""Pixels a side of the smallest image with five scales."""
TAPS, SIGMA = 11, 1.5
"""The Gaussian window at full size, in pixels."""
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def compute(sample: Sample) -> dict[str, float]:
    """`ms_ssim` of pairs of generated images, and `ms_ssim_real` of as many real pairs: the value to hope for.

    With them `ms_ssim_se`, the standard error.

    Pairs are drawn at random: neighbours in the data set may be of one class, neighbouring samples never are.
    """
    fakes, reals, batch = sample.images("ms_ssim"), sample.reals, sample.at_once
    order = np.random.default_rng(derive(sample.seed, "pairs of fakes")).permutation(len(fakes))
    shuffled = (fakes[part] for part in np.array_split(order, range(batch, len(order), batch)))
    mean, error = mean_and_error(pair_similarities(counted(shuffled, len(fakes), "MS-SSIM")))
    found = {"ms_ssim": mean, "ms_ssim_se": error}
    count = sample.meta.count
    chosen = np.random.default_rng(derive(sample.seed, "pairs of reals")).permutation(count)
    chosen = chosen[: min(len(fakes), count - count % 2)]
    if len(chosen):
        chunks = real_chunks(reals.pyramid, sample.resolution, chosen, reals.mirror, sample.seed, batch)
        found["ms_ssim_real"] = float(pair_similarities(chunks).mean())
    return found


def pair_similarities(chunks: Iterable[np.ndarray]) -> Tensor:
    """The MS-SSIM of the images taken in pairs, 0 and 1, 2 and 3, …: (N / 2,) float64.

    Args:
        chunks: uint8 (n, C, H, W), n even, H and W at least 16.
    """
    return torch.cat([ms_ssim(torch.from_numpy(chunk[0::2]), torch.from_numpy(chunk[1::2])) for chunk in chunks])


def ms_ssim(first: Tensor, second: Tensor) -> Tensor:
    """MS-SSIM of each pair, (N,) float64, in [0, 1].

    Args:
        first, second: images in [0, 255], (N, C, H, W), H and W at least 16.
    """
    x, y = first.double(), second.double()
    result = torch.ones(len(x), dtype=torch.float64)
    for scale, weight in enumerate(WEIGHTS):
        similarity, contrast = _ssim(x, y)
        last = scale == len(WEIGHTS) - 1
        result *= (similarity if last else contrast).clamp(min=0) ** weight  # a negative base would give NaN
        if not last:
            x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    return result


def _ssim(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """SSIM and its contrast-structure part of each pair, averaged over pixels and channels, (N,)."""
    taps = min(TAPS, *x.shape[2:])
    means = _blur(torch.stack([x, y, x * x, y * y, x * y]), taps)
    mean_x, mean_y = means[:2]
    variances = means[2] - mean_x**2 + means[3] - mean_y**2
    contrast = (2 * (means[4] - mean_x * mean_y) + C2) / (variances + C2)
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    return (luminance * contrast).mean((1, 2, 3)), contrast.mean((1, 2, 3))


def _blur(images: Tensor, taps: int) -> Tensor:
    """Gaussian filter over the last two dimensions, where the window fits; sigma in proportion to its size."""
    offsets = torch.arange(taps, dtype=torch.float64) - (taps - 1) / 2
    window = torch.exp(-(offsets**2) / (2 * (SIGMA * taps / TAPS) ** 2))
    window /= window.sum()
    return correlate(correlate(images, window.tolist(), -1), window.tolist(), -2)
