"""Whether images differ from their mirror images: a small classifier tries to tell them apart.

If the data set as a whole is symmetric, no function can do better than chance (Lin et al. 2020, "Visual Chirality").
Text, digits, and figures that all face one way are easy to tell apart.
"""

from typing import NamedTuple

import numpy as np

CELLS, DIRECTIONS = 4, 8
"""Histograms of the gradient's direction, in CELLS × CELLS parts of the image."""
FOLDS = 4


class Asymmetry(NamedTuple):
    """How well a classifier separates images from their mirror images."""

    accuracy: float
    """Share of pairs, not seen in training, in which it finds the original; 0.5 is chance."""
    error: float
    """Standard error of the same."""


def asymmetry(views: np.ndarray) -> Asymmetry:
    """Cross-validated accuracy of a linear classifier on differences between an image and its mirror image.

    Args:
        views: (n, s, s) uint8, n ≥ FOLDS, s divisible by CELLS; leave out near duplicates, which it would only
            remember.
    """
    from sklearn.linear_model import LogisticRegression

    images = views.astype(np.float32) / 255
    difference = _descriptors(images) - _descriptors(images[:, :, ::-1])  # changes its sign when the image is mirrored
    scale = np.sqrt((difference**2).mean(0)) + 1e-6
    difference = difference / scale
    fold = np.random.default_rng(0).permutation(len(images)) % FOLDS
    right = np.zeros(len(images))
    for number in range(FOLDS):
        train, test = difference[fold != number], difference[fold == number]
        sign = np.where(np.arange(len(train)) % 2, 1, -1)
        model = LogisticRegression(C=0.01, fit_intercept=False).fit(train * sign[:, None], sign)
        score = test @ model.coef_[0]
        right[fold == number] = np.where(score == 0, 0.5, score > 0)
    return Asymmetry(float(right.mean()), 0.5 / len(images) ** 0.5)


def _descriptors(images: np.ndarray) -> np.ndarray:
    """(n, s, s) -> (n, features): brightness and directions of edges, part by part."""
    n, s, _ = images.shape
    size = s // CELLS
    rows, columns = np.gradient(images, axis=(1, 2))
    strength = np.hypot(rows, columns)
    direction = (np.arctan2(rows, columns) % np.pi / np.pi * DIRECTIONS).astype(int) % DIRECTIONS
    histograms = np.stack([_parts(strength * (direction == k), size) for k in range(DIRECTIONS)], axis=-1)
    histograms /= np.linalg.norm(histograms.reshape(n, -1), axis=1)[:, None, None, None] + 1e-6
    brightness = _parts(images, size // 2) / (size // 2) ** 2
    brightness -= brightness.mean((1, 2), keepdims=True)
    return np.concatenate([histograms.reshape(n, -1), brightness.reshape(n, -1)], axis=1)


def _parts(values: np.ndarray, size: int) -> np.ndarray:
    """(n, s, s) -> sums over squares of that size."""
    n, s, _ = values.shape
    return values.reshape(n, s // size, size, s // size, size).sum((2, 4))
