"""EfficientNet-Lite0, the convolutional network whose ImageNet features are the space `imagenet`.

The layers are those of EfficientNet-B0 (Tan & Le 2019, Table 1) as Google's "Lite" release has them: without
squeeze-and-excitation, and with ReLU6 in place of swish. In use, each batch norm is an affine map, so it is multiplied
into the convolution before it: W' = W·γ/√(σ² + ε), b' = β − μ·γ/√(σ² + ε).
"""

from collections.abc import Iterator, Mapping

import torch.nn.functional as F
from torch import Tensor, nn

STAGES = [(3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3), (5, 2, 6, 192, 4),
          (3, 1, 6, 320, 1)]  # fmt: skip
"""Kernel, stride of the first block, expansion, channels, blocks."""
STEM, HEAD, CLASSES = 32, 1280, 1000
FEATURES = STAGES[-1][3]
"""Channels of the last block: the dimensions of the feature space."""
BATCH_NORM_EPSILON = 1e-3
Names = tuple[str, str]
"""A convolution and its batch norm in the published weights."""


class EfficientNetLite0(nn.Module):
    """Expects images of a size that 32 divides, as TensorFlow's padding is written for even sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Convolution(3, STEM, kernel=3, stride=2)
        blocks, inputs = [], STEM
        for kernel, stride, expansion, channels, count in STAGES:
            for i in range(count):
                blocks.append(Block(inputs, channels, kernel, stride if i == 0 else 1, expansion))
                inputs = channels
        self.blocks = nn.Sequential(*blocks)
        self.head = Convolution(inputs, HEAD)
        self.classifier = nn.Linear(HEAD, CLASSES)

    def maps(self, images: Tensor) -> Tensor:
        """Feature maps of the last block, (N, 320, r/32, r/32), of RGB images in [0, 255], (N, 3, r, r)."""
        return self.blocks(_relu6(self.stem((images - 127) / 128)))

    def features(self, images: Tensor) -> Tensor:
        """Their means over the pixels, (N, 320)."""
        return self.maps(images).mean((2, 3))

    def logits(self, images: Tensor) -> Tensor:
        """Of ImageNet's classes, (N, 1000)."""
        return self.classifier(_relu6(self.head(self.maps(images))).mean((2, 3)))


class Block(nn.Module):
    """Inverted residual: widen, filter each channel, narrow; plus the input where the shape stays (Sandler 2018)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expand = Convolution(inputs, inner) if expansion > 1 else None
        self.depthwise = Convolution(inner, inner, kernel, stride, groups=inner)
        self.project = Convolution(inner, outputs)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, r, r) to (N, outputs, r/stride, r/stride)."""
        y = x if self.expand is None else _relu6(self.expand(x))
        y = self.project(_relu6(self.depthwise(y)))
        return y.add_(x) if self.residual else y


class Convolution(nn.Conv2d):
    """With a bias, and zeros around as TensorFlow's "SAME" puts them at an even size: the odd one after."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        zeros = kernel - stride
        super().__init__(inputs, outputs, kernel, stride, padding=zeros // 2, groups=groups)
        self.zeros = (zeros // 2, zeros - zeros // 2) * 2

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, r, r) to (N, outputs, r/stride, r/stride)."""
        before, after, *_ = self.zeros
        if before == after:
            return super().forward(x)
        return F.conv2d(F.pad(x, self.zeros), self.weight, self.bias, self.stride, groups=self.groups)


def _relu6(x: Tensor) -> Tensor:
    return F.relu6(x, inplace=True)


def folded(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The published weights as those of `EfficientNetLite0`.

    Args:
        weights: the state of `efficientnet_lite_pytorch`'s model, with batch norms.
    """
    result = {"classifier.weight": weights["_fc.weight"], "classifier.bias": weights["_fc.bias"]}
    for name, (convolution, norm) in _layers(weights):
        scale = weights[f"{norm}.weight"] / (weights[f"{norm}.running_var"] + BATCH_NORM_EPSILON).sqrt()
        result[f"{name}.weight"] = weights[f"{convolution}.weight"] * scale[:, None, None, None]
        result[f"{name}.bias"] = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
    return result


def _layers(weights: Mapping[str, Tensor]) -> Iterator[tuple[str, Names]]:
    """The name of each convolution here, and its names there."""
    yield "stem", ("_conv_stem", "_bn0")
    yield "head", ("_conv_head", "_bn1")
    parts = [("expand", "_bn0"), ("depthwise", "_bn1"), ("project", "_bn2")]
    for i in range(sum(count for *_, count in STAGES)):
        for part, norm in parts:
            convolution = f"_{part}_conv"
            if f"_blocks.{i}.{convolution}.weight" in weights:  # the first block does not widen
                yield f"blocks.{i}.{part}", (f"_blocks.{i}.{convolution}", f"_blocks.{i}.{norm}")
