"""The critic's gradient with respect to its images, written out as a network of its own.

The gradient penalty (Gulrajani et al. 2017, equation 3) takes the norm of ∇D(x̂) and is itself differentiated.
Automatic differentiation can do both, but its second pass through a convolution takes two to three times as long as a
convolution, it sends explicit zeros back through every leaky ReLU, and torch.compile does not follow `create_graph`.
The critic is simple enough to be run backwards by hand: backwards, a convolution is the transposed convolution with the
same kernel, a leaky ReLU is a factor of 1 or its slope, a 2×2 mean is a quarter of nearest upsampling.  What comes out
is an ordinary function of the parameters, and one ordinary backward pass does the rest.

It equals automatic differentiation up to rounding (tests/training/test_fast_step.py).
"""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from pgan.networks.config import Networks, Progressive
from pgan.networks.layers import EPSILON, Conv, Dense, downsample, leaky_relu, minibatch_stddev, positive_or, upsample
from pgan.networks.network import Alpha
from pgan.networks.progressive import Critic, CriticBlock, CriticOutput, fading

Backwards = Callable[[Tensor], Tensor]
"""The gradient with respect to a layer's output -> that with respect to its input."""
Passed = tuple[Tensor, Backwards]
"""A layer's output, and the way back through it."""
Layer = Callable[[Tensor], Passed]


def is_written_out(networks: Networks) -> bool:
    """Whether the layers below are all that the critic of such networks has."""
    return isinstance(networks, Progressive) and not networks.layer_norm and not networks.minibatch_discrimination


def image_gradient(critic: Critic, images: Tensor, alpha: Alpha) -> Tensor:
    """∇D at each image, (N, C, r, r), differentiable by the critic's parameters; N a multiple of the stddev's group."""
    r, lower = critic.resolution, critic.resolutions[-2::-1]
    x, back = chain(images, [*from_image(critic, r), *block(critic, r)])
    if lower and fading(alpha):
        coarse, coarse_back = chain(images, [mean, *from_image(critic, lower[0])])
        x = coarse + (x - coarse) * alpha
        back = faded(back, coarse_back, alpha)
    x, lower_back = chain(x, [layer for size in lower for layer in block(critic, size)])
    score = output(critic).dense1.scaled_weight()[:1]  # (1, hidden): the last layer is linear, so this is its gradient
    return back(lower_back(score.expand(len(images), -1)))


# --- the critic's parts, in the order in which an image passes them


def from_image(critic: Critic, resolution: int) -> list[Layer]:
    """Image -> features of a resolution."""
    layer = critic.from_image[str(resolution)]
    assert isinstance(layer, Conv)
    return [convolution(layer), activation(critic.config.critic_slope)]


def block(critic: Critic, resolution: int) -> list[Layer]:
    """The block of a resolution; that of the base ends before the critic's final, linear layer."""
    part, slope = critic.blocks[str(resolution)], activation(critic.config.critic_slope)
    if isinstance(part, CriticBlock):
        layers = [convolution(part.conv0), slope, convolution(part.conv1), slope]
        return layers if part.fused else [*layers, mean]
    last, group = output(critic), critic.config.minibatch_stddev
    layers = [convolution(last.conv), slope, dense(last.dense0), slope]
    return [stddev(group), *layers] if group else layers


def output(critic: Critic) -> CriticOutput:
    """The block of the base resolution."""
    part = critic.blocks[str(critic.config.base_size)]
    assert isinstance(part, CriticOutput)
    return part


# --- layers that can go back


def chain(x: Tensor, layers: list[Layer]) -> Passed:
    """One layer after the other, and the way back through all of them."""
    backs: list[Backwards] = []
    for layer in layers:
        x, back = layer(x)
        backs.append(back)

    def backwards(gradient: Tensor) -> Tensor:
        for back in reversed(backs):
            gradient = back(gradient)
        return gradient

    return x, backwards


def faded(fine: Backwards, coarse: Backwards, alpha: Alpha) -> Backwards:
    """Backwards through the fade: each way gets its share."""
    return lambda gradient: fine(gradient * alpha) + coarse(gradient * (1.0 - alpha))


def convolution(layer: Conv) -> Layer:
    """A convolution of stride 1, or 2 where the scaling is fused."""

    def forwards(x: Tensor) -> Passed:
        kernel, stride, padding = layer.kernel(), layer.stride, layer.padding
        y = F.conv2d(x, kernel, layer.bias, stride, padding)
        return y, lambda g: F.conv_transpose2d(g, kernel, stride=stride, padding=padding)

    return forwards


def dense(layer: Dense) -> Layer:
    """A fully connected layer over all that belongs to a sample."""

    def forwards(x: Tensor) -> Passed:
        weight = layer.scaled_weight()
        return F.linear(x.flatten(1), weight, layer.bias), lambda g: (g @ weight).view(x.shape)

    return forwards


def activation(slope: float) -> Layer:
    """Leaky ReLU."""

    def forwards(x: Tensor) -> Passed:
        factor = positive_or(x, slope)
        return leaky_relu(x, slope), lambda g: g * factor

    return forwards


def mean(x: Tensor) -> Passed:
    """Means of 2×2 boxes."""
    return downsample(x), lambda g: upsample(g) * 0.25


def stddev(group: int) -> Layer:
    """The minibatch standard deviation: of one entry x of a group of k, dσ/dx = (x - μ) / (k·σ)."""

    def forwards(x: Tensor) -> Passed:
        n, channels = x.shape[:2]
        k = min(group, n)
        y = x.reshape(k, n // k, *x.shape[1:])  # (k, N/k, C, H, W)
        y = y - y.mean(0, keepdim=True)
        slope = y / ((y.square().mean(0) + EPSILON).sqrt() * (k * x[0].numel()))

        def back(g: Tensor) -> Tensor:
            shared = g[:, channels].reshape(k, n // k, -1).sum((0, 2))  # one number per group, so its gradients add up
            return g[:, :channels] + (slope * shared.view(-1, 1, 1, 1)).view(x.shape)

        return minibatch_stddev(x, group), back

    return forwards
