"""The two updates: who moves, who does not, and what the critic is shown."""

import pytest
import torch

from pgan.networks.checkpoint import fresh
from pgan.training.draws import CriticBatch, GeneratorBatch, prepare_reals
from pgan.training.step import Step, average


@pytest.fixture
def step(networks, training):
    k = fresh(networks, 8, seed=0)
    return Step(k.generator, k.critic, k.ema, training, lr=1e-3, ema_decay=0.9)


def values(network):
    return {name: p.detach().clone() for name, p in network.named_parameters()}


def moved(network, before):
    return {name for name, p in network.named_parameters() if not torch.equal(p, before[name])}


def critic_update(step):
    x = torch.rand(4, 1, 8, 8) * 2 - 1
    labels = torch.zeros(4, dtype=torch.long)
    return step.update_critic(CriticBatch(x, labels, torch.randn(4, 8), torch.rand(4, 1, 1, 1), alpha=1.0))


def generator_update(step):
    return step.update_generator(GeneratorBatch(torch.randn(4, 8), torch.zeros(4, dtype=torch.long), alpha=1.0))


def test_critic_update_moves_the_critic_alone(step):
    generator, critic = values(step.generator), values(step.critic)
    critic_update(step)
    assert not moved(step.generator, generator)
    assert all(p.grad is None for p in step.generator.parameters()), "fakes are detached"
    assert "blocks.8.conv0.weight" in moved(step.critic, critic)


def test_generator_update_moves_the_generator_alone(step):
    generator, critic = values(step.generator), values(step.critic)
    generator_update(step)
    assert not moved(step.critic, critic)
    assert all(p.grad is None for p in step.critic.parameters())
    assert "blocks.8.conv0.weight" in moved(step.generator, generator)


def test_the_average_follows_each_critic_update_and_never_the_gradient(step):
    ema = values(step.ema)
    generator_update(step)
    assert not moved(step.ema, ema)
    generator = values(step.generator)
    critic_update(step)
    for name, p in step.ema.named_parameters():
        assert torch.allclose(p, 0.9 * ema[name] + 0.1 * generator[name], atol=1e-7)


def test_average_is_the_stated_formula(networks):
    one, other = fresh(networks, 4, 0).ema, fresh(networks, 4, 1).generator
    before = values(one)
    average(one, other, 0.999)
    for (name, p), q in zip(one.named_parameters(), other.parameters(), strict=True):
        assert torch.allclose(p, 0.999 * before[name] + 0.001 * q, atol=1e-7)


def test_half_life(training):
    settings = training.model_copy(update={"ema_beta": None, "ema_half_life_kimg": 10.0})
    assert settings.ema_decay(16) ** (10_000 / 16) == pytest.approx(0.5)
    assert settings.model_copy(update={"ema_beta": 0.999, "ema_half_life_kimg": None}).ema_decay(16) == 0.999


def test_reals_are_in_the_range_of_the_fakes():
    x = prepare_reals(torch.tensor([[[[0, 255], [127, 128]]]], dtype=torch.uint8), 1.0, None)
    assert (x.min(), x.max()) == (-1.0, 1.0)
    assert x[0, 0, 1].tolist() == pytest.approx([-1 / 255, 1 / 255], abs=1e-6)


def test_reals_fade_like_the_generator():
    images = torch.randint(0, 256, (2, 1, 4, 4), dtype=torch.uint8)
    full = prepare_reals(images, 1.0, None)
    coarse = full.reshape(2, 1, 2, 2, 2, 2).mean((3, 5)).repeat_interleave(2, 2).repeat_interleave(2, 3)
    for alpha in (0.0, 0.3, 1.0):
        faded = prepare_reals(images, torch.tensor(alpha), None)
        assert torch.allclose(faded, coarse + alpha * (full - coarse), atol=1e-6)


def test_mirror_flips_the_chosen_images():
    images = torch.arange(8, dtype=torch.uint8).view(2, 1, 2, 2)
    x = prepare_reals(images, 1.0, torch.tensor([True, False]))
    plain = prepare_reals(images, 1.0, None)
    assert torch.equal(x[0], plain[0].flip(2))
    assert torch.equal(x[1], plain[1])
