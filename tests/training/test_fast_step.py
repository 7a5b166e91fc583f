"""The fast step against the plain one of tests/oracles/reference.py: the same losses, gradients and weights."""

import copy
import functools
import math
import os
import signal
from unittest import mock

import numpy as np
import pytest
import torch
import torch._dynamo.testing
import torch._inductor.config
from oracles.reference import ReferenceStep

from pgan.networks import checkpoint
from pgan.phases import Phase
from pgan.training import engine, losses, step
from pgan.training.draws import CriticBatch, GeneratorBatch
from pgan.training.engine import PLAIN, Engine
from pgan.training.interrupt import Interrupted
from pgan.training.job import Job
from pgan.training.loop import PhaseRun
from pgan.training.losses import choose_path, score_and_penalise
from pgan.training.snapshots import Snapshots
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
# Where an activation is so near 0 that rounding decides its sign, leaky ReLU has either slope, and gradients differ by
# more than float32's rounding.  With these few activations that does not happen.
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
    traced = functools.partial(torch.compile, backend=counter, fullgraph=True, dynamic=False)
    monkeypatch.setattr(step, "compiled", traced)
    return counter


class Pair:
    """Both steps from the same weights, and inputs for them."""

    def __init__(self, networks, training, dtype=torch.float64, chosen=PLAIN, resolution=16, batch=N, fade=0.3):
        start = checkpoint.fresh(networks, resolution, seed=0)
        g = torch.Generator().manual_seed(1)
        for network in (start.generator, start.critic, start.ema):
            network.to(dtype)
            for name, p in network.named_parameters():
                if name.endswith("bias"):  # zero at the start, where much goes unnoticed
                    p.data.normal_(std=0.1, generator=g)
        reals = torch.rand(batch, networks.channels, resolution, resolution, generator=g).to(dtype) * 2 - 1
        z = [torch.randn(batch, networks.latent_dimensions, generator=g).to(dtype) for _ in range(2)]
        mix = torch.rand(batch, 1, 1, 1, generator=g).to(dtype)
        labels = torch.arange(batch) % max(networks.classes, 1)
        alpha = 1.0 if fade is None else torch.tensor(fade, dtype=dtype)
        self.batches = {
            "critic": CriticBatch(reals, labels, z[0], mix, alpha),
            "generator": GeneratorBatch(z[1], labels, alpha),
        }
        self.plain = ReferenceStep(start, training, LR, DECAY)
        own = copy.deepcopy(start)
        self.fast = Step(own.generator, own.critic, own.ema, training, LR, DECAY, chosen)

    def update(self, which):
        """One update of both, on the same batch."""
        for one in (self.plain, self.fast):
            getattr(one, f"update_{which}")(self.batches[which])

    def fade_to(self, alpha):
        """Another fade for all batches."""
        self.batches = {name: batch._replace(alpha=torch.tensor(alpha)) for name, batch in self.batches.items()}

    def losses(self, which):
        """The losses, and the gradients by parameter, of both."""
        expected = getattr(self.plain, f"{which}_loss")(self.batches[which])
        actual, _ = self.fast.losses[which](self.batches[which])
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
        resolved = torch.finfo(gradient.dtype).eps * whole  # a sum that cancels has no digits beyond this
        assert (found[name] - gradient).norm().item() < tolerance * gradient.norm().item() + resolved, name


@pytest.mark.parametrize("chosen", [PLAIN, REARRANGED], ids=["plain", "rearranged"])
@pytest.mark.parametrize(
    ("dtype", "fade"),
    [
        *((torch.float64, fade) for fade in FADES),
        (torch.float32, "fade 0.3"),
        *(pytest.param(torch.float32, fade, marks=pytest.mark.slow) for fade in FADES if fade != "fade 0.3"),
    ],
)
@pytest.mark.parametrize("switch", SWITCHES)
def test_losses_and_gradients_are_the_oracle_s(switch, fade, dtype, chosen, networks, training):
    config = networks.model_copy(update=SWITCHES[switch])
    for which in ("critic", "generator"):
        pair = Pair(config, training, dtype, chosen, fade=FADES[fade])
        assert_same(pair, which, TOLERANCES[dtype])


def test_batches_that_are_no_group_of_their_own_are_judged_apart(networks, training):
    config = networks.model_copy(update={"minibatch_stddev": 4})
    for batch in (2, 3):
        assert_same(Pair(config, training, batch=batch, chosen=REARRANGED), "critic", 1e-9)


def test_ten_steps_lead_to_the_oracle_s_weights(networks, training):
    pair = Pair(networks, training, chosen=REARRANGED)
    for _ in range(10):
        pair.update("critic")
        pair.update("generator")
    for name in ("generator", "critic", "ema"):
        for key, p in getattr(pair.fast, name).named_parameters():
            assert torch.allclose(p, getattr(pair.plain, name)[key], rtol=1e-6, atol=1e-9), f"{name}: {key}"


def test_the_fast_paths_are_automatic_differentiation(networks):
    """Each path that `choose_path` may choose, with its scores, gradients, and the gradients' gradients."""
    for changes in SWITCHES.values():
        critic = checkpoint.fresh(networks.model_copy(update=changes), 8, seed=0).critic.double()
        g = torch.Generator().manual_seed(0)
        reals, fakes = torch.randn(2, N, critic.config.channels, 8, 8, generator=g).double()
        mix, alpha = torch.rand(N, 1, 1, 1, generator=g).double(), torch.tensor(0.3, dtype=torch.float64)
        batch = CriticBatch(reals, torch.zeros(N), torch.empty(N, 0), mix, alpha)
        for penalised in (("mixed",), ("reals",), ("reals", "fakes")):
            found = {}
            for path in ("autograd", "fast", "fast, in one pass"):
                with mock.patch.object(losses, "choose_path", lambda *_, path=path: path):
                    real, fake, squares = score_and_penalise(critic, batch, fakes, penalised)
                weights = torch.autograd.grad(squares.sum(), list(critic.parameters()), allow_unused=True)
                found[path] = [*real, *fake, squares, *(w for w in weights if w is not None and w.any())]
            for path in ("fast", "fast, in one pass"):
                for ours, theirs in zip(found[path], found["autograd"], strict=True):
                    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def test_the_path_is_chosen_by_critic_penalty_and_precision(networks):
    def path(penalised=("mixed",), half=False, recompute=False, **changes):
        critic = checkpoint.fresh(networks.model_copy(update=changes), 8, seed=0).critic
        critic.recompute = recompute
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            return choose_path(critic, penalised, "cpu")

    assert path() == path(("reals",), minibatch_stddev=0) == "fast, in one pass"
    assert path(minibatch_stddev=0) == path(half=True) == path(("reals",), recompute=True) == "fast"
    for unknown in ({"layer_norm": True}, {"minibatch_discrimination": 3}):
        assert path(**unknown) == path(half=True, **unknown) == "autograd"


# --- compiled


@pytest.mark.parametrize(
    "switch",
    [
        "classes",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("the paper's", "fused_scale", "no minibatch_stddev", "ReLU")
        ),
    ],
)
def test_what_is_compiled_is_the_same_function(switch, networks, training, by_dynamo):
    config = networks.model_copy(update=SWITCHES[switch])
    pair = Pair(
        config, training, chosen=Engine(compiled=True, channels_last=True, fuse_upsampling_from=8), resolution=8
    )
    for which in ("critic", "generator"):
        assert_same(pair, which, 1e-9)


@pytest.mark.slow
def test_autocast_is_compiled_along(networks, training, by_dynamo):
    coarse = training.model_copy(update={"precision": "bf16"})
    eager, traced = (
        Pair(networks, coarse, torch.float32, chosen, resolution=8) for chosen in (PLAIN, Engine(compiled=True))
    )
    for pair in (eager, traced):
        pair.update("critic")
        pair.update("generator")
    assert by_dynamo.frame_count == 2
    for p, q in zip(eager.fast.critic.parameters(), traced.fast.critic.parameters(), strict=True):
        assert torch.allclose(p, q, atol=2.1 * LR), "Adam's first step has the learning rate's length"
    expected, actual = (pair.fast.losses["critic"](pair.batches["critic"])[0].item() for pair in (eager, traced))
    assert actual == pytest.approx(expected, rel=0.05)


def test_neither_fade_nor_learning_rate_compile_again(networks, training, by_dynamo):
    pair = Pair(networks, training, torch.float32, Engine(compiled=True), resolution=8)
    for i in range(4):
        pair.fade_to(i / 4)
        for optimizer in pair.fast.optimizers.values():
            optimizer.param_groups[0]["lr"] = LR / (i + 1)
        pair.update("critic")
        pair.update("generator")
    assert by_dynamo.frame_count == 2, "the critic's loss and the generator's"


@pytest.mark.slow
def test_really_compiled_it_agrees_with_the_oracle(networks, training):
    pair = Pair(
        networks,
        training,
        torch.float32,
        Engine(compiled=True, channels_last=True, fuse_upsampling_from=8),
        resolution=8,
    )
    for which in ("critic", "generator"):
        assert_same(pair, which, 1e-4)


@pytest.mark.slow
def test_a_compiled_phase_resumes_bit_for_bit(networks, training, tmp_path, monkeypatch):
    """Stopped in the middle and taken up by what could be another process: nothing compiled is left of the first."""
    settings = training.model_copy(update={"compile": "always", "log_every_kimg": 0.02, "samples": 2})
    spec = phase(kind="grow", resolution=8, kimg=0.08, batch=8)
    images = np.random.default_rng(0).integers(0, 256, (40, 1, 8, 8), np.uint8)
    job = Job("p", spec, settings, 0, images, np.zeros(40, np.int64))

    def train(out):
        torch._dynamo.reset()
        run = PhaseRun(job, checkpoint.fresh(networks, 4, 0), torch.device("cpu"))
        assert run.step.compiled
        with Snapshots(tmp_path, "p", out) as snapshots:
            run.run(snapshots, 1e9)
        run.write(tmp_path / out)
        return {path.name: path.read_bytes() for path in (tmp_path / out).iterdir()}

    whole = train("whole")
    advance = PhaseRun.advance

    def stopped(self):
        advance(self)
        if self.steps_done == 5:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(PhaseRun, "advance", stopped)
        with pytest.raises(Interrupted):
            train("broken")
    assert train("broken") == whole


@pytest.mark.slow
def test_without_a_compiler_training_goes_on_eagerly_with_one_warning(networks, training, capsys):
    absent = {"force_disable_caches": True, "cpp.cxx": ("/nowhere/g++",), "compile_threads": 1}
    pairs = [Pair(networks, training, chosen=Engine(compiled=compiled), resolution=8) for compiled in (True, False)]
    with torch._inductor.config.patch(absent):
        for pair in pairs:
            for _ in range(2):
                pair.update("critic")
                pair.update("generator")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: torch.compile failed, training continues without it: ")
    for p, q in zip(*(pair.fast.generator.parameters() for pair in pairs), strict=True):
        assert torch.equal(p, q)


# --- the engine


def phase(**changes):
    spec = {"from": "init", "kind": "stabilize", "resolution": 64, "kimg": 1000, "batch": 16, "lr": 0.001}
    return Phase.model_validate(spec | changes)


def chosen(networks, training, device="cpu", compile="auto", **changes):
    return engine.choose(networks, training.model_copy(update={"compile": compile}), phase(**changes), device)


def test_long_phases_are_compiled_and_short_ones_are_not(networks, training):
    updates = engine.COMPILE_FROM_UPDATES
    for batch in (16, 64):
        assert chosen(networks, training, kimg=updates * batch / 1000, batch=batch).compiled
        assert not chosen(networks, training, kimg=(updates - 1) * batch / 1000, batch=batch).compiled
    assert chosen(networks, training, kimg=1, compile="always").compiled
    assert not chosen(networks, training, compile="never").compiled


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_on_a_gpu_only_what_is_asked_for_is_compiled(device, networks, training):
    assert not chosen(networks, training, device).compiled
    assert chosen(networks, training, device, compile="always").compiled


def test_the_demo_is_not_compiled(parameters, networks, training):
    config = networks.model_validate(parameters["networks"])
    assert not any(chosen(config, training, **spec).compiled for spec in parameters["phases"].values())


def test_what_cannot_be_had_is_said(networks, training):
    asked, again = (training.model_copy(update=changes) for changes in ({"compile": "always"}, {"recompute": True}))
    assert engine.without_effect(networks, asked) == []
    for config, settings, said in (
        (networks.model_copy(update={"layer_norm": True}), asked, "differentiated automatically"),
        (networks, asked.model_copy(update={"recompute": True}), "recompute"),
        (networks.model_copy(update={"batch_norm": True}), again, "batch norm"),
    ):
        (sentence,) = engine.without_effect(config, settings)
        assert said in sentence


def test_wide_maps_stay_channels_first(networks, training):
    assert chosen(networks, training).channels_last
    wide = networks.model_copy(update={"fmap_base": 8192, "fmap_max": 512})
    assert not chosen(wide, training).channels_last


# --- the boundary: files know nothing of the engine


def test_what_is_saved_is_contiguous_and_goes_on_in_either_layout(networks, training):
    pair = Pair(networks, training, torch.float32, REARRANGED)
    pair.update("critic")
    pair.update("generator")
    fast = pair.fast
    now = checkpoint.Checkpoint(
        fast.generator, fast.critic, fast.ema, checkpoint.Progress("p", "grow", 0, 0), fast.state()
    )
    saved = checkpoint.state(now)
    moments = [m for name in ("generator", "critic") for m in saved["optimizers"][name]["state"].values()]
    tensors = [*saved["critic"].values(), *(m["exp_avg_sq"] for m in moments)]
    assert all(t.stride() == torch.empty(t.shape).stride() for t in tensors)

    ends = {}
    for chosen_ in (PLAIN, REARRANGED):
        again = checkpoint.from_state(saved, "test")
        resumed = Step(again.generator, again.critic, again.ema, training, LR, DECAY, chosen_)
        resumed.load_state(again.optimizers)
        resumed.update_critic(pair.batches["critic"])
        ends[chosen_] = [p.detach() for p in resumed.critic.parameters()]
    pair.fast.update_critic(pair.batches["critic"])
    for p, same, alike in zip(pair.fast.critic.parameters(), ends[REARRANGED], ends[PLAIN], strict=True):
        assert torch.equal(p, same), "bit for bit in the same layout"
        assert torch.allclose(p, alike, atol=1e-5)
