"""Differentiable augmentation for small data sets (Zhao et al. 2020, DiffAugment, arXiv 2006.10738).

The critic never sees an image as it is: reals and fakes are both changed at random, in its own updates and in the
generator's, which learns through the change.  So neither network can mistake the changes for the data.

All of it is a function of images and of uniform draws on [0, 1), a row of `DRAWS` for each image.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

DRAWS = 7
LARGEST_SHIFT = 1 / 8
"""Share of the side."""
CUT = 1 / 2
"""Side of the square that is cut out, as a share of the image's."""


def diff_augment(images: Tensor, draws: Tensor, kinds: Sequence[str]) -> Tensor:
    """Images (N, C, H, W) in [-1, 1] and draws (N, DRAWS) -> images changed by `kinds`, one after the other."""
    for kind in kinds:
        match kind:
            case "color":
                images = recolored(images, *draws[:, 0:3].unbind(1))
            case "translation":
                images = translated(images, *draws[:, 3:5].unbind(1))
            case "cutout":
                images = cut_out(images, *draws[:, 5:7].unbind(1))
    return images


def recolored(images: Tensor, brightness: Tensor, saturation: Tensor, contrast: Tensor) -> Tensor:
    """Up to ±½ added; distances from the pixel's grey times 0 to 2; distances from the image's mean times ½ to 1½."""
    x = images + (_per_image(brightness) - 0.5)
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * (2.0 * _per_image(saturation))
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (x - mean) * (0.5 + _per_image(contrast))


def translated(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Moved by whole pixels, up to an eighth of the side each way; what comes in is 0, mid-grey."""
    n, _, height, width = images.shape
    rows = _whole_shift(down, height)[:, None] + torch.arange(height, device=images.device)  # (N, H)
    columns = _whole_shift(right, width)[:, None] + torch.arange(width, device=images.device)
    margin = (_reach(width), _reach(width), _reach(height), _reach(height))
    padded = F.pad(images, margin).permute(0, 2, 3, 1)  # (N, H + 2·reach, W + 2·reach, C)
    which = torch.arange(n, device=images.device)[:, None, None]
    return padded[which, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def cut_out(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """A square of half the side set to 0, mid-grey; its middle lies anywhere in the image."""
    height, width = images.shape[2:]
    hidden = _within(down, height)[:, :, None] & _within(right, width)[:, None, :]  # (N, H, W)
    return images * ~hidden[:, None]


def _per_image(draws: Tensor) -> Tensor:
    return draws.view(-1, 1, 1, 1)


def _reach(size: int) -> int:
    """The furthest that an image of a size is moved, in pixels."""
    return int(size * LARGEST_SHIFT + 0.5)


def _whole_shift(draws: Tensor, size: int) -> Tensor:
    """Where the first pixel comes from, counted in the padded image: uniform on 0, 1, …, 2·reach."""
    return _whole(draws, 2 * _reach(size) + 1)


def _within(draws: Tensor, size: int) -> Tensor:
    """(N, size): which rows, or columns, are hidden."""
    cut = int(size * CUT + 0.5)
    first = _whole(draws, size + 1 - cut % 2) - cut // 2
    distance = torch.arange(size, device=draws.device) - first[:, None]
    return (distance >= 0) & (distance < cut)


def _whole(draws: Tensor, count: int) -> Tensor:
    """Uniform on 0, 1, …, count - 1."""
    return (draws * count).long().clamp(max=count - 1)  # the product may round up to count
