"""What is done to images before the critic sees them."""

import math

import numpy as np
import pydantic
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from one_phase import AUGMENTED

from pgan.networks import checkpoint
from pgan.phases import Phase
from pgan.training import draws, losses
from pgan.training.augment_reals import augment_reals, draws_per_image, within
from pgan.training.config import AugmentReals, Range, Training
from pgan.training.diff_augment import DRAWS, diff_augment
from pgan.training.draws import prepare_reals
from pgan.training.job import Job
from pgan.training.loop import PhaseRun

ALL = ["color", "translation", "cutout"]
ONE = {"low": 1.0, "high": 1.0}
STILL = {
    "rotation": 0.0,
    "shift_x": 0.0,
    "shift_y": 0.0,
    "shear": 0.0,
    "zoom": ONE,
    "brightness": ONE,
    "saturation": ONE,
}
FISH = AUGMENTED["augment_reals"]


def images(n=3, channels=3, size=8, seed=0):
    return torch.rand(n, channels, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def rows(n, count, seed=1):
    return torch.rand(n, count, generator=torch.Generator().manual_seed(seed))


# --- DiffAugment


units = st.floats(0, 1, exclude_max=True, width=32)
sizes = st.sampled_from([2, 4, 7, 8, 9, 16])


@given(size=sizes, down=units, right=units)
def test_translation_moves_whole_pixels_and_fills_with_grey(size, down, right):
    x, reach = images(1, size=size), int(size / 8 + 0.5)
    draws = torch.zeros(1, DRAWS)
    draws[0, 3], draws[0, 4] = down, right
    moved = diff_augment(x, draws, ["translation"])
    up, left = int(down * (2 * reach + 1)) - reach, int(right * (2 * reach + 1)) - reach
    for i in range(size):
        for j in range(size):
            inside = 0 <= i + up < size and 0 <= j + left < size
            expected = x[0, :, i + up, j + left] if inside else torch.zeros(3)
            assert torch.equal(moved[0, :, i, j], expected)


@given(size=sizes, down=units, right=units)
def test_cutout_hides_one_square_around_any_pixel(size, down, right):
    draws = torch.zeros(1, DRAWS)
    draws[0, 5], draws[0, 6] = down, right
    hidden = diff_augment(torch.ones(1, 1, size, size), draws, ["cutout"])[0, 0] == 0
    side = int(size / 2 + 0.5)
    for share, which in ((down, hidden.any(1)), (right, hidden.any(0))):
        start = int(share * (size + 1 - side % 2)) - side // 2
        expected = [start <= i < start + side for i in range(size)]
        assert which.tolist() == expected
    assert torch.equal(hidden, hidden.any(1)[:, None] & hidden.any(0))


def test_draws_just_below_one_stay_inside():
    """In float32 their product with a count may round up to it."""
    draws = torch.full((1, DRAWS), 1 - 2**-24)
    assert diff_augment(torch.ones(1, 1, 1024, 1024), draws, ALL).isfinite().all()


def test_colours_in_closed_form():
    x, draws = images(), rows(3, DRAWS)
    found = diff_augment(x, draws, ["color"])
    for i, (brightness, saturation, contrast) in enumerate(draws[:, :3].tolist()):
        y = x[i] + brightness - 0.5
        y = y.mean(0) + (y - y.mean(0)) * 2 * saturation
        y = y.mean() + (y - y.mean()) * (contrast + 0.5)
        assert torch.allclose(found[i], y, atol=1e-6)


def test_draws_in_the_middle_change_neither_colours_nor_place():
    x = images()
    assert torch.allclose(diff_augment(x, torch.full((3, DRAWS), 0.5), ["color", "translation"]), x, atol=1e-6)
    assert torch.equal(diff_augment(x, rows(3, DRAWS), []), x)


@pytest.mark.parametrize("kinds", [*([kind] for kind in ALL), ALL])
def test_each_image_by_its_own_draws(kinds):
    x, draws = images(), rows(3, DRAWS)
    together = diff_augment(x, draws, kinds)
    for i in range(3):
        assert torch.allclose(together[i : i + 1], diff_augment(x[i : i + 1], draws[i : i + 1], kinds), atol=1e-6)


def test_gradients_flow_through_all_of_it():
    x, draws = images(2, size=4).double().requires_grad_(True), rows(2, DRAWS).double()
    assert torch.autograd.gradcheck(lambda y: diff_augment(y, draws, ALL), x)
    diff_augment(x, draws, ALL).sum().backward()
    assert (x.grad != 0).any((1, 2, 3)).all()


# --- augmentation of the reals


def augmented(x, draws=None, **changes):
    settings = AugmentReals.model_validate(STILL | changes)
    return augment_reals(x, rows(len(x), draws_per_image(x.shape[1])) if draws is None else draws, settings)


def test_ranges_of_nothing_change_nothing():
    x = images()
    assert torch.allclose(augmented(x), x, atol=1e-5)


def all_draws(value, n=1, channels=3):
    return torch.full((n, draws_per_image(channels)), value)


@pytest.mark.parametrize("size", [7, 8])
def test_a_quarter_turn_is_exact_and_goes_both_ways(size):
    x = images(1, size=size)
    assert torch.allclose(augmented(x, all_draws(1.0), rotation=90.0), torch.rot90(x, -1, (2, 3)), atol=1e-4)
    assert torch.allclose(augmented(x, all_draws(0.0), rotation=90.0), torch.rot90(x, 1, (2, 3)), atol=1e-4)


def test_the_middle_stays_where_it_is():
    x = images(20, size=9)
    moved = augmented(x, rotation=180.0, shear=30.0, zoom={"low": 0.5, "high": 2.0})
    assert torch.allclose(moved[:, :, 4, 4], x[:, :, 4, 4], atol=1e-5)


@pytest.mark.parametrize(("key", "dimension"), [("shift_x", 3), ("shift_y", 2)])
def test_shifts_are_shares_of_the_side_and_the_border_goes_on(key, dimension):
    x = images(1)
    moved = augmented(x, all_draws(1.0), **{key: 0.25})
    source = (torch.arange(8) + 2).clamp(max=7)
    assert torch.allclose(moved, x.index_select(dimension, source), atol=1e-5)


def test_zoom_is_pixels_of_the_image_per_pixel():
    ramp = torch.linspace(-1, 1, 9).expand(1, 3, 9, 9)
    closer = augmented(ramp, all_draws(0.0), zoom={"low": 0.5, "high": 2.0})
    assert torch.allclose(closer, ramp / 2, atol=1e-5)


def test_shear_tilts_level_lines():
    ramp = torch.linspace(-1, 1, 33)[:, None].expand(1, 3, 33, 33)  # the row, between -1 and 1
    x = augmented(ramp, all_draws(1.0), shear=10.0)[0, 0]
    assert x[16, 24] - x[16, 8] == pytest.approx(-math.sin(math.radians(10)), abs=1e-5)


def test_brightness_is_a_factor_from_black_that_ends_at_white():
    x = augmented(
        torch.tensor([-1.0, 0.0, 0.9]).view(1, 1, 1, 3).repeat(1, 3, 3, 1),
        all_draws(1.0),
        brightness=FISH["brightness"],
    )
    assert x[0, 0, 0].tolist() == pytest.approx([-1.0, 0.4, 1.0], abs=1e-5)


def test_saturation_leaves_grey_alone_and_is_one_factor_per_channel():
    grey = images(5, 1).repeat(1, 3, 1, 1)
    assert torch.allclose(augmented(grey, saturation=FISH["saturation"]), grey, atol=1e-5)
    assert torch.allclose(augmented(images(5, 1), saturation=FISH["saturation"]), images(5, 1), atol=1e-5)
    x = images(5) / 2
    away, before = augmented(x, saturation=FISH["saturation"]) - x.mean(1, keepdim=True), x - x.mean(1, keepdim=True)
    factors = (away * before).sum((2, 3)) / before.square().sum((2, 3))
    assert torch.allclose(away, before * factors[:, :, None, None], atol=1e-5)
    assert ((factors > 0.6) & (factors < 1.4)).all()
    assert factors.std(1).min() > 0


def test_saturation_is_triangular():
    """Mean in the middle; the variance of the triangle on [a, b] is (b - a)²/24, not the uniform's /12."""
    one, other = rows(100_000, 2).unbind(1)
    factors = within((one + other) / 2, Range(low=0.6, high=1.4))
    assert factors.mean().item() == pytest.approx(1.0, abs=0.005)
    assert factors.var().item() == pytest.approx(0.64 / 24, rel=0.03)


@given(seed=st.integers(0, 1000), channels=st.sampled_from([1, 3]), size=sizes)
def test_each_real_by_its_own_draws_within_the_range_of_images(seed, channels, size):
    x, draws = images(3, channels, size, seed), rows(3, draws_per_image(channels), seed)
    together = augmented(x, draws, **FISH)
    assert together.abs().max() <= 1
    alone = torch.cat([augmented(x[i : i + 1], draws[i : i + 1], **FISH) for i in range(3)])
    assert torch.allclose(together, alone, atol=1e-5)


def test_a_range_ascends(training):
    with pytest.raises(pydantic.ValidationError, match=r"low is 1\.2, above high, 0\.95"):
        AugmentReals.model_validate(FISH | {"zoom": {"low": 1.2, "high": 0.95}})
    with pytest.raises(pydantic.ValidationError, match="twice"):
        Training.model_validate(training.model_dump() | {"diff_augment": ["color", "color"]})


def test_reals_are_augmented_before_they_fade():
    """At the beginning of a fade the critic is shown images of the lower resolution, turned or not."""
    x = torch.randint(0, 256, (2, 1, 8, 8), dtype=torch.uint8)
    faded = prepare_reals(x, torch.tensor(0.0), None, lambda y: augmented(y, rotation=45.0))
    boxes = faded.unfold(2, 2, 2).unfold(3, 2, 2)
    assert torch.equal(boxes, boxes[..., :1, :1].expand_as(boxes))


# --- in a phase


def run(networks, training, **changes):
    settings = Training.model_validate(training.model_dump() | changes)
    spec = {"from": "init", "kind": "grow", "resolution": 8, "kimg": 0.1, "batch": 4, "lr": 0.001}
    pixels = np.random.default_rng(0).integers(0, 256, (4, 1, 8, 8), np.uint8)
    job = Job("p", Phase.model_validate(spec), settings, 0, pixels, np.zeros(4, np.int64))
    return PhaseRun(job, checkpoint.fresh(networks, 4, 0), torch.device("cpu"))


@pytest.mark.parametrize("changes", [{"augment_reals": FISH}, {"diff_augment": ALL}])
def test_the_same_step_sees_the_same_images_and_another_step_others(changes, networks, training):
    one, other, plain = run(networks, training, **changes), run(networks, training, **changes), run(networks, training)
    first = one.draws.critic_batch(0, 0).reals
    assert torch.equal(first, other.draws.critic_batch(0, 0).reals)
    assert not torch.equal(first, plain.draws.critic_batch(0, 0).reals)
    pixels = torch.from_numpy(np.array(one.job.images))
    reals = [one.draws.reals(pixels, 1.0, step, repeat) for step, repeat in ((0, 0), (1, 0), (0, 1))]
    assert not torch.equal(reals[0], reals[1])
    assert not torch.equal(reals[0], reals[2]), "each critic step by itself"


def test_all_that_the_critic_sees_is_changed_and_reals_and_fakes_differently(networks, training, monkeypatch):
    """A critic that is shown unchanged fakes tells them by that."""
    seen = []

    def gone(x, draws, kinds):
        seen.append(draws)
        return torch.zeros_like(x) + 0 * x

    monkeypatch.setattr(draws, "diff_augment", gone)
    monkeypatch.setattr("pgan.training.step.diff_augment", gone)
    phase, judged = run(networks, training, diff_augment=["cutout"]), []
    phase.step.critic.register_forward_pre_hook(lambda _, inputs: judged.append(inputs[0].detach()))
    gradient = losses.score_and_gradient

    def remember(critic, sets, *rest):
        judged.extend(sets)
        return gradient(critic, sets, *rest)

    monkeypatch.setattr(losses, "score_and_gradient", remember)
    phase.advance()
    assert len(judged) == 4, "reals, fakes and mixed images; the generator's fakes"
    assert all(not x.any() for x in judged)
    assert len(seen) == 3
    assert len({tuple(draws.flatten().tolist()) for draws in seen}) == 3, "reals, the critic's fakes, the generator's"
