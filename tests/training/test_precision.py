"""In bf16 the networks compute coarsely, and everything that small differences decide over does not."""

import os
import signal

import numpy as np
import pytest
import torch

from pgan.networks import checkpoint
from pgan.networks.config import Networks
from pgan.phases import Phase
from pgan.training.draws import CriticBatch, GeneratorBatch
from pgan.training.interrupt import Interrupted
from pgan.training.job import Job
from pgan.training.loop import PhaseRun
from pgan.training.precision import autocast
from pgan.training.snapshots import Snapshots
from pgan.training.step import Step

N = 8
FIXED = {
    "dcgan": {"label_size": 2, "instance_norm": True},
    "fish": {"dropout": 0.5, "minibatch_stddev": 2, "tanh": True},
}
FIXED = {
    name: {"architecture": name, "channels": 3, "latent_size": 4, "width": 2, "leaky_slope": 0.2, "classes": 0} | own
    for name, own in FIXED.items()
}


@pytest.fixture
def batch():
    g = torch.Generator().manual_seed(0)
    reals, z = torch.rand(N, 1, 8, 8, generator=g) * 2 - 1, torch.randn(N, 8, generator=g)
    mix = torch.rand(N, 1, 1, 1, generator=g)
    return CriticBatch(reals, torch.zeros(N, dtype=torch.long), z, mix, torch.tensor(0.3))


def step_in(precision, networks, training):
    start = checkpoint.fresh(networks, 8, seed=0)
    settings = training.model_copy(update={"precision": precision})
    return Step(start.generator, start.critic, start.ema, settings, 1e-3, 0.9)


def terms_in(precision, networks, training, batch):
    step = step_in(precision, networks, training)
    latents = GeneratorBatch(batch.latents, batch.labels, batch.alpha)
    return step.update_critic(batch) | step.update_generator(latents), step


def test_bf16_is_near_fp32_and_not_the_same(networks, training, batch):
    (exact, _), (coarse, step) = (terms_in(p, networks, training, batch) for p in ("fp32", "bf16"))
    for name, term in coarse.items():
        assert term.dtype == torch.float32, name
        assert term.item() == pytest.approx(exact[name].item(), rel=0.1, abs=0.01), name
    assert coarse["critic_fake"] != exact["critic_fake"]
    for network in (step.generator, step.critic, step.ema):
        assert all(p.dtype == torch.float32 for p in network.parameters())


def test_tf32_changes_nothing_on_the_cpu(networks, training, batch):
    (exact, one), (same, other) = (terms_in(p, networks, training, batch) for p in ("fp32", "tf32"))
    assert exact == same
    assert all(map(torch.equal, one.critic.parameters(), other.critic.parameters()))


def test_images_and_scores_are_not_rounded_to_bf16(networks, batch):
    start = checkpoint.fresh(networks, 8, seed=0)
    with autocast("bf16", "cpu"), torch.no_grad():
        images = start.generator(batch.latents, None, batch.alpha)
        scores, _ = start.critic(images, batch.alpha)
        hidden = start.critic.blocks["4"].dense0(torch.randn(N, 8 * 16))
    assert hidden.dtype == torch.bfloat16, "the layers between are"
    for x in (images, scores):
        assert x.dtype == torch.float32
        assert not torch.equal(x, x.bfloat16().float())


@pytest.mark.parametrize("architecture", ["dcgan", "fish"])
def test_fixed_networks_have_images_and_scores_in_single_precision_too(architecture):
    config = Networks.model_validate(FIXED[architecture])
    start = checkpoint.fresh(config, config.first_resolution, seed=0)
    with autocast("bf16", "cpu"), torch.no_grad():
        images = start.generator(torch.randn(2, 4))
        scores, _ = start.critic(images)
    for x in (images, scores):
        assert x.dtype == torch.float32


def test_a_phase_in_bf16_resumes_bit_for_bit(networks, training, tmp_path, monkeypatch):
    settings = training.model_copy(update={"precision": "bf16", "log_every_kimg": 0.02, "samples": 2})
    spec = Phase.model_validate(
        {"from": "init", "kind": "grow", "resolution": 8, "kimg": 0.08, "batch": 8, "lr": 0.001}
    )
    images = np.random.default_rng(0).integers(0, 256, (40, 1, 8, 8), np.uint8)
    job = Job("p", spec, settings, 0, images, np.zeros(40, np.int64))

    def train(out):
        run = PhaseRun(job, checkpoint.fresh(networks, 4, 0), torch.device("cpu"))
        with Snapshots(tmp_path, "p", "key") as store:
            run.run(store, 1e9)
            run.write(tmp_path / out)
            store.remove()
        return {path.name: path.read_bytes() for path in (tmp_path / out).iterdir()}

    advance = PhaseRun.advance

    def stopped(self):
        advance(self)
        if self.steps_done == 4:
            os.kill(os.getpid(), signal.SIGTERM)

    whole = train("whole")
    with monkeypatch.context() as patch:
        patch.setattr(PhaseRun, "advance", stopped)
        with pytest.raises(Interrupted):
            train("broken")
    assert train("broken") == whole
