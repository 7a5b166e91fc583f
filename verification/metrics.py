"""Metrics against the official code's, and against scipy."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import scipy.linalg
import torch

from pgan.metrics.frechet import frechet_distance
from pgan.metrics.ms_ssim import pair_similarities
from pgan.metrics.sliced_wasserstein import laplacian_pyramid, levels, swd_metrics
from verification.arrays import Arrays
from verification.rows import Row, absolute, largest

SWD_SEEDS = 5
SWD_PATCHES, SWD_DIRECTIONS = 128, 512


def metric_rows(arrays: Arrays, folder: Path) -> Iterator[Row]:
    """Pyramids, sliced Wasserstein distance and MS-SSIM of the image sets in metrics.npz."""
    pyramids: dict[str, float] = {}
    distances: dict[str, float] = {}
    similarities: dict[str, float] = {}
    for name in [key.removesuffix("_real") for key in arrays if key.endswith("_real") and arrays[key].ndim == 4]:
        real, fake = arrays[f"{name}_real"], arrays[f"{name}_fake"]
        count = len(levels(real.shape[2]))
        for i, level in enumerate(laplacian_pyramid(torch.from_numpy(real), count)):
            if arrays.holds(f"{name}_pyramid{i}"):
                theirs = torch.from_numpy(arrays[f"{name}_pyramid{i}"])
                pyramids[f"{name}_pyramid{i}"] = absolute(f"{name}_pyramid{i}", level[: len(theirs)], theirs)
        if arrays.holds(f"{name}_swd_runs", f"{name}_swd_names"):
            distances |= swd_deviations(arrays, name, real, fake, folder)
        for side, images in (("real", real), ("fake", fake)):
            if arrays.holds(f"{name}_msssim_{side}"):
                ours = float(pair_similarities([images]).mean())
                similarities[f"{name}_msssim_{side}"] = abs(ours - float(arrays[f"{name}_msssim_{side}"]))
    yield from largest("Laplacian pyramids", "absolute", 1e-4, pyramids)
    yield from largest("sliced Wasserstein distance", "of means, over the official runs' range", 1.0, distances)
    yield from largest("MS-SSIM", "absolute", 1e-4, similarities)


def frechet_rows() -> Iterator[Row]:
    """Fréchet distance of random features, against scipy's root of the product of both covariances, in float64."""
    found = {}
    for case, count in (("500 features of 64 dimensions", 500), ("40 features of 64 dimensions", 40)):
        random = np.random.default_rng(0)
        first, second = (random.normal(size=(count, 64)) @ random.normal(size=(64, 64)) + shift for shift in (0, 0.5))
        covariances = [np.cov(features.T) for features in (first, second)]
        root = scipy.linalg.sqrtm(covariances[0] @ covariances[1])
        means = np.square(first.mean(0) - second.mean(0)).sum()
        theirs = means + np.trace(covariances[0] + covariances[1] - 2 * np.real(root))
        ours = frechet_distance(torch.from_numpy(first), torch.from_numpy(second))
        found[case] = abs(ours - theirs) / theirs
    yield from largest("Fréchet distance, against scipy", "relative", 1e-6, found)


def swd_deviations(arrays: Arrays, name: str, real: np.ndarray, fake: np.ndarray, folder: Path) -> dict[str, float]:
    """Difference of the means over seeds, over the range of the official runs, by level."""
    runs = [
        swd_metrics(lambda: [real], lambda: [fake], SWD_PATCHES, SWD_DIRECTIONS, seed, folder)
        for seed in range(SWD_SEEDS)
    ]
    found = {}
    for i, official in enumerate(arrays[f"{name}_swd_names"].tolist()):
        theirs = arrays[f"{name}_swd_runs"][:, i]
        level = official.removeprefix("SWDx1e3_")
        ours = np.mean([run["swd" if level == "avg" else f"swd_{level}"] for run in runs])
        found[f"{name}: {official}"] = abs(ours - theirs.mean()) / np.ptp(theirs)
    return found
