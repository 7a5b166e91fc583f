"""Progress, fade and log points counted in images."""

import itertools

import pytest

from pgan.training.schedule import Schedule


def schedule(**changes):
    return Schedule(
        **{"kimg": 10, "batch": 16, "critic_steps": 1, "grow": True, "log_every_kimg": 1, "sample_frames": 5} | changes
    )


def test_a_phase_shows_at_least_its_kimg():
    assert schedule().steps == 625
    assert schedule(batch=17).steps == 589
    assert schedule(critic_steps=5).images_per_step == 80
    assert schedule(kimg=0.001).steps == 1


@pytest.mark.parametrize("batch", [4, 16, 64, 100])
@pytest.mark.parametrize("critic_steps", [1, 5])
def test_the_fade_follows_the_images_whatever_the_batch(batch, critic_steps):
    s = schedule(batch=batch, critic_steps=critic_steps)
    alphas = [s.alpha(step) for step in range(s.steps)]
    assert alphas[0] == 0.0
    assert all(a < b for a, b in itertools.pairwise(alphas))
    assert alphas[-1] >= 1 - s.images_per_step / 10_000
    for step in range(s.steps):
        assert s.alpha(step) == pytest.approx(step * batch * critic_steps / 10_000)


def test_no_fade_when_stabilizing():
    assert {schedule(grow=False).alpha(step) for step in range(625)} == {1.0}


def test_rows_come_at_every_interval_and_at_the_end():
    s = schedule(batch=30)
    rows = [s.images(step + 1) for step in range(s.steps) if s.logs_after(step)]
    assert len(rows) == 10
    assert rows[0] == 1020
    assert rows[-1] == s.images(s.steps)


def test_pictures_at_the_start_at_the_end_and_evenly_between():
    assert schedule().sample_steps() == [0, 156, 312, 469, 625]
    assert schedule(kimg=0.03).sample_steps() == [0, 1, 2], "no more pictures than steps"
