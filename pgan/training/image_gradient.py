"""The critic's scores, and their gradient with respect to the images, written out as a network of its own.

The gradient penalty (Gulrajani et al. 2017, equation 3) takes the norm of ∇D(x̂) and is itself differentiated.
Automatic differentiation can do both (`losses.squared_norms`).  But its second pass through a convolution takes two to
three times as long as a convolution, it sends zeros back through every leaky ReLU, and torch.compile does not follow
`create_graph`.  The critic is simple enough to be run backwards by hand.  Backwards, a convolution is the transposed
convolution with the same kernel, a leaky ReLU is a factor of 1 or its slope, a 2×2 mean is a quarter of nearest
upsampling.  The result is an ordinary function of the parameters, and one ordinary backward pass does the rest.

It equals automatic differentiation up to rounding (tests/training/test_fast_step.py).
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from pgan.networks.config import Networks
from pgan.networks.layers import EPSILON, downsample, leaky_relu, minibatch_stddev, positive_or, upsample
from pgan.networks.network import Alpha, Critic
from pgan.networks.progressive import Progressive
from pgan.networks.progressive import networks as progressive
from pgan.networks.progressive.layers import Conv, Dense
from pgan.networks.progressive.networks import CriticBlock, CriticOutput, fading

Backwards = Callable[[Tensor], Tensor]
"""The gradient with respect to a layer's output -> that with respect to its input."""
Passed = tuple[Tensor, Backwards]
"""A layer's output, and the way back through it."""
Layer = Callable[[Tensor], Passed]


def is_written_out(networks: Networks) -> bool:
    """Whether the layers below are all that the critic of such networks has."""
    return isinstance(networks, Progressive) and not networks.layer_norm and not networks.minibatch_discrimination


def score_and_gradient(
    critic: Critic, sets: list[Tensor], alpha: Alpha, wanted: int = 1
) -> tuple[Tensor, Tensor, Tensor]:
    """Scores (S·N,) and logits (S·N, classes) of S sets of N images, and ∇D at the images of the last `wanted` sets.

    The sets share a batch, which is faster than a batch for each, but no group of the minibatch standard deviation.
    The gradient, (wanted·N, C, r, r), is differentiable by the critic's parameters.
    """
    assert isinstance(critic, progressive.Critic)
    images, count = torch.cat(sets) if len(sets) > 1 else sets[0], wanted * len(sets[-1])
    reverse = ReverseCritic(critic, len(sets), wanted, count)
    r, lower = critic.resolution, critic.resolutions[-2::-1]
    x, back = chain(images, [*reverse.from_image(r), *reverse.block(r)])
    if lower and fading(alpha):
        coarse, coarse_back = chain(images, [mean, *reverse.from_image(lower[0])])
        x = coarse + (x - coarse) * alpha
        back = faded(back, coarse_back, alpha)
    x, lower_back = chain(x, [layer for size in lower for layer in reverse.block(size)])
    last = reverse.output().dense1
    score = last.scaled_weight()[:1]  # (1, hidden): the last layer is linear, so this is its gradient
    out = last(x)
    return out[:, 0], out[:, 1:], back(lower_back(score.expand(count, -1)))


# --- the critic's parts, in the order in which an image passes them


class ReverseCritic:
    """A critic's layers, each with the way back through it.

    A batch holds `sets` sets of images. Gradients go back to the last `wanted` of them: the last `count` images.
    """

    def __init__(self, critic: progressive.Critic, sets: int, wanted: int, count: int) -> None:
        self.critic, self.sets, self.wanted, self.count = critic, sets, wanted, count

    def from_image(self, resolution: int) -> list[Layer]:
        """Image -> features of a resolution."""
        layer = self.critic.from_image[str(resolution)]
        assert isinstance(layer, Conv)
        return [convolution(layer), self.activation()]

    def block(self, resolution: int) -> list[Layer]:
        """The block of a resolution; at the base it ends before the critic's final, linear layer."""
        part, slope = self.critic.blocks[str(resolution)], self.activation()
        if isinstance(part, CriticBlock):
            layers = [convolution(part.conv0), slope, convolution(part.conv1), slope]
            return layers if part.fused else [*layers, mean]
        last = self.output()
        layers = [convolution(last.conv), slope, dense(last.dense0), slope]
        return [self.stddev(), *layers] if self.critic.config.minibatch_stddev else layers

    def output(self) -> CriticOutput:
        """The block of the base resolution."""
        part = self.critic.blocks[str(self.critic.config.base_size)]
        assert isinstance(part, CriticOutput)
        return part

    def activation(self) -> Layer:
        """Leaky ReLU."""
        slope = self.critic.config.critic_slope

        def forwards(x: Tensor) -> Passed:
            own = x[-self.count :].detach()  # in eager code soon overwritten by values of the same signs
            if torch.compiler.is_compiling():
                factor = positive_or(own, slope)
                return leaky_relu(x, slope), lambda g: g * factor
            return leaky_relu(x, slope), lambda g: torch.ops.aten.leaky_relu_backward(g, own, slope, False)

        return forwards

    def stddev(self) -> Layer:
        """The minibatch standard deviation: of one entry x of a group of k, dσ/dx = (x - μ) / (k·σ)."""
        group = self.critic.config.minibatch_stddev

        def forwards(x: Tensor) -> Passed:
            own = x[-self.count :]
            n, channels = self.count // self.wanted, own.shape[1]
            k = min(group, n)
            y = own.reshape(self.wanted, k, n // k, *own.shape[1:])  # (wanted, k, N/k, C, H, W)
            y = y - y.mean(1, keepdim=True)
            slope = y / ((y.square().mean(1, keepdim=True) + EPSILON).sqrt() * (k * own[0].numel()))

            def back(g: Tensor) -> Tensor:
                shared = g[:, channels].reshape(self.wanted, k, n // k, -1)
                shared = shared.sum((1, 3)).view(self.wanted, 1, n // k, 1, 1, 1)  # one number per group: they add up
                return g[:, :channels] + (slope * shared).view(own.shape)

            return minibatch_stddev(x, group, self.sets), back

        return forwards


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
        return F.linear(x.flatten(1), weight, layer.bias), lambda g: (g @ weight).view(-1, *x.shape[1:])

    return forwards


def mean(x: Tensor) -> Passed:
    """Means of 2×2 boxes."""
    return downsample(x), lambda g: upsample(g) * 0.25
