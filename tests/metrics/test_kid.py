"""Kernel inception distance: unbiased, and what it is made of."""

import numpy as np
import pytest
import torch

from pgan.metrics.kid import kernel_distance, sampling_error


def features(rows: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    return torch.randn(rows, 10, generator=torch.Generator().manual_seed(seed)) + shift


def test_of_two_halves_of_one_set_is_zero_on_average() -> None:
    """The unbiased estimate scatters around 0 on both sides; the biased one would lie above it."""
    estimates = [kernel_distance(features(200, 2 * i), features(200, 2 * i + 1), 1, 200, 0)[0] for i in range(40)]
    error = np.std(estimates) / len(estimates) ** 0.5
    assert abs(np.mean(estimates)) < 3 * error
    assert min(estimates) < 0 < max(estimates)


def test_is_the_unbiased_mmd_of_the_cubic_kernel() -> None:
    x, y = features(30, 0).double().numpy(), features(30, 1, 0.5).double().numpy()

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a @ b.T / 10 + 1) ** 3

    same = sum((kernel(s, s).sum() - np.trace(kernel(s, s))) / (30 * 29) for s in (x, y))
    expected = same - 2 * kernel(x, y).mean()
    mean, spread = kernel_distance(torch.from_numpy(x), torch.from_numpy(y), 3, 1000, seed=0)
    assert mean == pytest.approx(expected, rel=1e-9)  # subsets as large as the sets: each is the whole set
    assert spread < 1e-9


def test_grows_with_the_difference_and_follows_the_seed() -> None:
    real = features(300, 0)
    near, far = (kernel_distance(real, features(300, 1, shift), 10, 100, 0)[0] for shift in (0.2, 1.0))
    assert 0 < near < far
    assert kernel_distance(real, features(300, 1), 5, 50, 7) == kernel_distance(real, features(300, 1), 5, 50, 7)
    assert kernel_distance(real, features(300, 1), 5, 50, 7) != kernel_distance(real, features(300, 1), 5, 50, 8)


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_the_error_is_that_of_other_fakes(shift: float) -> None:
    """Over many sets of fakes, the estimate from all images varies about as much as one set says."""
    real = features(300, 0)
    fakes = [features(200, seed, shift) for seed in range(1, 60)]
    deviation = float(np.std([kernel_distance(real[:200], fake, 1, 200, 0)[0] for fake in fakes]))
    stated = float(np.mean([sampling_error(real[:200], fake) for fake in fakes]))
    assert 0.7 < stated / deviation < 1.4
