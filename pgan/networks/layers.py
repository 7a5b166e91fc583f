"""Layers that several architectures share."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPSILON = 1e-8
"""Added to what is divided by or put under a root."""
NORM_EPSILON = 1e-5
"""The same in batch and layer normalisation."""
NORM_MOMENTUM = 0.1
"""Weight of a batch in batch normalisation's running statistics."""


class BatchNorm(nn.Module):
    """Batch normalisation (Ioffe and Szegedy 2015): (N, C, H, W) -> the same shape, with a scale and shift per map.

    Normalised by the batch's mean and variance while training, by their running averages in evaluation.  Unlike
    torch's own, it counts no batches: all that it holds are floating-point numbers.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("variance", torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        scaling = self.weight, self.bias, self.training, NORM_MOMENTUM, NORM_EPSILON
        return F.batch_norm(x, self.mean, self.variance, *scaling)


def upsample(x: Tensor) -> Tensor:
    """Nearest ×2: (N, C, H, W) -> (N, C, 2H, 2W)."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


def downsample(x: Tensor) -> Tensor:
    """Means of 2×2 boxes: (N, C, 2H, 2W) -> (N, C, H, W)."""
    return F.avg_pool2d(x, 2)


def leaky_relu(x: Tensor, slope: float) -> Tensor:
    """x where it is positive, else slope·x.  In eager code the result overwrites x.

    Training then keeps one map per layer instead of two.  The backward pass of a leaky ReLU needs only the signs of its
    input, which the output has too.  Exported code does not overwrite x.
    """
    if torch.compiler.is_compiling() and not torch.compiler.is_exporting():
        return x * positive_or(x, slope)
    return F.leaky_relu(x, slope, inplace=not (torch.compiler.is_exporting() or torch.jit.is_tracing()))


def positive_or(x: Tensor, slope: float) -> Tensor:
    """1 where x is positive, else `slope`; no gradient.

    Without a comparison: torch.compile would keep its outcome, for the backward pass, as booleans, and on CPUs writes
    those so slowly that the compiled step is no faster than the eager one.
    """
    return slope + (1.0 - slope) * x.detach().sign().relu()


def precisely(layer: nn.Module, x: Tensor) -> Tensor:
    """A layer in single precision, also inside autocast: where an image or a score comes out, whose last digits count.

    Rounded to eight bits, images would have less than 256 levels in half of their range, and the critic could tell.
    """
    if not torch.is_autocast_enabled(x.device.type):
        return layer(x)
    with torch.autocast(x.device.type, enabled=False):
        return layer(x.float())


def pixel_norm(x: Tensor) -> Tensor:
    """Divide by the root mean square over dimension 1 (section 4.2)."""
    precise = x.to(torch.promote_types(x.dtype, torch.float32))
    return x * torch.rsqrt(precise.square().mean(1, keepdim=True) + EPSILON).to(x.dtype)


def minibatch_stddev(x: Tensor, group: int, sets: int = 1) -> Tensor:
    """Append one channel: the standard deviation within the sample's group, averaged to a single scalar (section 3).

    Sample i is grouped with i + N/group, i + 2N/group, …: (N, C, H, W) -> (N, C + 1, H, W).  A batch may hold several
    sets of samples, one set after the other, of N each: groups are then formed within each set.
    """
    n, _, h, w = x.shape
    group = min(group, n // sets)
    precise = torch.promote_types(x.dtype, torch.float32)  # a half-precision variance would be mostly rounding
    y = x.reshape(sets, group, n // sets // group, *x.shape[1:]).to(precise)  # (sets, group, N/group, C, H, W)
    y = y - y.mean(1, keepdim=True)
    deviation = (y.square().mean(1) + EPSILON).sqrt().mean((2, 3, 4))  # (sets, N/group)
    channel = deviation.to(x.dtype).repeat(1, group).view(n, 1, 1, 1).expand(n, 1, h, w)
    return torch.cat([x, channel], 1)
