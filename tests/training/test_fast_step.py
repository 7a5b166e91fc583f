"""The fast step against the plain one of benchmarks/reference.py: the same losses, gradients and weights."""

import copy
import math

import numpy as np
import pytest
import torch

from benchmarks.reference import ReferenceStep
from pgan.networks import checkpoint
from pgan.training import engine, step
from pgan.training.config import Phase, Training
from pgan.training.engine import PLAIN, Engine
from pgan.training.losses import gradient_norms
from pgan.training.step import Step

N, LR, DECAY = 8, 1e-3, 0.9
SWITCHES = {
    "the paper's": {},
    "fused_scale": {"fused_scale": True},
    "no equalized_lr": {"equalized_lr": False},
    "no pixel_norm": {"pixel_norm": False},
    "no normalize_latents": {"normalize_latents": False},
    "tanh": {"tanh": True},
    "no minibatch_stddev": {"minibatch_stddev": 0},
    "minibatch_stddev of the whole batch": {"minibatch_stddev": 16},
    "ReLU": {"leaky_slope": 0.0},
    "ReLU in the generator alone": {"leaky_slope": 0.0, "critic_leaky_slope": 0.2},
    "classes": {"classes": 3},
    "colour": {"channels": 3},
}
TOLERANCES = {torch.float64: 1e-9, torch.float32: 1e-4}
FADES = {"fade 0": 0.0, "fade 0.3": 0.3, "fade 1": 1.0, "no fade": None}
REARRANGED = Engine(channels_last=True, fuse_upsampling_from=8)


@pytest.fixture(autouse=True)
def nothing_compiled_before():
    torch._dynamo.reset()


@pytest.fixture
def by_dynamo(monkeypatch):
    """Trace as torch.compile does, then run the traced operations as they are: what takes long is left out."""
    counter = torch._dynamo.testing.CompileCounterWithBackend("aot_eager")
    monkeypatch.setattr(step, "compiled", lambda loss: torch.compile(loss, backend=counter, fullgraph=True, dynamic=False))
    return counter


class Pair:
    """Both steps from the same weights, and inputs for them."""

    def __init__(self, networks, training, dtype=torch.float64, chosen=PLAIN, resolution=16, batch=N, fade=0.3):
        start = checkpoint.fresh(networks, resolution, seed=0)
        for network in (start.generator, start.critic, start.ema):
            network.to(dtype)
            for name, p in network.named_parameters():
                if name.endswith("bias"):  # zero at the start, where much goes unnoticed
                    torch.nn.init.normal_(p, std=0.1)
        g = torch.Generator().manual_seed(1)
        self.reals = torch.rand(batch, networks.channels, resolution, resolution, generator=g).to(dtype) * 2 - 1
        self.z = [torch.randn(batch, networks.latent_dimensions, generator=g).to(dtype) for _ in range(2)]
        self.mix = torch.rand(batch, 1, 1, 1, generator=g).to(dtype)
        self.labels = torch.arange(batch) % max(networks.classes, 1)
        self.alpha = 1.0 if fade is None else torch.tensor(fade, dtype=dtype)
        self.plain = ReferenceStep(start, training, LR, DECAY)
        own = copy.deepcopy(start)
        self.fast = Step(own.generator, own.critic, own.ema, training, LR, DECAY, chosen)

    def update(self, which):
        """One update of both, on the same inputs."""
        critic = (self.reals, self.labels, self.z[0], self.mix, self.alpha)
        for one in (self.plain, self.fast):
            if which == "critic":
                one.update_critic(*critic)
            else:
                one.update_generator(self.z[1], self.labels, self.alpha)

    def losses(self, which):
        """The losses, and the gradients by parameter, of both."""
        inputs = (self.reals, self.labels, self.z[0], self.mix, self.alpha)
        inputs = inputs if which == "critic" else (self.z[1], self.labels, self.alpha)
        expected = getattr(self.plain, f"{which}_loss")(*inputs)
        actual, _ = self.fast.losses[which](*inputs)
        expected.backward()
        actual.backward()
        wanted = {name: p.grad for name, p in getattr(self.plain, which).items()}
        found = {name: p.grad for name, p in getattr(self.fast, which).named_parameters()}
        return (expected, actual), (wanted, found)


def assert_same(pair, which, tolerance):
    (expected, actual), (wanted, found) = pair.losses(which)
    assert actual.item() == pytest.approx(expected.item(), rel=tolerance)
    assert wanted.keys() == found.keys()
    whole = math.sqrt(sum(g.square().sum().item() for g in wanted.values() if g is not None))
    for name, gradient in wanted.items():
        if gradient is None:
            assert found[name] is None, name
            continue
        size = max(gradient.norm().item(), 1e-6 * whole)
        assert (found[name] - gradient).norm().item() / size < tolerance, name


@pytest.mark.parametrize("chosen", [PLAIN, REARRANGED], ids=["plain", "rearranged"])
@pytest.mark.parametrize("dtype", TOLERANCES, ids=["float64", "float32"])
@pytest.mark.parametrize("fade", FADES)
@pytest.mark.parametrize("switch", SWITCHES)
def test_losses_and_gradients_are_the_oracle_s(switch, fade, dtype, chosen, networks, training):
    config = networks.model_copy(update=SWITCHES[switch])
    pair = Pair(config, training, dtype, chosen, fade=FADES[fade])
    for which in ("critic", "generator"):
        assert_same(pair, which, TOLERANCES[dtype])
