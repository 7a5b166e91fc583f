"""The test for copies: it fires where training images are replayed, and is silent on new real images."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import mannwhitneyu
from torch import Tensor

from pgan.metrics.memorisation import copying
from pgan.metrics.nearness import nearness

DIMENSIONS = 8


def points(rows: int, seed: int) -> Tensor:
    """Draws from a mixture of four Gaussians, (rows, D)."""
    random = torch.Generator().manual_seed(seed)
    centres = 6 * torch.eye(4, DIMENSIONS)
    return centres[torch.randint(4, (rows,), generator=random)] + torch.randn(rows, DIMENSIONS, generator=random)


def of(real: Tensor, fake: Tensor, cells: int = 10, seed: int = 0) -> dict[str, float]:
    return copying(nearness(real, fake, torch.arange(len(real))), cells, seed)


def replayed(real: Tensor, share: float, count: int, seed: int) -> Tensor:
    """New images, of which a share are training images with a little noise."""
    random, copies = torch.Generator().manual_seed(seed), round(share * count)
    chosen = real[torch.randint(len(real), (copies,), generator=random)]
    noisy = chosen + 0.01 * torch.randn(copies, DIMENSIONS, generator=random)
    return torch.cat([noisy, points(count - copies, seed)])


def test_it_is_silent_on_new_images() -> None:
    """Over many sets, the z-score is a standard one, and the shares are those that it promises."""
    found = [of(points(500, 2 * seed), points(400, 2 * seed + 1), seed=seed) for seed in range(60)]
    scores = np.array([each["copying_ct"] for each in found])
    assert abs(scores.mean()) < 0.5
    assert np.abs(scores).max() < 3
    copied = np.array([each["copying"] for each in found])
    assert abs(copied.mean() - 0.5) < 4 * copied.std() / math.sqrt(60)
    near = np.array([each["near_copies"] for each in found])
    assert abs(near.mean() - 0.01) < max(0.003, 4 * near.std() / math.sqrt(60))


def test_it_fires_on_a_generator_that_replays() -> None:
    real = points(500, 0)
    found = of(real, real[:400])
    assert found["copying"] == 1.0
    assert found["copying_ct"] < -10
    assert found["near_copies"] == 1.0


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_it_counts_the_copies_among_new_images(share: float) -> None:
    """One value varies by 0.007 between sets of 800: it rests on the eight reals that are nearest to others."""
    sets = [points(800, seed) for seed in range(10)]
    found = [of(real, replayed(real, share, 800, seed=100 + i)) for i, real in enumerate(sets)]
    assert np.mean([each["near_copies"] for each in found]) == pytest.approx(share + 0.01 * (1 - share), abs=0.01)
    assert np.mean([each["copying"] for each in found]) == pytest.approx(0.5 + share / 2, abs=0.02)


def test_it_fires_where_one_class_alone_is_copied() -> None:
    """While the other images lie off the data: over all, the two would cancel."""
    real = points(1200, 0)
    others = points(800, 3)
    off = 1.5 * others[others[:, 0] < 3]
    copies = real[real[:, 0] > 3][:300]
    found = of(real, torch.cat([copies, off]))
    assert found["near_copies"] == pytest.approx(300 / (300 + len(off)), abs=0.02)
    assert found["copying"] < 0.5, "over all images, they seem far from the data"


def test_blurred_images_lie_off_the_data() -> None:
    found = of(points(500, 0), points(400, 1) + 3)
    assert found["copying"] < 0.1
    assert found["copying_ct"] > 3
    assert found["near_copies"] == 0


def test_the_score_is_that_of_mann_and_whitney() -> None:
    """With a single cell: the U of both sets' distances, in standard deviations; scipy gives its two-sided p."""
    real, fake = points(300, 0), points(250, 1) + 0.02
    found = of(real, fake, cells=1)
    to_data = torch.cdist(fake.double(), real.double()).amin(1)
    among = torch.cdist(real.double(), real.double()).fill_diagonal_(math.inf).amin(1)
    expected = mannwhitneyu(to_data.numpy(), among.numpy(), use_continuity=False, method="asymptotic")
    assert found["copying"] == pytest.approx(1 - expected.statistic / (300 * 250), abs=1e-12)
    assert math.erfc(abs(found["copying_ct"]) / math.sqrt(2)) == pytest.approx(expected.pvalue, rel=1e-6)


def test_ties_count_half_and_are_corrected_for() -> None:
    """On a line of whole numbers all distances are 0 or 1."""
    real = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
    fake = torch.tensor([[0.0], [1.0], [4.0], [5.0]])
    found = copying(nearness(real, fake, torch.arange(4)), 1, 0)
    expected = mannwhitneyu([0, 0, 1, 2], [1, 1, 1, 1], use_continuity=False, method="asymptotic")
    assert found["copying"] == 1 - expected.statistic / 16
    assert math.erfc(abs(found["copying_ct"]) / math.sqrt(2)) == pytest.approx(expected.pvalue, rel=1e-6)


def test_images_that_are_all_the_same_are_no_evidence() -> None:
    found = of(torch.zeros(30, 3), torch.zeros(20, 3))
    assert found == {"copying": 0.5, "copying_se": 0.0, "copying_ct": 0.0}


def test_cells_with_few_images_are_left_out() -> None:
    """With fewer than twenty of either kind in each, all images are one cell."""
    real, fake = points(60, 0), points(60, 1)
    assert of(real, fake, cells=59)["copying_ct"] == of(real, fake, cells=1)["copying_ct"]


def test_the_error_is_that_of_other_fakes() -> None:
    real = points(500, 0)
    found = [of(real, points(200, seed)) for seed in range(1, 60)]
    deviation = float(np.std([each["copying"] for each in found]))
    assert 0.75 < float(np.mean([each["copying_se"] for each in found])) / deviation < 1.4


def test_some_reals_are_compared_but_all_are_searched() -> None:
    real = points(400, 0)
    found = copying(nearness(real, real[300:], torch.arange(100)), 10, 0)
    assert found["copying"] == 1.0, "copies of images that are not among the hundred"
