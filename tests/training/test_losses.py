"""The losses against closed forms."""

import pytest
import torch
from torch import nn

from pgan.networks.checkpoint import fresh
from pgan.training.draws import CriticBatch, GeneratorBatch
from pgan.training.losses import critic_loss, generator_loss, gradient_penalty, score_and_penalise


class Linear(nn.Module):
    """D(x) = Σ w·x², whose gradient at x is 2·w·x: the norm depends on where the mix put x̂."""

    def __init__(self, networks, power=1):
        super().__init__()
        self.config, self.power = networks, power
        self.w = nn.Parameter(torch.randn(1, 2, 2, dtype=torch.float64))

    def conditioned_on(self, labels):
        return self

    def forward(self, x, alpha=1.0, sets=1):
        return (self.w * x**self.power).sum((1, 2, 3)), x.new_zeros(len(x), 0)


def drawn(n=6):
    """A batch, and fakes."""
    g = torch.Generator().manual_seed(0)
    reals, fakes = (torch.randn(n, 1, 2, 2, generator=g, dtype=torch.float64) for _ in range(2))
    return batch_of(reals, torch.rand(n, 1, 1, 1, generator=g, dtype=torch.float64)), fakes


def batch_of(reals, mix=None, labels=None):
    """A batch whose fakes come from elsewhere."""
    n = len(reals)
    labels = torch.zeros(n) if labels is None else labels
    return CriticBatch(reals, labels, torch.empty(n, 0), torch.rand(n, 1, 1, 1) if mix is None else mix, alpha=1.0)


def test_penalty_of_a_linear_critic_is_that_of_its_weight(networks, training):
    critic = Linear(networks)
    batch, fakes = drawn()
    _, terms = critic_loss(critic, batch, fakes, training)
    norm = critic.w.norm()
    assert terms["gradient_penalty"].item() == pytest.approx(10 * (norm.item() - 1) ** 2)
    assert terms["gradient_norm"].item() == pytest.approx(norm.item())


def test_the_mix_is_one_factor_per_sample(networks):
    critic = Linear(networks, power=2)
    batch, fakes = drawn()
    _, _, squares = score_and_penalise(critic, batch, fakes, ("mixed",))
    for i in range(6):
        mixed = batch.reals[i] + (fakes[i] - batch.reals[i]) * batch.mix[i].item()
        assert squares[i].sqrt().item() == pytest.approx((2 * critic.w * mixed).norm().item())


def test_terms_add_up(networks, training):
    critic = Linear(networks)
    batch, fakes = drawn()
    loss, terms = critic_loss(critic, batch, fakes, training)
    real, fake = critic(batch.reals)[0], critic(fakes)[0]
    expected = (fake - real).mean() + terms["gradient_penalty"] + 0.001 * real.square().mean()
    assert loss.item() == pytest.approx(expected.item())
    assert terms["drift"].item() == pytest.approx(0.001 * real.square().mean().item())


def test_target_scales_the_penalty(training):
    norms = torch.tensor([700.0, 800.0])
    settings = training.model_copy(update={"gradient_target": 750.0})
    assert gradient_penalty(norms, settings).item() == pytest.approx(10 / 750**2 * 2500)


def test_the_penalty_reaches_the_weights_of_the_critic(networks, training):
    k = fresh(networks, 8, seed=0)
    x = torch.randn(4, 1, 8, 8)
    _, _, squares = score_and_penalise(k.critic, batch_of(x), -x, ("mixed",))
    gradient_penalty(squares.sqrt(), training).backward()
    weights = {name: p.grad for name, p in k.critic.named_parameters() if name.endswith("weight")}
    used = {name: g for name, g in weights.items() if not name.startswith("from_image.4")}
    assert all(g is not None and g.abs().sum() > 0 for g in used.values())


def test_label_terms(networks, training):
    config = networks.model_copy(update={"classes": 3})
    k = fresh(config, 4, seed=0)
    x, labels = torch.randn(4, 1, 4, 4), torch.tensor([0, 1, 2, 0])
    batch = batch_of(x, labels=labels)
    loss, terms = critic_loss(k.critic, batch, -x, training)
    logits = k.critic(x)[1].log_softmax(1)
    assert terms["label_real"].item() == pytest.approx(-logits[range(4), labels].mean().item(), rel=1e-5)
    unweighted = training.model_copy(update={"label_weight": 0.0})
    without, _ = critic_loss(k.critic, batch, -x, unweighted)
    assert (loss - without).item() == pytest.approx((terms["label_real"] + terms["label_fake"]).item(), rel=1e-4)
    latents = GeneratorBatch(torch.randn(4, 8), labels, alpha=1.0)
    total, terms = generator_loss(k.critic, latents, k.generator(latents.latents, labels), training)
    assert total.item() == pytest.approx((terms["generator_loss"] + terms["label_generator"]).item(), rel=1e-5)
