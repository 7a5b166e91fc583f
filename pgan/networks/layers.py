"""The layers of the progressive networks (Karras et al. 2018, sections 3 and 4, and what their Table 1 compares)."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pgan.networks.config import DISCRIMINATION_SIZE

SQRT2 = math.sqrt(2.0)
EPSILON = 1e-8
NORM_EPSILON = 1e-5
"""Of batch and layer normalisation."""
NORM_MOMENTUM = 0.1
"""Weight of a batch in batch normalisation's running statistics."""


class Scaled(nn.Module):
    """A weight with equalized learning rate, and a bias (section 4.1).

    The weight is drawn from N(0, 1) and multiplied at run time by He's constant gain/√fan_in; the bias starts at 0 and
    is not scaled.  Without equalized learning rate the constant goes into the initial weight instead.
    """

    def __init__(self, shape: tuple[int, ...], biases: int, fan_in: int, gain: float, equalized: bool) -> None:
        super().__init__()
        constant = gain / math.sqrt(fan_in)
        self.scale, self.initial_std = (constant, 1.0) if equalized else (1.0, constant)
        self.weight = nn.Parameter(torch.empty(shape))
        self.bias = nn.Parameter(torch.zeros(biases))

    def initialize(self, generator: torch.Generator) -> None:
        """Draw the weight; the order of the calls decides what each layer gets."""
        with torch.no_grad():
            self.weight.normal_(0.0, self.initial_std, generator=generator)
            self.bias.zero_()

    def scaled_weight(self) -> Tensor:
        """The weight that the layer applies."""
        return self.weight if self.scale == 1.0 else self.weight * self.scale


class Conv(Scaled):
    """Convolution of odd kernel size with zero padding: (N, C_in, H, W) -> (N, C_out, H, W)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, equalized: bool, gain: float = SQRT2) -> None:
        super().__init__((outputs, inputs, kernel, kernel), outputs, inputs * kernel * kernel, gain, equalized)
        self.stride, self.padding = 1, kernel // 2

    def kernel(self) -> Tensor:
        """The kernel that the layer convolves with."""
        return self.scaled_weight()

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.kernel(), self.bias, self.stride, self.padding)


class UpConv(Conv):
    """Nearest ×2 upsampling, then a 3×3 convolution: (N, C_in, H, W) -> (N, C_out, 2H, 2W).

    Fused, both are one 4×4 stride-2 transposed convolution.  That runs the kernel backwards, so it is flipped first:
    the two forms are the same function of the same weights.
    """

    def __init__(self, inputs: int, outputs: int, equalized: bool, fused: bool) -> None:
        super().__init__(inputs, outputs, 3, equalized)
        self.fused = fused

    def forward(self, x: Tensor) -> Tensor:
        if not self.fused:
            return super().forward(upsample(x))
        kernel = spread(self.scaled_weight().flip(2, 3)).transpose(0, 1)
        return F.conv_transpose2d(x, kernel, self.bias, stride=2, padding=1)


class DownConv(Conv):
    """A 3×3 convolution and a 2×2 mean as one 4×4 stride-2 convolution: (N, C_in, 2H, 2W) -> (N, C_out, H, W).

    The official critic's fused form.  Its activation comes after the mean, not before as in the unfused critic.
    """

    def __init__(self, inputs: int, outputs: int, equalized: bool) -> None:
        super().__init__(inputs, outputs, 3, equalized)
        self.stride = 2

    def kernel(self) -> Tensor:
        return spread(self.scaled_weight()) * 0.25


class Dense(Scaled):
    """A fully connected layer: (N, inputs) -> (N, outputs)."""

    def __init__(self, inputs: int, outputs: int, equalized: bool, gain: float = SQRT2) -> None:
        super().__init__((outputs, inputs), outputs, inputs, gain, equalized)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.scaled_weight(), self.bias)


class DenseToMap(Scaled):
    """The generator's first layer: (N, inputs) -> (N, outputs, size, size), with one bias per channel.

    The gain √2/size is that of a size×size transposed convolution over a 1×1 map, as the authors' original code had it.
    """

    def __init__(self, inputs: int, outputs: int, size: int, equalized: bool) -> None:
        super().__init__((outputs * size * size, inputs), outputs, inputs, SQRT2 / size, equalized)
        self.shape = (-1, outputs, size, size)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.scaled_weight()).view(self.shape) + self.bias.view(1, -1, 1, 1)


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


class LayerNorm(nn.Module):
    """Layer normalisation over all of a sample (Ba et al. 2016): (N, C, …) -> the same shape; scale and shift per map.

    What stands in for batch normalisation in a critic under the gradient penalty, which is one of each sample alone
    (Gulrajani et al. 2017, section 4).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.group_norm(x, 1, self.weight, self.bias, NORM_EPSILON)


class MinibatchDiscrimination(Scaled):
    """Append to a sample's features how near the batch is to them (Salimans et al. 2016, section 3.2).

    (N, inputs) -> (N, inputs + kernels): for each kernel Σ exp(-‖M_i - M_j‖₁) over all samples j, plus a bias, where M
    are linear functions of the features.  A batch may hold several sets of samples, which are compared within each.
    """

    def __init__(self, inputs: int, kernels: int, equalized: bool) -> None:
        super().__init__((kernels * DISCRIMINATION_SIZE, inputs), kernels, inputs, 1.0, equalized)

    def forward(self, x: Tensor, sets: int = 1) -> Tensor:
        m = F.linear(x, self.scaled_weight()).view(sets, len(x) // sets, -1, DISCRIMINATION_SIZE)
        distances = (m.unsqueeze(1) - m.unsqueeze(2)).abs().sum(4)  # (sets, N, N, kernels)
        return torch.cat([x, (-distances).exp().sum(1).flatten(0, 1) + self.bias], 1)


def spread(kernel: Tensor) -> Tensor:
    """(O, I, 3, 3) -> (O, I, 4, 4): the sum of the four one-pixel shifts of the zero-padded kernel."""
    k = F.pad(kernel, (1, 1, 1, 1))
    return k[..., 1:, 1:] + k[..., :-1, 1:] + k[..., 1:, :-1] + k[..., :-1, :-1]


def upsample(x: Tensor) -> Tensor:
    """Nearest ×2: (N, C, H, W) -> (N, C, 2H, 2W)."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


def downsample(x: Tensor) -> Tensor:
    """Means of 2×2 boxes: (N, C, 2H, 2W) -> (N, C, H, W)."""
    return F.avg_pool2d(x, 2)


def leaky_relu(x: Tensor, slope: float) -> Tensor:
    """x where it is positive, else slope·x.  In eager code the result takes x's place in memory, and x is gone.

    Training then keeps one map per layer instead of two: of a leaky ReLU's input, the way back needs the signs alone,
    which its output has too, and the layer before it needs its own input only.  What is exported keeps its x.
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


def run(block: nn.Module, *inputs: Any, again: bool) -> Tensor:
    """A block's output; with `again`, its maps are not kept but computed again for the backward pass."""
    if again and torch.is_grad_enabled():
        output: Tensor = checkpoint(block, *inputs, use_reentrant=False)
        return output
    return block(*inputs)


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
