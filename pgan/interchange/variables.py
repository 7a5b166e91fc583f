"""The official networks' variables and our parameters: which is which, and in which layout.

The official code keeps weights as TensorFlow does: (height, width, inputs, outputs) and (inputs, outputs).  It names
the heads by level of detail: 0 is the full resolution, k is the resolution halved k times.  The same mapping serves
whatever has the variables' shapes: weights, gradients, changes.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

BASE = 4
"""Pixels a side at which all official networks begin."""


@dataclass(frozen=True)
class Variable:
    """One variable of an official network."""

    name: str
    """As the official code has it, such as `8x8/Conv0_up/weight`."""
    parameter: str
    """As ours has it, such as `blocks.8.conv0.weight`."""
    layout: Callable[[Tensor], Tensor]
    """From the official layout to ours."""

    def tensor(self, values: np.ndarray) -> Tensor:
        """An array of the variable's shape in our layout, float32 or float64 as it comes."""
        return self.layout(torch.from_numpy(np.array(values, dtype=values.dtype.newbyteorder("=")))).contiguous()


def generator_variables(resolution: int, fused: bool) -> list[Variable]:
    """The variables of `G_paper`, in the order in which the image is made."""
    found = [
        *_layer("4x4/Dense", "blocks.4.dense", torch.t),
        *_layer("4x4/Conv", "blocks.4.conv", _convolution),
    ]
    for r in resolutions(resolution):
        if r > BASE:
            first = ("Conv0_up", _transposed_convolution) if fused else ("Conv0", _convolution)
            found += _layer(f"{r}x{r}/{first[0]}", f"blocks.{r}.conv0", first[1])
            found += _layer(f"{r}x{r}/Conv1", f"blocks.{r}.conv1", _convolution)
        found += _layer(f"ToRGB_lod{lod(resolution, r)}", f"to_image.{r}", _convolution)
    return found


def critic_variables(resolution: int, fused: bool) -> list[Variable]:
    """The variables of `D_paper`, from the 4×4 block upwards."""
    found = [
        *_layer("4x4/Conv", "blocks.4.conv", _convolution),
        *_layer("4x4/Dense0", "blocks.4.dense0", torch.t),
        *_layer("4x4/Dense1", "blocks.4.dense1", torch.t),
    ]
    for r in resolutions(resolution):
        found += _layer(f"FromRGB_lod{lod(resolution, r)}", f"from_image.{r}", _convolution)
        if r > BASE:
            found += _layer(f"{r}x{r}/Conv0", f"blocks.{r}.conv0", _convolution)
            found += _layer(f"{r}x{r}/{'Conv1_down' if fused else 'Conv1'}", f"blocks.{r}.conv1", _convolution)
    return found


def variables_of(role: str, resolution: int, names: Iterable[str]) -> list[Variable]:
    """The variables of the network `role` (G, D or Gs), fused or not as the names in `names` show."""
    if role == "D":
        return critic_variables(resolution, any("/Conv1_down/" in name for name in names))
    return generator_variables(resolution, any("/Conv0_up/" in name for name in names))


def resolutions(last: int) -> list[int]:
    """4, 8, … `last`."""
    return [BASE << k for k in range((last // BASE).bit_length())]


def lod(full: int, resolution: int) -> int:
    """The level of detail of a resolution: the number of times that the full one is halved."""
    return (full // resolution).bit_length() - 1


def _layer(name: str, module: str, layout: Callable[[Tensor], Tensor]) -> Iterator[Variable]:
    yield Variable(f"{name}/weight", f"{module}.weight", layout)
    yield Variable(f"{name}/bias", f"{module}.bias", lambda bias: bias)


def _convolution(weight: Tensor) -> Tensor:
    """(H, W, I, O) -> (O, I, H, W)."""
    return weight.permute(3, 2, 0, 1)


def _transposed_convolution(weight: Tensor) -> Tensor:
    """(H, W, O, I) of a transposed convolution, which runs the kernel backwards, -> (O, I, H, W) of a convolution."""
    return weight.permute(2, 3, 0, 1).flip(2, 3)
