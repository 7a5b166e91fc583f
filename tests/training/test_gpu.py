"""The same phase on a CUDA device."""

import math

import numpy as np
import pytest
import torch

from pgan.networks import checkpoint
from pgan.phases import Phase
from pgan.training import cadence
from pgan.training.determinism import make_deterministic
from pgan.training.draws import CriticBatch, GeneratorBatch
from pgan.training.engine import PLAIN, Engine
from pgan.training.interrupt import Interrupted
from pgan.training.job import Job
from pgan.training.loop import PhaseRun
from pgan.training.precision import allow_tf32
from pgan.training.snapshots import Snapshots
from pgan.training.step import Step

pytestmark = pytest.mark.gpu


def test_a_step_on_the_gpu_agrees_with_the_cpu(networks, training):
    allow_tf32("fp32")
    g = torch.Generator().manual_seed(0)
    x, z, mix = torch.rand(8, 1, 8, 8, generator=g), torch.randn(8, 8, generator=g), torch.rand(8, 1, 1, 1, generator=g)
    labels, alpha = torch.zeros(8, dtype=torch.long), torch.tensor(0.3)
    terms = {}
    for device in ("cpu", "cuda"):
        k = checkpoint.fresh(networks, 8, 0)
        step = Step(k.generator.to(device), k.critic.to(device), k.ema.to(device), training, 1e-3, 0.999)
        batch = CriticBatch(*(t.to(device) for t in (x, labels, z, mix, alpha)))
        latents = GeneratorBatch(batch.latents, batch.labels, batch.alpha)
        terms[device] = step.update_critic(batch) | step.update_generator(latents)
    for name, value in terms["cpu"].items():
        assert terms["cuda"][name].item() == pytest.approx(value.item(), rel=1e-4, abs=1e-5), name


def test_a_phase_trains_on_the_gpu_and_its_checkpoint_loads_on_the_cpu(networks, training, tmp_path):
    spec = Phase.model_validate({"from": "init", "kind": "grow", "resolution": 8, "kimg": 1, "batch": 16, "lr": 1e-3})
    images = np.random.default_rng(0).integers(0, 256, (64, 1, 8, 8), dtype=np.uint8)
    job = Job("p", spec, training, 0, images, np.zeros(64, np.int64))
    run = PhaseRun(job, checkpoint.fresh(networks, 4, 0), torch.device("cuda"))
    run.run(Snapshots(tmp_path / "s", "p", "k"), 0.0)
    run.write(tmp_path / "out")
    loaded = checkpoint.load(tmp_path / "out/checkpoint.pt", "cpu")
    assert loaded.progress.images == 1008
    assert all(p.isfinite().all() for p in loaded.generator.parameters())


def one_step(device, networks, training, engine=PLAIN, **changes):
    """The terms of one step at 8×8 in the middle of a fade."""
    settings = training.model_copy(update=changes)
    allow_tf32(settings.precision)
    g = torch.Generator().manual_seed(0)
    x, z, mix = torch.rand(8, 1, 8, 8, generator=g), torch.randn(8, 8, generator=g), torch.rand(8, 1, 1, 1, generator=g)
    x, z, mix, alpha = (t.to(device) for t in (x, z, mix, torch.tensor(0.3)))
    labels = torch.zeros(8, dtype=torch.long, device=device)
    k = checkpoint.fresh(networks, 8, 0)
    step = Step(k.generator.to(device), k.critic.to(device), k.ema.to(device), settings, 1e-3, 0.999, engine)
    batch, latents = CriticBatch(x, labels, z, mix, alpha), GeneratorBatch(z, labels, alpha, reals=x)
    terms = step.update_critic(batch) | step.update_generator(latents)
    return {name: term.item() for name, term in terms.items()}


@pytest.mark.parametrize(("precision", "tolerance"), [("tf32", 0.01), ("bf16", 0.1)])
def test_lower_precision_is_near_single(precision, tolerance, networks, training):
    exact = one_step("cpu", networks, training)
    for name, term in one_step("cuda", networks, training, precision=precision).items():
        assert term == pytest.approx(exact[name], rel=tolerance, abs=tolerance / 10), name


@pytest.mark.parametrize("loss", ["wgan-gp", "logistic", "relativistic"])
@pytest.mark.parametrize("engine", [Engine(compiled=True), Engine(recompute=True)], ids=["compiled", "recompute"])
def test_however_a_step_is_computed_it_is_the_same(engine, loss, networks, training):
    exact = one_step("cpu", networks, training, loss=loss)
    for name, term in one_step("cuda", networks, training, engine, loss=loss).items():
        assert term == pytest.approx(exact[name], rel=1e-3, abs=1e-4), name


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_memory_does_not_grow_with_time(precision, networks, training, tmp_path):
    settings = training.model_copy(update={"precision": precision})
    spec = Phase.model_validate({"from": "init", "kind": "grow", "resolution": 8, "kimg": 2, "batch": 16, "lr": 1e-3})
    images = np.random.default_rng(0).integers(0, 256, (64, 1, 8, 8), dtype=np.uint8)
    job = Job("p", spec, settings, 0, images, np.zeros(64, np.int64))
    run = PhaseRun(job, checkpoint.fresh(networks, 4, 0), torch.device("cuda"))
    held = []
    for _ in range(100):
        run.advance()
        held.append(torch.cuda.memory_allocated())
    assert max(held[50:]) <= max(held[5:50])


@pytest.mark.parametrize("kind", ["stabilize", "grow"])
def test_deterministic_training_is_the_same_in_every_run_and_after_a_stop(
    kind, networks, training, tmp_path, monkeypatch
):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    make_deterministic()
    spec = Phase.model_validate(
        {"from": "init", "kind": kind, "resolution": 8 if kind == "grow" else 4, "kimg": 0.4, "batch": 16, "lr": 1e-3}
    )
    images = np.random.default_rng(0).integers(0, 256, (64, 1, spec.resolution, spec.resolution), dtype=np.uint8)
    advance, stops = PhaseRun.advance, [5]

    def stopped(self):
        advance(self)
        if self.steps_done in stops:
            stops.remove(self.steps_done)
            raise Interrupted(15)

    def train(out):
        run = PhaseRun(Job("p", spec, training, 0, images, np.zeros(64, np.int64)), fresh(), torch.device("cuda"))
        with Snapshots(tmp_path / "s", "p", "k") as store:
            run.run(store, 0.0)
            run.write(tmp_path / out)
            store.remove()
        return (tmp_path / out / "checkpoint.pt").read_bytes()

    def fresh():
        return checkpoint.fresh(networks, 4, 0)

    try:
        whole = train("a")
        assert train("b") == whole
        monkeypatch.setattr(PhaseRun, "advance", stopped)
        monkeypatch.setattr(cadence, "SHARE", math.inf)
        with pytest.raises(Interrupted):
            train("c")
        assert (tmp_path / "s/p-k/newest.pt").exists()
        assert train("c") == whole
    finally:
        torch.use_deterministic_algorithms(False)
