"""Great circles through the latent space."""

import math
from itertools import pairwise

import pytest
import torch

from pgan.rendering.latent_walk import closed_walk, open_walk, pairs_by_angle, slerp


def _angle(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.cosine_similarity(a.double(), b.double(), dim=-1).clamp(-1, 1).acos()


def _pair(size: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    z = torch.randn(2, 5, size, generator=torch.Generator().manual_seed(0))
    return z[0], z[1]


def test_slerp_begins_and_ends_where_it_should() -> None:
    a, b = _pair()
    torch.testing.assert_close(slerp(a, b, 0.0), a)
    torch.testing.assert_close(slerp(a, b, 1.0), b)


def test_slerp_has_a_constant_angular_speed() -> None:
    a, b = _pair()
    points = [slerp(a, b, i / 4) for i in range(5)]
    for first, second in pairwise(points):
        torch.testing.assert_close(_angle(first, second), _angle(a, b) / 4, rtol=1e-4, atol=1e-5)


def test_slerp_keeps_the_norm_between_those_of_its_ends() -> None:
    a, b = _pair()
    halfway = (a.norm(dim=-1) + b.norm(dim=-1)) / 2
    torch.testing.assert_close(slerp(a, b, 0.5).norm(dim=-1), halfway)


def test_slerp_on_the_unit_circle() -> None:
    point = slerp(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), 1 / 3)
    torch.testing.assert_close(point, torch.tensor([math.cos(math.pi / 6), math.sin(math.pi / 6)]))


@pytest.mark.parametrize("b", [2.0, -1.0])
def test_slerp_takes_the_straight_line_where_there_is_no_circle(b: float) -> None:
    """A latent of one dimension knows no other case."""
    a = torch.ones(1, 1)
    torch.testing.assert_close(slerp(a, a * b, 0.25), a + (a * b - a) * 0.25)


def test_a_closed_walk_passes_every_stop_and_ends_one_step_before_its_beginning() -> None:
    stops = torch.randn(3, 2, 8, generator=torch.Generator().manual_seed(1))
    walk = closed_walk(stops, 4)
    assert walk.shape == (12, 2, 8)
    torch.testing.assert_close(walk[::4], stops)
    torch.testing.assert_close(_angle(walk[-1], walk[0]), _angle(stops[-1], stops[0]) / 4, rtol=1e-4, atol=1e-5)


def test_an_open_walk_begins_and_ends_at_its_latents() -> None:
    a, b = _pair()
    walk = open_walk(a, b, 4)
    assert walk.shape == (5, 4, 16)
    torch.testing.assert_close(walk[:, 0], a)
    torch.testing.assert_close(walk[:, -1], b)


@pytest.mark.parametrize("farthest", [False, True])
def test_pairs_are_the_nearest_or_farthest_and_share_no_latent(farthest: bool) -> None:
    z = torch.randn(12, 6, generator=torch.Generator().manual_seed(2))
    z *= torch.arange(1.0, 13.0)[:, None]  # their norms do not matter
    first, second = pairs_by_angle(z, 3, farthest)
    used: list[int] = []
    for a, b in zip(first, second, strict=True):
        best = max if farthest else min
        free = [i for i in range(len(z)) if i not in used]
        expected = best((float(_angle(z[i], z[j])), i, j) for i in free for j in free if i < j)
        assert float(_angle(a, b)) == pytest.approx(expected[0], abs=1e-6)
        used += expected[1:]
        assert torch.equal(torch.stack([a, b]), z[list(expected[1:])])


def test_half_the_latents_are_the_most_pairs() -> None:
    first, second = pairs_by_angle(torch.eye(6), 3)
    assert sorted((first + second).nonzero()[:, 1].tolist()) == list(range(6))
