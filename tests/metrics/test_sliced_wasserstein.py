"""Sliced Wasserstein distance: the official code's pyramids and figures, and properties."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from oracles import sliced_wasserstein as direct

from pgan.metrics import sliced_wasserstein as module
from pgan.metrics.sliced_wasserstein import (
    laplacian_pyramid,
    level_patches,
    levels,
    patches,
    sliced_wasserstein,
    swd_metrics,
    transport_distances,
)


def images(count: int, resolution: int, channels: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, channels, resolution, resolution), dtype=np.uint8)


@pytest.mark.parametrize("name", ["a", "b"])
def test_pyramids_are_the_official_ones(official: Any, name: str) -> None:
    expected = [official[key] for key in sorted(k for k in official.files if k.startswith(f"{name}_pyramid"))]
    pyramid = laplacian_pyramid(torch.from_numpy(official[f"{name}_real"][: len(expected[0])]), len(expected))
    for level, reference in zip(pyramid, expected, strict=True):
        np.testing.assert_allclose(level, reference, atol=1e-4)


@pytest.mark.parametrize("name", ["a", pytest.param("b", marks=pytest.mark.slow)])
def test_distances_are_the_official_ones(official: Any, name: str, tmp_path: Path) -> None:
    """The official figures scatter by 1–4 % from seed to seed, and so do these: compared by their means."""
    real, fake = official[f"{name}_real"], official[f"{name}_fake"]
    runs = [swd_metrics(lambda: [real], lambda: [fake], 128, 512, seed, tmp_path) for seed in range(5)]
    names = [key.replace("SWDx1e3_", "swd_").replace("_avg", "") for key in official[f"{name}_swd_names"]]
    ours = np.array([[run[key] for key in names] for run in runs])
    theirs = official[f"{name}_swd_runs"]
    assert list(runs[0]) == names
    error = np.sqrt((ours.var(0, ddof=1) + theirs.var(0, ddof=1)) / 5)
    assert (np.abs(ours.mean(0) - theirs.mean(0)) < 3 * error).all()
    assert np.abs(ours.mean(0) / theirs.mean(0) - 1).max() < 0.04


def test_levels() -> None:
    assert levels(128) == [128, 64, 32, 16]
    assert levels(32) == [32, 16]
    assert levels(28) == [28]
    assert levels(8) == [8]
    assert levels(7) == [7]
    assert levels(4) == []


def test_the_pyramid_adds_up_to_the_image() -> None:
    """Without a second level there is nothing to take off; a constant image has differences of 0."""
    constant = torch.full((1, 1, 32, 32), 77.0)
    fine, coarse = laplacian_pyramid(constant, 2)
    assert fine.abs().max() < 1e-4
    assert torch.allclose(coarse, torch.full((1, 1, 16, 16), 77.0))
    assert torch.equal(laplacian_pyramid(constant, 1)[0], constant)


def test_patches_are_pieces_of_their_image() -> None:
    level = np.arange(2 * 3 * 10 * 10, dtype=np.float32).reshape(2, 3, 10, 10)
    taken = patches(level, 50, np.random.default_rng(0)).reshape(2, 50, 3, 7, 7)
    for image in range(2):
        for patch in taken[image]:
            y, x = divmod(int(patch[0, 0, 0]) - image * 300, 10)
            np.testing.assert_array_equal(patch, level[image, :, y : y + 7, x : x + 7])
    corners = {int(p[0, 0, 0]) for p in taken[0]}
    assert {divmod(c, 10)[0] for c in corners} == {0, 1, 2, 3}  # every place where a patch fits, the edges too
    assert {divmod(c, 10)[1] for c in corners} == {0, 1, 2, 3}


def test_patches_do_not_depend_on_the_chunks() -> None:
    data = images(11, 16, 1, 0)
    whole = np.concatenate(list(level_patches([data], 16, 16, 5, 3, "real")))
    parts = np.concatenate(list(level_patches([data[:4], data[4:5], data[5:]], 16, 16, 5, 3, "real")))
    np.testing.assert_array_equal(whole, parts)


def test_distance_of_a_set_to_itself_is_zero_and_order_does_not_matter() -> None:
    a, b = (np.random.default_rng(seed).normal(size=(500, 49)).astype(np.float32) for seed in (0, 1))
    assert sliced_wasserstein(a, a, 1, 16, 0) == 0
    assert sliced_wasserstein(a, a[::-1].copy(), 1, 16, 0) < 1e-6
    assert sliced_wasserstein(a, b, 1, 16, 0) == pytest.approx(sliced_wasserstein(b, a, 1, 16, 0), rel=1e-6)


def test_distance_is_the_mean_gap_of_sorted_projections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the definition in float64, for two channels of different scale; a few directions at a time or all."""
    random = np.random.default_rng(0)
    scale = np.repeat([3.0, 50.0], 49)
    a = (random.normal(size=(400, 98)) * scale + 7).astype(np.float32)
    b = (random.exponential(size=(400, 98)) * scale).astype(np.float32)
    unit = torch.nn.functional.normalize(
        torch.randn(16, 98, generator=module.torch_generator("cpu", 5, "directions"))
    ).numpy()

    def normalised(side: np.ndarray) -> np.ndarray:
        x = side.reshape(400, 2, 49).astype(np.float64)
        x = (x - x.mean((0, 2), keepdims=True)) / x.std((0, 2), keepdims=True)
        return x.reshape(400, 98)

    gap = np.abs(np.sort(normalised(a) @ unit.T, axis=0) - np.sort(normalised(b) @ unit.T, axis=0)).mean()
    assert sliced_wasserstein(a, b, 2, 16, 5) == pytest.approx(gap, rel=1e-5)
    monkeypatch.setattr(module, "PROJECTED_VALUES", 3 * 400)
    assert sliced_wasserstein(a, b, 2, 16, 5) == pytest.approx(gap, rel=1e-5)


@pytest.mark.parametrize("values", ["normal", "standard_cauchy"])
def test_the_area_between_distributions_is_the_gap_of_sorted_values(values: str) -> None:
    """Never off by more than a cell, however far the tails reach, and by far less on average."""
    random = np.random.default_rng(0)
    first, second = (getattr(random, values)(size=(8, 5000)).astype(np.float32) for _ in range(2))
    second += 0.1
    gaps = np.abs(np.sort(first) - np.sort(second)).mean(1)
    found = np.array(transport_distances(torch.from_numpy(first), torch.from_numpy(second)))
    width = np.maximum(first.max(1), second.max(1)) - np.minimum(first.min(1), second.min(1))
    assert (np.abs(found - gaps) < width / module.CELLS).all()
    assert np.abs(found - gaps).mean() < 0.02 * (width / module.CELLS).mean()


def test_the_gap_of_equal_values_is_their_difference() -> None:
    ones, threes = torch.ones(2, 10), torch.full((2, 10), 3.0)
    assert transport_distances(ones, threes) == [2.0, 2.0]
    assert transport_distances(ones, ones.clone()) == [0.0, 0.0]


@pytest.mark.parametrize(("resolution", "channels"), [(32, 3), (28, 1)])
def test_values_are_those_of_the_direct_implementation(resolution: int, channels: int, tmp_path: Path) -> None:
    """The same patches on the same directions, computed plainly."""
    first, second = stripes(60, resolution, channels, 0), images(60, resolution, channels, 1)
    seed, per_image, number = 3, 20, 64
    places, units = direct.drawn(seed, levels(resolution), (60, per_image), (number, channels * 49))
    plain = direct.sliced_wasserstein(first, second, places, units)
    ours = swd_metrics(lambda: [first[:50], first[50:]], lambda: [second], per_image, number, seed, tmp_path)
    assert list(ours.values())[:-1] == pytest.approx([1e3 * value for value in plain], rel=1e-5)


def stripes(count: int, resolution: int, channels: int, seed: int) -> np.ndarray:
    """Smooth diagonal waves of random phase."""
    phase = np.random.default_rng(seed).uniform(0, 2 * np.pi, (count, channels, 1, 1))
    diagonal = np.indices((resolution, resolution)).sum(0)
    return np.rint(127.5 + 127.5 * np.sin(phase + diagonal * 0.8)).astype(np.uint8)


@pytest.mark.parametrize(("resolution", "channels"), [(28, 1), (8, 1), (16, 3)])
def test_tells_textures_apart_at_every_size(resolution: int, channels: int, tmp_path: Path) -> None:
    real, other = stripes(300, resolution, channels, 0), stripes(300, resolution, channels, 1)
    noise = images(300, resolution, channels, 2)
    same = swd_metrics(lambda: [real], lambda: [other], 32, 64, 0, tmp_path)
    different = swd_metrics(lambda: [real], lambda: [noise], 32, 64, 0, tmp_path)
    assert set(same) == {f"swd_{resolution}", "swd"}
    assert different["swd"] > 3 * same["swd"]


def test_of_too_small_images_is_not_reported_and_of_constant_ones_is_finite(tmp_path: Path) -> None:
    small = images(4, 4, 1, 0)
    assert swd_metrics(lambda: [small], lambda: [small], 4, 4, 0, tmp_path) == {}
    black = np.zeros((4, 1, 16, 16), np.uint8)
    assert np.isfinite(swd_metrics(lambda: [images(4, 16, 1, 0)], lambda: [black], 4, 4, 0, tmp_path)["swd"])
    assert list(tmp_path.iterdir()) == []  # temporary files have no names
