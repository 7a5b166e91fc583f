"""Fréchet distance: closed forms, identity, symmetry, and fewer images than dimensions."""

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pgan.metrics.frechet import frechet_distance, gaussian, statistics_distance


def normal(rows: int, columns: int, seed: int, scale: float = 1.0, shift: float = 0.0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    mixing = torch.randn(columns, columns, generator=random, dtype=torch.float64) / columns**0.5
    return scale * torch.randn(rows, columns, generator=random, dtype=torch.float64) @ mixing + shift


@given(seed=st.integers(0, 2**16), dimensions=st.integers(1, 12))
@settings(max_examples=25, deadline=None)
def test_of_diagonal_gaussians_is_the_closed_form(seed: int, dimensions: int) -> None:
    random = np.random.default_rng(seed)
    mean1, mean2 = torch.from_numpy(random.normal(size=(2, dimensions)))
    std1, std2 = torch.from_numpy(random.uniform(0.1, 3, size=(2, dimensions)))
    expected = ((mean1 - mean2) ** 2 + (std1 - std2) ** 2).sum()
    distance = statistics_distance(mean1, (std1**2).diag(), mean2, (std2**2).diag())
    assert distance == pytest.approx(float(expected), rel=1e-9)


def test_agrees_with_the_matrix_square_root_of_scipy() -> None:
    real, fake = normal(400, 48, 0), normal(300, 48, 1, scale=1.4, shift=0.2)
    (mean1, covariance1), (mean2, covariance2) = gaussian(real), gaussian(fake)
    root = scipy.linalg.sqrtm((covariance1 @ covariance2).numpy()).real
    expected = float(((mean1 - mean2) ** 2).sum() + covariance1.trace() + covariance2.trace()) - 2 * np.trace(root)
    assert frechet_distance(real, fake) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("rows", "dimensions"), [(20, 64), (40, 300)])
def test_is_exact_with_fewer_images_than_dimensions(rows: int, dimensions: int) -> None:
    """tr((Σ₁Σ₂)^½) is also the nuclear norm of X·Yᵀ, which needs no root of a singular matrix."""
    real, fake = normal(rows, dimensions, 0), normal(rows, dimensions, 1, scale=1.4, shift=0.2)
    x, y = (((s - s.mean(0)) / (rows - 1) ** 0.5) for s in (real, fake))
    spread = x.square().sum() + y.square().sum() - 2 * torch.linalg.svdvals(x @ y.T).sum()
    expected = float((real.mean(0) - fake.mean(0)).square().sum() + spread)
    assert frechet_distance(real, fake) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(real, real) < 1e-9  # torchmetrics: about -1e-6 here


def test_is_symmetric_and_zero_only_for_itself() -> None:
    real, fake = normal(100, 16, 0), normal(100, 16, 1)
    assert frechet_distance(real, fake) == pytest.approx(frechet_distance(fake, real), rel=1e-9)
    assert frechet_distance(real, real) < 1e-9
    assert frechet_distance(real, fake) > 0.1


@given(rows=st.integers(1, 60))
@settings(max_examples=20, deadline=None)
def test_statistics_do_not_depend_on_the_chunks(rows: int) -> None:
    features = normal(50, 6, 3).float()
    mean, covariance = gaussian(features, rows)
    np.testing.assert_allclose(mean, features.double().mean(0), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(covariance, np.cov(features.double().numpy().T), rtol=1e-10, atol=1e-12)


def test_of_features_that_never_vary_is_their_distance() -> None:
    assert frechet_distance(torch.zeros(5, 3), torch.full((5, 3), 2.0)) == pytest.approx(12)
