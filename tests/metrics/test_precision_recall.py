"""Improved precision and recall: identical, disjoint, partly covering sets."""

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from pgan.metrics import neighbours as module
from pgan.metrics.neighbours import neighbour_distance
from pgan.metrics.precision_recall import precision_recall


def points(rows: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    return torch.randn(rows, 5, generator=torch.Generator().manual_seed(seed)) + shift


def pair(real: torch.Tensor, fake: torch.Tensor, neighbours: int) -> tuple[float, float]:
    found = precision_recall(real, fake, neighbours)
    return found["precision"], found["recall"]


def test_identical_sets_have_both() -> None:
    assert pair(points(100, 0), points(100, 0), 3) == (1.0, 1.0)


def test_disjoint_sets_have_neither() -> None:
    assert pair(points(100, 0), points(100, 1, shift=100.0), 3) == (0.0, 0.0)


def test_one_good_image_over_and_over_is_precise_but_recalls_little() -> None:
    real = points(200, 0)
    fake = real[:1] + 1e-3 * points(200, 1)
    precision, recall = pair(real, fake, 3)
    assert precision == 1.0
    assert recall < 0.05


def test_exchanging_the_sets_exchanges_the_two() -> None:
    real, fake = points(80, 0), points(120, 1, shift=0.7)
    precision, recall = pair(real, fake, 3)
    assert pair(fake, real, 3) == (recall, precision)


def test_agrees_with_a_search_by_scikit_learn() -> None:
    real, fake = points(150, 0).double().numpy(), points(130, 1, shift=0.8).double().numpy()

    def covered(x: np.ndarray, centres: np.ndarray) -> float:
        radii = NearestNeighbors(n_neighbors=4).fit(centres).kneighbors(centres)[0][:, 3]
        return float((np.linalg.norm(x[:, None] - centres, axis=2) <= radii).any(1).mean())

    expected = covered(fake, real), covered(real, fake)
    assert pair(torch.from_numpy(real), torch.from_numpy(fake), 3) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("pairs", [1, 700, 5000])
def test_does_not_depend_on_the_chunks(pairs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = points(90, 0), points(70, 1, shift=0.7)
    expected = pair(real, fake, 3)
    monkeypatch.setattr(module, "PAIRS_AT_ONCE", pairs)
    assert pair(real, fake, 3) == expected


def test_more_neighbours_than_points_means_all_of_them() -> None:
    line = torch.tensor([[0.0], [1.0], [3.0]])
    assert neighbour_distance(line, 1).tolist() == [1.0, 1.0, 2.0]
    assert neighbour_distance(line, 10).tolist() == [3.0, 2.0, 3.0]


def test_errors_are_those_of_other_fakes() -> None:
    """Over many sets of fakes, the values vary about as much as one set says."""
    real = points(300, 0)
    found = [precision_recall(real, points(200, seed, shift=0.5), 3) for seed in range(1, 80)]
    for name in ("precision", "recall"):
        deviation = float(np.std([each[name] for each in found]))
        stated = float(np.mean([each[f"{name}_se"] for each in found]))
        assert 0.6 < stated / deviation < 1.5, name
