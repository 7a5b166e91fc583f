"""The layers of the networks that grow (Karras et al. 2018, section 4, and what their Table 1 compares)."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pgan.networks.layers import NORM_EPSILON, upsample
from pgan.networks.progressive.section import DISCRIMINATION_SIZE

SQRT2 = math.sqrt(2.0)


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

    The authors' original code had a size×size transposed convolution over a 1×1 map; its gain is √2/size, so is ours.
    """

    def __init__(self, inputs: int, outputs: int, size: int, equalized: bool) -> None:
        super().__init__((outputs * size * size, inputs), outputs, inputs, SQRT2 / size, equalized)
        self.shape = (-1, outputs, size, size)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.scaled_weight()).view(self.shape) + self.bias.view(1, -1, 1, 1)


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


def run(block: nn.Module, *inputs: Any, again: bool) -> Tensor:
    """A block's output; with `again`, its maps are not kept but computed again for the backward pass."""
    if again and torch.is_grad_enabled():
        output: Tensor = checkpoint(block, *inputs, use_reentrant=False)
        return output
    return block(*inputs)
