"""The equalized learning rate folded into the optimizer is the same training as the multiplication at run time."""

import copy

import torch

from pgan.networks.checkpoint import fresh
from pgan.networks.progressive.layers import Scaled
from pgan.training.draws import CriticBatch, GeneratorBatch
from pgan.training.losses import critic_loss, generator_loss

STEPS, N, LR, BETAS, EPSILON = 50, 8, 1e-3, (0.0, 0.99), 1e-8


def folded(network):
    """The same function of scaled weights w = c·ŵ that are applied as they are, and their groups for Adam.

    Adam's step for ŵ is lr·m/(√v + ε) with m and v of the gradient c·∂L/∂w; c times that, in terms of ∂L/∂w, is
    lr·c·m/(√v + ε/c).
    """
    network = copy.deepcopy(network)
    groups = []
    for layer in network.modules():
        if isinstance(layer, Scaled):
            layer.weight.data *= layer.scale
            groups.append({"params": [layer.weight], "lr": LR * layer.scale, "eps": EPSILON / layer.scale})
            groups.append({"params": [layer.bias]})
            layer.scale = 1.0
    return network, torch.optim.Adam(groups, LR, BETAS, EPSILON)


def train(generator, critic, optimizers, settings):
    """Fifty steps of both networks on drawn data, in the middle of a fade."""
    random = torch.Generator().manual_seed(0)
    alpha, labels = torch.tensor(0.5, dtype=torch.float64), torch.zeros(N, dtype=torch.long)

    def draw(*size):
        return torch.randn(size, generator=random, dtype=torch.float64)

    for _ in range(STEPS):
        z, reals = draw(N, generator.latent_size), draw(N, 1, 8, 8).tanh()
        mix = torch.rand(N, 1, 1, 1, generator=random, dtype=torch.float64)
        fakes, drawn = generator(z, labels, alpha).detach(), CriticBatch(reals, labels, z, mix, alpha)
        latents = GeneratorBatch(z, labels, alpha)
        for optimizer, loss in (
            (optimizers[0], lambda f=fakes, b=drawn: critic_loss(critic, b, f, settings)[0]),
            (
                optimizers[1],
                lambda b=latents: generator_loss(critic, b, generator(b.latents, labels, alpha), settings)[0],
            ),
        ):
            optimizer.zero_grad()
            loss().backward()
            optimizer.step()


def effective(network):
    """What the layers apply: scaled weights, and biases."""
    layers = [layer for layer in network.modules() if isinstance(layer, Scaled)]
    return [value.detach() for layer in layers for value in (layer.scaled_weight(), layer.bias)]


def deviation(networks, training, eps_too=True):
    """Largest difference of any applied weight after fifty steps, and how far the weights moved."""
    k = fresh(networks, 8, seed=0)
    at_run_time = k.generator.double(), k.critic.double()
    before = [value.clone() for network in at_run_time for value in effective(network)]
    (generator, g_adam), (critic, d_adam) = map(folded, at_run_time)
    for optimizer in (g_adam, d_adam):
        for group in optimizer.param_groups:
            group["eps"] = group["eps"] if eps_too else EPSILON
    train(generator, critic, (d_adam, g_adam), training)
    adams = [torch.optim.Adam(network.parameters(), LR, BETAS, EPSILON) for network in reversed(at_run_time)]
    train(*at_run_time, adams, training)
    pairs = [
        (ours, theirs, start)
        for ours, theirs, start in zip(
            effective(generator) + effective(critic),
            effective(at_run_time[0]) + effective(at_run_time[1]),
            before,
            strict=True,
        )
    ]
    return max((a - b).abs().max().item() for a, b, _ in pairs), min((a - c).abs().max().item() for a, _, c in pairs)


def test_fifty_steps_in_float64_are_the_same(networks, training):
    difference, moved = deviation(networks, training)
    assert difference < 1e-9
    assert moved > 1e-3, "every tensor was trained"


def test_without_the_epsilon_they_are_not(networks, training):
    assert deviation(networks, training, eps_too=False)[0] > 1e-9
