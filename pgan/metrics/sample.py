"""What a metric is computed from: generated images, the real ones, and the features of both."""

import copy
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pgan.data.pyramid import Meta
from pgan.errors import InputError
from pgan.metrics.classifier import FEATURES
from pgan.metrics.config import Evaluate
from pgan.metrics.feature_space import Extractor, extract, real_features
from pgan.metrics.nearness import Nearness, nearness
from pgan.metrics.progress import counted
from pgan.metrics.reals import Reals, choose
from pgan.metrics.sizes import images_needed
from pgan.randomness import torch_generator

VALUES_AT_ONCE = 2**18
"""Pixel values per chunk where the batch cannot change the result; bounds the memory of SWD and MS-SSIM."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Images of one generator, and the data that metrics compare them with.

    Features and probabilities are computed when a metric first asks for them, and kept for the others.
    """

    generated: np.ndarray
    """uint8 (N, C, r, r). Each metric takes as many as it needs, from the first on: see `images`."""
    labels: Tensor | None
    """The classes that a conditional generator was asked for, (N,) int64."""
    reals: Reals
    meta: Meta
    """Of the real images."""
    frequencies: np.ndarray
    """Real images of each class, (K,) int64; (0,) where there are no classes."""
    params: Evaluate
    target: int
    """Pixels per side: `frechet_target` compares with the reals at this size."""
    seed: int
    """Of everything that a metric draws."""
    scratch: Path
    """A folder for unnamed temporary files."""
    extractor: Extractor | None
    """The feature network; None where the feature space is `none`."""
    batch: int
    """Images per forward pass of the feature network."""
    left_out: tuple[int, int] | None = None
    """Which group of how many, see `without`."""

    @property
    def resolution(self) -> int:
        """Pixels per side of the generated images."""
        return int(self.generated.shape[-1])

    def images(self, metric: str) -> np.ndarray:
        """The generated images that a metric is computed from, uint8 (n, C, r, r)."""
        return self.generated[: images_needed(metric, self.params, self.meta.count)]

    def without(self, group: int, groups: int) -> "Sample":
        """The same without a part of the images for `features`: each image is in one of the groups, at random.

        What was computed of all images is not computed again.
        """
        part = copy.copy(self)
        vars(part).update(left_out=(group, groups), _features=self._features)
        return part

    def kept(self, values: Tensor) -> Tensor:
        """`values`, one for each of the first `evaluate.images` images, (n, …), without those of images left out."""
        if self.left_out is None:
            return values
        group, groups = self.left_out
        order = torch.randperm(len(values), generator=torch_generator("cpu", self.seed, "left out"))
        return values[order % groups != group]

    @property
    def features(self) -> Tensor:
        """Of the first `evaluate.images` generated images, (n, D) float32.

        Raises:
            InputError: the real features are of another network.
        """
        return self.kept(self._features)

    @property
    def probabilities(self) -> Tensor:
        """Of the feature network's classes, for the images of `features`, (n, K) float32."""
        return self.kept(self._probabilities)

    @cached_property
    def _features(self) -> Tensor:
        label = f"features, {self.resolution} pixels"
        fake = self._extracted(lambda network: network.features, label)
        self._check_dimensions(self.real_features, fake)
        return fake

    @cached_property
    def real_features(self) -> Tensor:
        """Of the real images at the generated ones' resolution, (M, D) float32."""
        return real_features(self.reals.features, self.resolution)

    @cached_property
    def nearness(self) -> Nearness:
        """Of the first `memorisation.images` generated images, and of as many real ones. Raises as `features`."""
        settings, real = self.params.memorisation, self.real_features
        some = torch.from_numpy(choose(len(real), settings.images, self.seed, "memorisation"))
        return nearness(real, self.features[: settings.images], some, settings.nearest)

    @cached_property
    def target_features(self) -> Tensor:
        """Of the real images at `target` pixels, (M, D) float32. Raises as `features`."""
        if self.target == self.resolution:
            return self.real_features
        real = real_features(self.reals.features, self.target)
        self._check_dimensions(real, self.features)
        return real

    @cached_property
    def _probabilities(self) -> Tensor:
        return self._extracted(lambda network: network.probabilities)

    @property
    def class_probabilities(self) -> Tensor:
        """The same where these are the classes of the data. Raises InputError where they are others."""
        if self.probabilities.shape[1] != len(self.frequencies):
            raise InputError(f"{self.reals.features}: not the features of {self.reals.pyramid}; {FEATURES}")
        return self.probabilities

    def note(self, text: str) -> None:
        """Print a line for the user on stderr."""
        print(f"note: {text}", file=sys.stderr)

    @property
    def rarest(self) -> float | None:
        """The smallest share of a class in the data; None without classes."""
        present = self.frequencies[self.frequencies > 0]
        return float(present.min() / present.sum()) if len(present) else None

    @property
    def at_once(self) -> int:
        """An even number of images with about `VALUES_AT_ONCE` values."""
        return max(2, VALUES_AT_ONCE // self.generated[0].size // 2 * 2)

    def _extracted(self, of: Callable[[Extractor], Callable[[np.ndarray], Tensor]], label: str | None = None) -> Tensor:
        assert self.extractor is not None, "a metric that needs features is left out where there are none"
        images = self.generated[: self.params.images]
        parts = chunks(images, self.batch)
        return extract(of(self.extractor), counted(parts, len(images), label) if label else parts)

    def _check_dimensions(self, real: Tensor, fake: Tensor) -> None:
        if real.shape[1] != fake.shape[1]:
            found = f"features of {real.shape[1]} dimensions, but its network makes {fake.shape[1]}"
            raise InputError(f"{self.reals.features}: {found}; {FEATURES}")


def chunks(images: np.ndarray, size: int) -> list[np.ndarray]:
    """Consecutive parts of a set of images, (size, C, r, r) but for the last; views, not copies."""
    return [images[i : i + size] for i in range(0, len(images), size)]
