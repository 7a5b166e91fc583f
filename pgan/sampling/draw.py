"""Latents by seed, their truncation, and the images of a generator."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from pgan.errors import InputError
from pgan.interchange.generator_file import GeneratorFile
from pgan.networks.config import Networks
from pgan.networks.sampling import latents, lay_out, to_uint8

PIXELS_AT_ONCE = 2**20
"""Bounds the memory on a GPU, or of a graph, where --batch is left out: 256 images of 64×64, or one of 1024×1024."""
ROUNDING = 1e-3
"""Images in [-1, 1] that differ by less are the same: it is an eighth of a grey level."""


def latent_of(seed: int, networks: Networks) -> Tensor:
    """The latent of a seed, (latent_size,): the same whatever else is drawn."""
    return latents(1, networks.latent_dimensions, seed, "sample")[0]


def check_truncation(truncation: float, file: GeneratorFile, z: Tensor, labels: list[int] | None) -> None:
    """Refuse a truncation that would change nothing.

    Truncation moves the latent towards the mean of all latents, which is 0: it scales the latent's norm.  A generator
    that normalises its input sees only the direction.  With labels the norm still matters: the normalised vector holds
    the label too, and a shorter latent weighs less against it.  One image is tried to find out.

    Raises:
        InputError: it is not a number, or the generator ignores the latent's norm.
    """
    if not math.isfinite(truncation):
        raise InputError(f"--truncation {truncation}: expected a number, 1 for none")
    if truncation == 1.0:
        return
    label = None if labels is None else torch.tensor(labels[:1])
    if (file.images(z[:1], label) - file.images(z[:1] / 2, label)).abs().max() < ROUNDING:
        raise InputError(
            f"--truncation {truncation:g}: has no effect on this generator: its images depend on a latent's direction "
            "alone, as it normalises its latents; leave the option out"
        )


def draw(
    file: GeneratorFile, z: Tensor, labels: list[int] | None, truncation: float, batch: int | None
) -> Iterator[np.ndarray]:
    """As `drawn`, with a progress bar on a terminal."""
    with tqdm(total=len(z), unit="img", disable=None, leave=False) as bar:
        for images in drawn(file, z, labels, truncation, batch):
            yield images
            bar.update(len(images))


def drawn(
    file: GeneratorFile, z: Tensor, labels: list[int] | None, truncation: float, batch: int | None
) -> Iterator[np.ndarray]:
    """Images of latents, uint8 (n, C, r, r), n up to `batch`.

    Args:
        z: (N, latent_size).
        labels: N of them, or None without classes.
        truncation: factor of the latent's norm.
    """
    fastest = lay_out(file.generator) if file.generator is not None else None
    size = batch or fastest or max(1, PIXELS_AT_ONCE // file.description.resolution**2)
    chosen = None if labels is None else torch.tensor(labels, dtype=torch.int64)
    for i in range(0, len(z), size):
        part = None if chosen is None else chosen[i : i + size]
        yield to_uint8(file.images(z[i : i + size] * truncation, part))
