"""Density and coverage: what they are expected to be, what inflates neither, and the errors that they state."""

import math

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from pgan.metrics import neighbours as module
from pgan.metrics.density_coverage import density_coverage


def points(rows: int, seed: int, shift: float = 0.0, dimensions: int = 5) -> torch.Tensor:
    return torch.randn(rows, dimensions, generator=torch.Generator().manual_seed(seed)) + shift


def expected_coverage(reals: int, fakes: int, neighbours: int) -> float:
    """The closed form for two sets of one distribution: no fake among a real's k nearest of N - 1 + M others."""
    terms = [(reals - i) / (reals + fakes - i) for i in range(1, neighbours + 1)]
    return 1 - math.prod(terms)


@pytest.mark.parametrize(("reals", "fakes", "neighbours"), [(40, 40, 5), (60, 20, 3), (20, 60, 1)])
@pytest.mark.parametrize("dimensions", [1, 20])
def test_both_are_as_expected_for_equal_distributions(reals: int, fakes: int, neighbours: int, dimensions: int) -> None:
    found = [
        density_coverage(
            points(reals, i, dimensions=dimensions), points(fakes, -i - 1, dimensions=dimensions), neighbours
        )
        for i in range(400)
    ]
    for name, expected in (("density", 1.0), ("coverage", expected_coverage(reals, fakes, neighbours))):
        values = np.array([each[name] for each in found])
        assert abs(values.mean() - expected) < 4 * values.std() / math.sqrt(len(values)), name


def test_an_outlier_among_the_fakes_covers_nothing() -> None:
    """It would inflate recall: its neighbourhood reaches over the reals."""
    real = points(100, 0)
    fake = torch.cat([real[:20], points(4, 1, shift=30.0)])
    with_outliers, without = density_coverage(real, fake, 5), density_coverage(real, real[:20], 5)
    assert with_outliers["coverage"] == without["coverage"]


def test_an_outlier_among_the_reals_makes_few_fakes_dense() -> None:
    """It would inflate precision: its neighbourhood holds many fakes, and counts once for each of k."""
    real = torch.cat([points(99, 0), points(1, 0, shift=20.0)])
    fake = points(100, 1, shift=14.0)
    assert density_coverage(real, fake, 5)["density"] <= 1 / 5


def test_copies_of_one_image_are_dense_and_cover_little() -> None:
    real = points(200, 0)
    found = density_coverage(real, real[:1].expand(200, -1), 5)
    assert found["density"] > 0.5
    assert found["coverage"] < 0.1


def test_far_sets_have_neither_and_no_error() -> None:
    found = density_coverage(points(50, 0), points(50, 1, shift=100.0), 5)
    assert found == {"density": 0, "density_se": 0, "coverage": 0, "coverage_se": 0}


def test_agrees_with_a_search_by_scikit_learn() -> None:
    real, fake = points(150, 0).double().numpy(), points(130, 1, shift=0.8).double().numpy()
    radii = NearestNeighbors(n_neighbors=6).fit(real).kneighbors(real)[0][:, 5]
    inside = np.linalg.norm(real[:, None] - fake, axis=2) <= radii[:, None]
    found = density_coverage(torch.from_numpy(real), torch.from_numpy(fake), 5)
    assert found["density"] == pytest.approx(inside.sum() / (5 * 130), abs=1e-12)
    assert found["coverage"] == pytest.approx(inside.any(1).mean(), abs=1e-12)
    without = [np.delete(inside, j, axis=1).any(1).mean() for j in range(130)]
    jackknife = math.sqrt(129 / 130 * ((without - np.mean(without)) ** 2).sum())
    assert found["coverage_se"] == pytest.approx(jackknife, rel=1e-9)


def test_does_not_depend_on_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = points(90, 0), points(70, 1, shift=0.7)
    expected = density_coverage(real, fake, 5)
    for pairs in (1, 700, 5000):
        monkeypatch.setattr(module, "PAIRS_AT_ONCE", pairs)
        assert density_coverage(real, fake, 5) == pytest.approx(expected, rel=1e-12)


def test_errors_are_those_of_other_fakes() -> None:
    """Over many sets of fakes, the values vary about as much as one set says."""
    real = points(300, 0)
    found = [density_coverage(real, points(200, seed, shift=0.3), 5) for seed in range(1, 80)]
    for name in ("density", "coverage"):
        deviation = float(np.std([each[name] for each in found]))
        stated = float(np.mean([each[f"{name}_se"] for each in found]))
        assert 0.75 < stated / deviation < 1.5, name
