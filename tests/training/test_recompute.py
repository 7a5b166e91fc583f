"""Maps that are computed again for the backward pass: less memory, the same losses and gradients."""

import pytest
import torch

from pgan.networks import checkpoint
from pgan.phases import Phase
from pgan.training.draws import CriticBatch, GeneratorBatch
from pgan.training.engine import Engine, choose
from pgan.training.step import Step

N, R = 8, 32


def step_with(recompute, networks, training):
    start = checkpoint.fresh(networks, R, seed=0)
    for network in (start.generator, start.critic, start.ema):
        network.double()
    engine = Engine(fuse_upsampling_from=16, recompute=recompute)
    return Step(start.generator, start.critic, start.ema, training, 1e-3, 0.9, engine)


def batch_for(which):
    g = torch.Generator().manual_seed(0)
    reals = (torch.rand(N, 1, R, R, generator=g) * 2 - 1).double()
    z, mix = torch.randn(N, 8, generator=g).double(), torch.rand(N, 1, 1, 1, generator=g).double()
    labels, alpha = torch.zeros(N, dtype=torch.long), torch.tensor(0.3).double()
    return CriticBatch(reals, labels, z, mix, alpha) if which == "critic" else GeneratorBatch(z, labels, alpha)


def kept_and_gradients(step, which):
    """Bytes that the forward pass keeps for the backward pass, and the gradients."""
    kept = {}

    def keep(tensor):
        kept[tensor.data_ptr()] = tensor.nbytes
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss, _ = step.losses[which](batch_for(which))
        held = sum(kept.values())
    loss.backward()
    return held, loss.item(), {n: p.grad for n, p in getattr(step, which).named_parameters() if p.grad is not None}


@pytest.mark.parametrize("which", ["critic", "generator"])
def test_less_is_kept_and_nothing_else_changes(which, networks, training):
    (all_of_it, loss, gradients), (less, same, others) = (
        kept_and_gradients(step_with(recompute, networks, training), which) for recompute in (False, True)
    )
    assert same == pytest.approx(loss, rel=1e-12)
    assert others.keys() == gradients.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(others[name], gradient, rtol=1e-9, atol=1e-12)
    assert less < (0.7 if which == "critic" else 0.5) * all_of_it


def test_batch_norm_s_statistics_count_each_batch_once(networks, training):
    normed = networks.model_copy(update={"batch_norm": True})
    buffers = []
    for recompute in (False, True):
        step = step_with(recompute, normed, training)
        step.update_generator(batch_for("generator"))
        buffers.append(dict(step.generator.named_buffers()))
    for name, expected in buffers[0].items():
        torch.testing.assert_close(buffers[1][name], expected)


def test_such_a_phase_is_not_compiled(networks, training):
    spec = Phase.model_validate({"from": "x", "kind": "grow", "resolution": R, "kimg": 1000, "batch": N, "lr": 1e-3})
    settings = training.model_copy(update={"recompute": True, "compile": "always"})
    for device in ("cpu", "cuda"):
        engine = choose(networks, settings, spec, device)
        assert engine.recompute
        assert not engine.compiled
