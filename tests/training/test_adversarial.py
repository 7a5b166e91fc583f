"""The adversarial losses, and how they are trained, against a plain oracle."""

import copy
import functools
import typing

import numpy as np
import pydantic
import pytest
import torch
import torch._dynamo
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from oracles.reference import ReferenceStep
from torch import nn

from pgan.networks import checkpoint
from pgan.phases import Phase
from pgan.rendering.curves import read_losses
from pgan.training import step
from pgan.training.adversarial import LOSSES
from pgan.training.config import Training
from pgan.training.diff_augment import DRAWS
from pgan.training.draws import CriticBatch, GeneratorBatch
from pgan.training.engine import Engine
from pgan.training.job import Job
from pgan.training.loop import PhaseRun
from pgan.training.losses import critic_loss, fast_squared_norms, generator_loss, squared_norms
from pgan.training.snapshots import Snapshots
from pgan.training.step import FrozenCritic, Step

N, LR, DECAY = 8, 1e-3, 0.9
ALL = ["color", "translation", "cutout"]


def settings_of(training, loss, **changes):
    clip = 0.01 if loss == "wgan" else None
    return Training.model_validate(training.model_dump() | {"loss": loss, "weight_clip": clip} | changes)


# --- the oracle: the papers' formulas as they stand, and automatic differentiation


def minimax(real, fake):
    return -(real.sigmoid().log() + (1 - fake.sigmoid()).log()).mean(), -fake.sigmoid().log().mean()


def of_differences(real, fake):
    return -(real - fake).sigmoid().log().mean(), -(fake - real).sigmoid().log().mean()


ORACLES = {
    "wgan-gp": lambda real, fake: (fake.mean() - real.mean(), -fake.mean()),
    "wgan": lambda real, fake: (fake.mean() - real.mean(), -fake.mean()),
    "logistic": minimax,
    "relativistic": of_differences,
    "lsgan": lambda real, fake: (((real - 1) ** 2).mean() / 2 + (fake**2).mean() / 2, ((fake - 1) ** 2).mean() / 2),
    "hinge": lambda real, fake: (
        -torch.minimum(real - 1, 0 * real).mean() - torch.minimum(-fake - 1, 0 * fake).mean(),
        -fake.mean(),
    ),
}


class Oracle(ReferenceStep):
    """The plain step with another loss."""

    def critic_loss(self, batch):
        s, (reals, labels, _, mix, alpha, _) = self.settings, batch
        with torch.no_grad():
            fakes = self.fakes(batch)
        (real, real_logits), (fake, fake_logits) = self._score(reals, alpha), self._score(fakes, alpha)
        loss = ORACLES[s.loss](real, fake)[0] + s.drift * (real**2).mean()
        at = {"logistic": [reals], "relativistic": [reals, fakes], "wgan-gp": [reals + mix * (fakes - reals)]}
        for images in at.get(s.loss, []):
            images = images.clone().requires_grad_(True)
            (gradient,) = torch.autograd.grad(self._score(images, alpha)[0].sum(), images, create_graph=True)
            squares = (gradient**2).sum((1, 2, 3))
            distances = (squares.sqrt() - 1) ** 2 if s.loss == "wgan-gp" else squares / 2
            loss = loss + s.gradient_penalty * distances.mean()
        if self.config.classes:
            loss = loss + s.label_weight * F.cross_entropy(real_logits, labels)
            loss = loss + s.label_weight * F.cross_entropy(fake_logits, labels)
        return loss

    def generator_loss(self, batch):
        (real, _), (fake, logits) = (self._score(images, batch.alpha) for images in (batch.reals, self.fakes(batch)))
        loss = ORACLES[self.settings.loss](real.detach(), fake)[1]
        if self.config.classes:
            loss = loss + self.settings.label_weight * F.cross_entropy(logits, batch.labels)
        return loss


class World:
    """Networks at 8×8 in the middle of a fade, and inputs for them, in float64."""

    def __init__(self, networks, settings, dtype=torch.float64):
        g = torch.Generator().manual_seed(1)
        self.start, self.settings = checkpoint.fresh(networks, 8, seed=0), settings
        for network in (self.start.generator, self.start.critic, self.start.ema):
            network.to(dtype)
            for name, p in network.named_parameters():
                if name.endswith("bias"):  # zero at the start, where much goes unnoticed
                    p.data.normal_(std=0.1, generator=g)
        reals = torch.rand(N, networks.channels, 8, 8, generator=g).to(dtype) * 2 - 1
        z = torch.randn(N, networks.latent_dimensions, generator=g).to(dtype)
        mix = torch.rand(N, 1, 1, 1, generator=g).to(dtype)
        labels = torch.arange(N) % max(networks.classes, 1)
        alpha = torch.tensor(0.3, dtype=dtype)
        augmentation = torch.rand(N, DRAWS, generator=g).to(dtype)
        self.critics = CriticBatch(reals, labels, z, mix, alpha, augmentation)
        self.generators = GeneratorBatch(z, labels, alpha, augmentation, reals)

    def step(self, engine=step.PLAIN):
        own = copy.deepcopy(self.start)
        return Step(own.generator, own.critic, own.ema, self.settings, LR, DECAY, engine)

    def oracle(self):
        return Oracle(self.start, self.settings, LR, DECAY)


def gradients(network):
    named = network.items() if isinstance(network, dict) else network.named_parameters()
    return {name: p.grad for name, p in named if p.grad is not None}


def assert_same(found, wanted, tolerance=1e-9):
    assert found.keys() == wanted.keys()
    whole = sum(g.square().sum().item() for g in wanted.values()) ** 0.5
    for name, gradient in wanted.items():
        resolved = torch.finfo(gradient.dtype).eps * whole  # a sum that cancels has no digits beyond this
        assert (found[name] - gradient).norm().item() <= tolerance * gradient.norm().item() + resolved, name


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("loss", LOSSES)
def test_losses_and_gradients_are_the_oracle_s(loss, classes, networks, training):
    world = World(networks.model_copy(update={"classes": classes}), settings_of(training, loss))
    fast, plain = world.step(), world.oracle()
    found, terms = fast.critic_loss(world.critics)
    wanted = plain.critic_loss(world.critics)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-9)
    found.backward()
    wanted.backward()
    assert_same(gradients(fast.critic), gradients(plain.critic))
    assert ("gradient_penalty" in terms) == ("gradient_norm" in terms) == bool(LOSSES[loss].penalised)

    fast.critic.requires_grad_(False)
    found, _ = fast.generator_loss(world.generators)
    wanted = plain.generator_loss(world.generators)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-9)
    found.backward()
    wanted.backward()
    assert_same(gradients(fast.generator), gradients(plain.generator))


def test_the_parameters_know_exactly_these_losses():
    assert set(typing.get_args(Training.model_fields["loss"].annotation)) == LOSSES.keys()


scores = st.floats(-50, 50).map(lambda x: torch.tensor([x], dtype=torch.float64))


@pytest.mark.parametrize("loss", LOSSES)
@given(real=scores, fake=scores, shift=st.floats(-20, 20))
def test_scores_of_a_pair(loss, real, fake, shift):
    """The generator's loss falls with its score; the declarations of what depends on what are true."""
    adversarial = LOSSES[loss]
    critic, generator = adversarial.of_scores(real, fake)
    assert critic.isfinite().all()
    assert generator.isfinite().all()
    better = adversarial.of_scores(real, fake + 0.5 * (1 - fake) if loss == "lsgan" else fake + 1)[1]
    assert better <= generator
    if loss in ("wgan", "wgan-gp", "relativistic"):
        assert adversarial.of_scores(real + shift, fake + shift)[0].item() == pytest.approx(critic.item(), abs=1e-9)
    without = adversarial.of_scores(torch.full_like(real, torch.nan), fake)[1]
    assert bool(without.isnan().any()) == adversarial.pairs


# --- penalties


class Quadratic(nn.Module):
    """D(x) = Σ w·x², with the gradient 2·w·x: a critic that is no `Critic`."""

    def __init__(self, networks):
        super().__init__()
        self.config = networks
        self.w = nn.Parameter(torch.randn(1, 4, 4, dtype=torch.float64))

    def conditioned_on(self, labels):
        return self

    def forward(self, x, alpha=1.0, sets=1):
        return (self.w * x**2).sum((1, 2, 3)), x.new_zeros(len(x), 0)


@pytest.mark.parametrize(("loss", "both"), [("logistic", False), ("relativistic", True)])
def test_r1_and_r2_in_closed_form(loss, both, networks, training):
    critic = Quadratic(networks)
    x, y = torch.randn(2, N, 1, 4, 4, dtype=torch.float64)
    settings = settings_of(training, loss, gradient_penalty=3.0)
    batch = CriticBatch(x, torch.zeros(N), torch.empty(N, 0), torch.rand(N, 1, 1, 1), alpha=1.0)
    _, terms = critic_loss(critic, batch, y, settings)
    expected = [1.5 * (2 * critic.w * images).square().sum((1, 2, 3)).mean().item() for images in (x, y)]
    assert terms["gradient_penalty"].item() == pytest.approx(sum(expected) if both else expected[0])
    terms["gradient_penalty"].backward()
    assert critic.w.grad.abs().min() > 0


@pytest.mark.parametrize("norms", [squared_norms, fast_squared_norms])
def test_a_gradient_of_zero_can_be_penalised(norms, networks):
    """Where R1 leads; the norm itself has no derivative there."""
    critic = checkpoint.fresh(networks, 4, seed=0).critic
    torch.nn.init.zeros_(critic.blocks["4"].dense1.weight)
    norms(critic, torch.randn(N, 1, 4, 4), 1.0).mean().backward()
    assert all(p.grad.isfinite().all() for p in critic.parameters() if p.grad is not None)


@pytest.mark.parametrize("norms", [squared_norms, fast_squared_norms])
def test_squared_norms_are_the_same_inside_autocast(norms, networks):
    critic, x = checkpoint.fresh(networks, 4, seed=0).critic, torch.randn(N, 1, 4, 4)
    outside = norms(critic, x, 1.0)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(norms(critic, x, 1.0), outside)


# --- weight clipping


def test_the_critic_s_weights_are_clipped_after_its_update_and_no_others(networks, training):
    world = World(networks, settings_of(training, "wgan", weight_clip=0.05))
    fast = world.step()
    fast.update_generator(world.generators)
    assert max(p.abs().max() for p in fast.critic.parameters()) > 0.05
    fast.update_critic(world.critics)
    assert all(p.abs().max() <= 0.05 for p in fast.critic.parameters())
    assert max(p.abs().max() for p in fast.generator.parameters()) > 1


@pytest.mark.parametrize("changes", [{"loss": "wgan"}, {"weight_clip": 0.01}, {"loss": "hinge", "weight_clip": 0.01}])
def test_clipping_and_its_loss_belong_together(changes, training):
    with pytest.raises(pydantic.ValidationError, match="weight_clip"):
        Training.model_validate(training.model_dump() | changes)


# --- both at once


@pytest.mark.parametrize("loss", ["wgan-gp", "relativistic"])
def test_simultaneous_gradients_are_those_of_each_loss_at_the_same_point(loss, networks, training):
    settings = settings_of(training, loss, diff_augment=ALL)
    world = World(networks.model_copy(update={"classes": 3}), settings)
    both, apart = world.step(), world.step()
    total, terms = both.both_losses(world.critics)
    total.backward()
    critics, expected = apart.critic_loss(world.critics)
    critics.backward()
    apart.critic.requires_grad_(False)
    generators, more = apart.generator_loss(world.generators)
    generators.backward()
    assert total.item() == pytest.approx((critics + generators).item())
    assert {name: t.item() for name, t in terms.items()} == pytest.approx(
        {name: t.item() for name, t in (expected | more).items()}
    )
    assert_same(gradients(both.critic), gradients(apart.critic))
    assert_same(gradients(both.generator), gradients(apart.generator))


def test_a_simultaneous_update_moves_both_from_the_same_point_and_the_average_once(networks, training):
    world = World(networks, settings_of(training, "wgan-gp", simultaneous=True))
    both, critics, generators = world.step(), world.step(), world.step()
    both.update_both(world.critics)
    critics.update_critic(world.critics)
    generators.update_generator(world.generators)
    for mine, theirs in ((both.critic, critics.critic), (both.generator, generators.generator)):
        for p, q in zip(mine.parameters(), theirs.parameters(), strict=True):
            assert torch.allclose(p, q, rtol=0, atol=1e-10)
    for p, old, new in zip(
        both.ema.parameters(), world.start.ema.parameters(), both.generator.parameters(), strict=True
    ):
        assert torch.allclose(p, DECAY * old + (1 - DECAY) * new, atol=1e-12)


def test_a_frozen_critic_is_the_same_function_with_fixed_weights(networks, training):
    world = World(networks, training)
    frozen, images = FrozenCritic(world.start.critic), world.critics.reals.clone().requires_grad_(True)
    scores, _ = frozen(images, world.critics.alpha)
    assert torch.equal(scores, world.start.critic(images, world.critics.alpha)[0])
    scores.sum().backward()
    assert images.grad.abs().sum() > 0
    assert all(p.grad is None and p.requires_grad for p in world.start.critic.parameters())


def test_several_critic_steps_cannot_be_simultaneous(training):
    with pytest.raises(pydantic.ValidationError, match="critic_steps: 5"):
        Training.model_validate(training.model_dump() | {"simultaneous": True, "critic_steps": 5})


# --- compiled


def compare_compiled(world, tolerance):
    """Each loss and its gradients, compiled and eager."""
    for name, batch in {"critic": world.critics, "generator": world.generators, "both": world.critics}.items():
        fast, eager = world.step(Engine(compiled=True)), world.step()
        for one in (fast, eager):
            one.critic.requires_grad_(name != "generator")
            loss, _ = one.losses[name](batch)
            loss.backward()
        assert_same(gradients(fast.critic), gradients(eager.critic), tolerance)
        assert_same(gradients(fast.generator), gradients(eager.generator), tolerance)


@pytest.mark.slow
def test_traced_they_are_the_same(networks, training, monkeypatch):
    """As torch.compile traces them, without a break; the operations then run as they are."""
    torch._dynamo.reset()
    traced = functools.partial(torch.compile, backend="aot_eager", fullgraph=True, dynamic=False)
    monkeypatch.setattr(step, "compiled", traced)
    compare_compiled(World(networks, settings_of(training, "relativistic", diff_augment=ALL)), 1e-9)


@pytest.mark.slow
def test_really_compiled_they_are_the_same(networks, training):
    torch._dynamo.reset()
    compare_compiled(World(networks, settings_of(training, "relativistic", diff_augment=ALL), torch.float32), 1e-4)


# --- a phase


def phase(**changes):
    spec = {"from": "init", "kind": "stabilize", "resolution": 4, "kimg": 0.064, "batch": N, "lr": 0.001}
    return Phase.model_validate(spec | changes)


def begin(networks, training, spec=None, **changes):
    settings = Training.model_validate(training.model_dump() | {"log_every_kimg": 0.02, "samples": 2} | changes)
    images = np.random.default_rng(0).integers(0, 256, (40, 1, 4, 4), np.uint8)
    job = Job("p", spec or phase(), settings, 0, images, np.zeros(40, np.int64))
    return PhaseRun(job, checkpoint.fresh(networks, 4, 0), torch.device("cpu"))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_phase_of_each_loss_logs_what_the_picture_needs(loss, networks, training, tmp_path):
    changes = settings_of(training, loss).model_dump()
    run = begin(networks, training, **changes | {"log_every_kimg": 0.02})
    run.run(Snapshots(tmp_path, "p", "key"), 1e9)
    run.write(tmp_path / "out")
    curves = read_losses(tmp_path / "out" / "losses.csv", "p").curves
    assert np.isfinite(curves["generator_loss"]).all()
    assert np.isfinite(curves["gradient_penalty"]).all() == bool(LOSSES[loss].penalised)


def test_a_phase_s_own_target_replaces_the_shared_one(networks, training):
    assert begin(networks, training).step.settings.gradient_target == 1.0
    assert begin(networks, training, phase(gradient_target=4.0)).step.settings.gradient_target == 4.0


def test_the_generator_is_paired_with_the_reals_that_the_critic_saw_last(networks, training, monkeypatch):
    run = begin(networks, training, loss="relativistic", critic_steps=2)
    seen = []
    critics, generators = Step.update_critic, Step.update_generator
    monkeypatch.setattr(Step, "update_critic", lambda *a: (seen.append(a[1].reals), critics(*a))[1])
    monkeypatch.setattr(Step, "update_generator", lambda *a: (seen.append(a[1].reals), generators(*a))[1])
    run.advance()
    first, second, paired = seen
    assert torch.equal(second, paired)
    assert not torch.equal(first, paired)


@pytest.mark.parametrize("simultaneous", [False, True])
def test_learning_rates_are_drawn_anew_within_their_range(simultaneous, networks, training):
    def rates():
        run = begin(networks, training, lr_jitter=4.0, simultaneous=simultaneous)
        found = []
        for name, adam in run.step.optimizers.items():
            adam.register_step_pre_hook(lambda o, *_, name=name: found.append((name, o.param_groups[0]["lr"])))
        for _ in range(100):
            run.advance()
        return found

    drawn = rates()
    assert drawn == rates(), "of (seed, phase, step)"
    logs = np.log([lr / 0.001 for _, lr in drawn]) / np.log(4.0)
    assert -1 <= logs.min() < -0.9
    assert 0.9 < logs.max() <= 1
    assert abs(logs.mean()) < 0.15, "uniform in the logarithm"
    assert len({lr for _, lr in drawn}) == (100 if simultaneous else 200), "one for each update"


def test_without_jitter_the_learning_rate_is_the_phase_s(networks, training):
    run = begin(networks, training)
    run.advance()
    assert {group["lr"] for adam in run.step.optimizers.values() for group in adam.param_groups} == {0.001}


@pytest.mark.parametrize(("loss", "same"), [("relativistic", True), ("wgan-gp", False)])
def test_paired_reals_are_judged_by_their_own_labels(loss, same, networks, training, monkeypatch):
    """A critic that is told labels must not be told those of other images."""
    config, told = networks.model_copy(update={"classes": 3}), []
    spec = Phase.model_validate({"from": "x", "kind": "grow", "resolution": 8, "kimg": 1, "batch": N, "lr": LR})
    images = np.zeros((40, 1, 8, 8), np.uint8)
    job = Job("p", spec, settings_of(training, loss), 0, images, np.arange(40) % 3)
    phase = PhaseRun(job, checkpoint.fresh(config, 4, 0), torch.device("cpu"))
    for update in ("update_critic", "update_generator"):
        monkeypatch.setattr(phase.step, update, lambda batch: told.append(batch.labels) or {})
    phase.advance()
    assert torch.equal(*told) == same


def test_generator_losses_that_pair_need_reals(networks, training):
    world = World(networks, settings_of(training, "relativistic"))
    with pytest.raises(AssertionError):
        generator_loss(world.start.critic, world.generators._replace(reals=None), world.critics.reals, world.settings)
