"""Augmentation of the real images alone: more data from few, as classifiers are trained.

The generator will draw turned and recoloured images too, since it cannot know that they are not of the data: keep the
ranges to what may pass for a real image.  `diff_augment` has no such cost.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from pgan.training.config import AugmentReals, Range


def draws_per_image(channels: int) -> int:
    """How many uniform draws an image takes: six of geometry, one of brightness, two of each channel's saturation."""
    return 7 + 2 * channels


def augment_reals(images: Tensor, draws: Tensor, settings: AugmentReals) -> Tensor:
    """Turn, shift, shear, zoom and recolour each image by its own draws.

    Args:
        images: (N, C, r, r) in [-1, 1].
        draws: (N, draws_per_image(C)), uniform on [0, 1).

    Returns:
        (N, C, r, r) in [-1, 1].
    """
    grid = F.affine_grid(sampling_matrices(draws[:, :6], settings), list(images.shape), align_corners=False)
    moved = F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return recolored(moved, draws[:, 6:], settings)


def sampling_matrices(draws: Tensor, settings: AugmentReals) -> Tensor:
    """Where each pixel comes from: (N, 2, 3), in coordinates (x, y) that run from -1 to 1 across the image.

    As Keras' ImageDataGenerator composes them, all about the image's middle:
    source = rotation · (shear · zoom · pixel + shift).
    """
    s = settings
    turn = torch.deg2rad(to_either_side(draws[:, 0], s.rotation))
    tilt = torch.deg2rad(to_either_side(draws[:, 1], s.shear))
    zoom_x, zoom_y = within(draws[:, 2], s.zoom), within(draws[:, 3], s.zoom)
    shift_x, shift_y = to_either_side(draws[:, 4], 2.0 * s.shift_x), to_either_side(draws[:, 5], 2.0 * s.shift_y)
    moved = matrices([[zoom_x * tilt.cos(), 0.0 * tilt, shift_x], [-zoom_x * tilt.sin(), zoom_y, shift_y]])
    return matrices([[turn.cos(), turn.sin()], [-turn.sin(), turn.cos()]]) @ moved


def recolored(images: Tensor, draws: Tensor, settings: AugmentReals) -> Tensor:
    """All channels times one factor, counted from black; then each channel's distance from grey times its own."""
    brightness, one, other = draws[:, 0], draws[:, 1::2], draws[:, 2::2]
    x = (images + 1.0) * within(brightness, settings.brightness).view(-1, 1, 1, 1) - 1.0
    x = x.clamp(-1.0, 1.0)
    grey = x.mean(1, keepdim=True)
    factors = within((one + other) / 2.0, settings.saturation)[:, :, None, None]  # the mean of two is triangular
    return (grey + (x - grey) * factors).clamp(-1.0, 1.0)


def to_either_side(draws: Tensor, most: float) -> Tensor:
    """Uniform on ±most."""
    return (2.0 * draws - 1.0) * most


def within(draws: Tensor, limits: Range) -> Tensor:
    """From the lowest value to the highest."""
    return limits.low + (limits.high - limits.low) * draws


def matrices(rows: list[list[Tensor]]) -> Tensor:
    """Entries (N,) each -> (N, rows, columns)."""
    return torch.stack([torch.stack(row, 1) for row in rows], 1)
