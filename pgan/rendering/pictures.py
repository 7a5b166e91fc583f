"""What the final generator makes: samples.png, real_vs_fake.png, transitions.png and interpolation.gif's frames."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pgan.data.pyramid import open_labels, open_level
from pgan.errors import InputError
from pgan.networks.network import Generator
from pgan.networks.sampling import generate, latents
from pgan.randomness import derive
from pgan.rendering.caption import caption, caption_width
from pgan.rendering.config import Render
from pgan.rendering.grid import columns_by_class, enlarged, fitted, gap_of, grid, scale, side_by_side
from pgan.rendering.latent_walk import closed_walk, open_walk, pairs_by_angle

PIXELS_AT_ONCE = 2**18
"""Bounds the generator's memory: 64 images of 64×64 at once, or one of 512×512."""


def sample_tiles(generator: Generator, count: int, columns: int, seed: int) -> np.ndarray:
    """Generated images, uint8 (count, C, r, r); in a grid of `columns` columns, column i shows class i."""
    z = latents(count, generator.latent_size, seed, "render samples")
    return _generate(generator, z, torch.arange(count) % columns)


def samples_picture(tiles: np.ndarray, columns: int, settings: Render) -> Image.Image:
    """A grid of images, enlarged to about `settings.tile` pixels."""
    return grid(scale(tiles, enlarged(tiles.shape[-1], settings.tile)), columns)


def real_tiles(pyramid: Path, generator: Generator, count: int, columns: int, seed: int) -> np.ndarray:
    """Real images drawn at random at the generator's resolution, uint8 (n, C, r, r); n is `count` at most.

    A conditional generator's grid has one class per column, and so has this one.

    Raises:
        InputError: the pyramid has no such level, other channels, or no images of a class.
    """
    images = open_level(pyramid, generator.resolution)
    if images.shape[1] != generator.channels or not len(images):
        raise InputError(
            f"{pyramid}: {len(images)} images of {images.shape[1]} channels, but the generator was trained on "
            f"{generator.channels}; pass the pyramid that it was trained on"
        )
    order = np.random.default_rng(derive(seed, "render reals")).permutation(len(images))
    if not generator.classes:
        return images[order[:count]]
    labels = open_labels(pyramid)[order]
    return images[_one_class_per_column(order, labels, count, columns, pyramid)]


def real_vs_fake_picture(real: np.ndarray, fake: np.ndarray, columns: int, settings: Render) -> Image.Image:
    """Real images on the left, generated ones on the right, each under its title."""
    sides = [samples_picture(tiles, columns, settings) for tiles in (real, fake)]
    titled = []
    for side, title in zip(sides, ("real", "generated"), strict=True):
        titled.append(caption(side, title, width=caption_width(side, title)))
    return side_by_side(titled, in_a_row=2, space=6 * gap_of(enlarged(real.shape[-1], settings.tile)))


def walk_frames(generator: Generator, settings: Render, seed: int) -> list[Image.Image]:
    """The frames of interpolation.gif: every tile walks around its own loop; a walker keeps its class."""
    walk, columns = settings.interpolation, columns_by_class(settings.columns, generator.classes)
    stops = latents(walk.latents * walk.walkers, generator.latent_size, seed, "render interpolation")
    path = closed_walk(stops.unflatten(0, (walk.latents, walk.walkers)), walk.frames_between)
    tile = fitted(generator.resolution, settings.tile)
    classes = torch.arange(walk.walkers) % columns
    return [grid(scale(_generate(generator, z, classes), tile), columns) for z in path]


def transitions_picture(generator: Generator, settings: Render, seed: int) -> Image.Image:
    """Rows of images from one latent to another, on great circles: between near ones above, between far ones below.

    What has learned a smooth map changes little in the former, and has no sudden step in the latter. A row keeps its
    class.
    """
    chosen, steps = settings.transitions, max(2, settings.columns)
    z = latents(chosen.latents, generator.latent_size, seed, "render transitions")
    tile = fitted(generator.resolution, settings.tile)
    classes = (torch.arange(chosen.pairs) % max(1, generator.classes)).repeat_interleave(steps)
    parts = []
    for title, farthest in (("nearest", False), ("farthest", True)):
        path = open_walk(*pairs_by_angle(z, chosen.pairs, farthest), steps).flatten(0, 1)
        part = grid(scale(_generate(generator, path, classes), tile), steps)
        text = f"between the {title} of {chosen.latents} latents"
        parts.append(caption(part, text, width=caption_width(part, text)))
    return side_by_side(parts, in_a_row=1)


def _generate(generator: Generator, z: Tensor, classes: Tensor) -> np.ndarray:
    labels = classes if generator.classes else None
    return generate(generator, z, labels, batch=max(1, PIXELS_AT_ONCE // generator.resolution**2))


def _one_class_per_column(order: np.ndarray, labels: np.ndarray, count: int, columns: int, pyramid: Path) -> list[int]:
    """Indices of `count` images: the next image of class i % columns for the i-th; a small class repeats."""
    members = [order[labels == label] for label in range(columns)]
    for label, indices in enumerate(members):
        if not len(indices):
            raise InputError(
                f"{pyramid}: no image of class {label}; pass the pyramid that the generator was trained on"
            )
    return [int(members[i % columns][i // columns % len(members[i % columns])]) for i in range(count)]
