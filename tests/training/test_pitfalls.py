"""The faults that other implementations have.

Each property holds for the code as it is, and fails when the fault is put in: the second test does that.
"""

import math

import numpy as np
import pytest
import torch
from torch import nn

from pgan.networks import checkpoint
from pgan.networks.checkpoint import fresh
from pgan.networks.layers import downsample, pixel_norm, upsample
from pgan.networks.progressive import layers
from pgan.networks.progressive import networks as progressive
from pgan.phases import Phase
from pgan.training import draws, loop, losses, step
from pgan.training.draws import CriticBatch, Draws
from pgan.training.job import Job
from pgan.training.loop import PhaseRun
from pgan.training.schedule import Schedule

N = 8


class World:
    """Tiny networks, parameters and data."""

    def __init__(self, networks, training):
        self.networks = networks
        self.training = training.model_copy(
            update={"log_every_kimg": 1.0, "samples": 2, "sample_frames": 2, "mirror": False}
        )

    def run(self, parent=None, **changes):
        """The beginning of a phase; 4 × 4 fading into 8 × 8 unless said otherwise."""
        spec = {"from": "init", "kind": "grow", "resolution": 8, "kimg": 0.064, "batch": N, "lr": 0.001} | changes
        phase = Phase.model_validate(spec)
        images = np.random.default_rng(0).integers(0, 256, (64, 1, phase.resolution, phase.resolution), np.uint8)
        job = Job("p", phase, self.training, 0, images, np.zeros(64, np.int64))
        return PhaseRun(job, parent or fresh(self.networks, 4, seed=0), torch.device("cpu"))

    def shown(self, run):
        """What the critic is shown in one step: reals, fakes, mixed, and the generator's update's fakes."""
        judged = []
        hook = run.step.critic.register_forward_pre_hook(lambda _, inputs: judged.append(inputs[0].detach().clone()))
        gradient = losses.score_and_gradient

        def remember(critic, sets, alpha, wanted):
            judged.extend(images.detach().clone() for images in sets)
            return gradient(critic, sets, alpha, wanted)

        losses.score_and_gradient = remember
        try:
            run.advance()
        finally:
            hook.remove()
            losses.score_and_gradient = gradient
        return judged

    def batch(self, resolution=8):
        """Critic, batch and fakes."""
        g = torch.Generator().manual_seed(0)
        reals, fakes = (torch.randn(N, 1, resolution, resolution, generator=g) for _ in range(2))
        mix = torch.rand(N, 1, 1, 1, generator=g)
        batch = CriticBatch(reals, torch.zeros(N).long(), torch.empty(N, 0), mix, alpha=1.0)
        return fresh(self.networks, resolution, seed=0).critic, batch, fakes


def penalty(world, critic, batch, fakes):
    _, terms = losses.critic_loss(critic, batch, fakes, world.training)
    return terms["gradient_penalty"]


# --- the properties, each with the faults that must break it


def penalty_is_the_same_inside_autocast(world):
    critic, batch, fakes = world.batch()
    outside = penalty(world, critic, batch, fakes)
    with torch.autocast("cpu", torch.bfloat16):
        inside = penalty(world, critic, batch, fakes)
    assert inside.dtype == torch.float32
    torch.testing.assert_close(inside, outside, rtol=1e-5, atol=0)  # other batches: the last digits may differ


def without_guard(patch):
    def squared_norms(critic, images, alpha):
        images.requires_grad_(True)
        (gradient,) = torch.autograd.grad(critic(images, alpha)[0].sum(), images, create_graph=True)
        return gradient.square().sum((1, 2, 3))

    patch.setattr(losses, "fast_squared_norms", squared_norms)


def penalty_of_a_linear_critic_is_that_of_its_weight(world):
    class Linear(nn.Module):
        config = world.networks

        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.randn(1, 8, 8))

        def conditioned_on(self, labels):
            return self

        def forward(self, x, alpha=1.0, sets=1):
            return (self.w * x).sum((1, 2, 3)), x.new_zeros(len(x), 0)

    critic = Linear()
    found = penalty(world, critic, *world.batch()[1:])
    assert found.item() == pytest.approx(10 * (critic.w.norm().item() - 1) ** 2, rel=1e-4)


def loss_scaling(patch):
    norms = losses.squared_norms

    def scaled(critic, images, alpha):
        return norms(lambda x, a: (critic(x, a)[0] * 1024, None), images, alpha)

    patch.setattr(losses, "squared_norms", scaled)


def mixing_factor_is_one_per_sample(world):
    run = world.run()
    reals, fakes, mixed, _ = world.shown(run)
    factors = ((mixed - reals) * (fakes - reals)).sum((1, 2, 3)) / (fakes - reals).square().sum((1, 2, 3))
    assert torch.allclose(mixed, reals + factors.view(-1, 1, 1, 1) * (fakes - reals), atol=1e-4), "one per sample"
    assert factors.std() > 0.1, "another for each sample"
    assert ((factors > 0) & (factors < 1)).all()


def mix_of(shape):
    def fault(patch):
        critic_batch = Draws.critic_batch

        def wrong(self, step, repeat):
            mix = torch.rand(shape, generator=torch.Generator().manual_seed(0)).expand(N, *shape[1:])
            return critic_batch(self, step, repeat)._replace(mix=mix)

        patch.setattr(Draws, "critic_batch", wrong)

    return fault


def fakes_are_detached_from_the_generator(world):
    run = world.run()
    run.step.update_critic(run.draws.critic_batch(0, 0))
    assert all(p.grad is None for p in run.step.generator.parameters())


def not_detached(patch):
    def critic_loss(self, batch):
        return losses.critic_loss(self.critic, batch, self.fakes(batch), self.settings)

    patch.setattr(step.Step, "critic_loss", critic_loss)


def fade_follows_the_images_whatever_the_batch(world):
    fades = {}
    for batch in (N, 2 * N):
        run, alphas = world.run(batch=batch), []
        for network in (run.step.generator, run.step.critic):
            network.register_forward_pre_hook(lambda _, inputs, seen=alphas: seen.append(float(inputs[-1])))
        for _ in range(run.schedule.steps):
            run.advance()
        per_step = len(alphas) // run.schedule.steps
        fades[batch] = {i * batch: set(alphas[i * per_step : (i + 1) * per_step]) for i in range(run.schedule.steps)}
    assert all(len(values) == 1 for fade in fades.values() for values in fade.values()), "both networks at one alpha"
    assert fades[2 * N] == {images: fades[N][images] for images in fades[2 * N]}
    (first,), (last,) = fades[N][0], fades[N][56]
    assert first == 0.0
    assert last == pytest.approx(56 / 64)


def alpha_of(function):
    return lambda patch: patch.setattr(Schedule, "alpha", function)


def reals_fade_like_the_fakes(world):
    for steps in (0, 3):
        run = world.run()
        run.steps_done = steps
        plain = torch.from_numpy(run.draws.batches.stream.batch(steps * N, N)[0]).float() / 127.5 - 1
        alpha = run.schedule.alpha(steps)
        assert torch.allclose(world.shown(run)[0], alpha * plain + (1 - alpha) * upsample(downsample(plain)), atol=1e-5)


def reals_not_faded(patch):
    prepare = draws.prepare_reals
    patch.setattr(draws, "prepare_reals", lambda images, alpha, mirror, _: prepare(images, 1.0, mirror))


def adam_starts_anew_at_both_ends_of_a_fade(world):
    stabilize = world.run(kind="stabilize", resolution=4)
    stabilize.advance()
    before = stabilize.checkpoint()
    assert world.run(before, kind="stabilize", resolution=4).step.state()["critic"]["state"], "kept within a level"
    grow = world.run(before)
    assert not grow.step.state()["critic"]["state"]
    assert not grow.step.state()["generator"]["state"]
    grow.advance()
    after = world.run(grow.checkpoint(), kind="stabilize")
    assert not after.step.state()["critic"]["state"]
    assert not after.step.state()["generator"]["state"]


def adam_kept_at_the_end(patch):
    patch.setattr(loop, "_continues_level", lambda parent, phase: parent.resolution == phase.resolution)


def adam_kept_at_the_start(patch):
    begin = PhaseRun.__init__

    def keep(self, job, parent, device):
        begin(self, job, parent, device)
        if parent.optimizers and job.phase.kind == "grow":
            old = parent.optimizers["critic"]["state"]
            for parameter, state in zip(self.step.critic.parameters(), old.values(), strict=False):
                self.step.optimizers["critic"].state[parameter] = state

    patch.setattr(PhaseRun, "__init__", keep)


def average_keeps_its_own_weights_at_a_new_resolution(world):
    parent = fresh(world.networks, 4, seed=0)
    for parameter in parent.generator.parameters():
        parameter.data += 1
    run = world.run(parent)
    kept = parent.ema.state_dict()
    assert all(torch.equal(run.ema.state_dict()[name], value) for name, value in kept.items())


def average_rebuilt(patch):
    grow = checkpoint.grow

    def rebuilt(parent, resolution, seed):
        grown = grow(parent, resolution, seed)
        grown.ema.load_state_dict(grown.generator.state_dict())
        return grown

    patch.setattr(checkpoint, "grow", rebuilt)


def reals_are_judged_without_the_fakes(world):
    critic, batch, fakes = world.batch()
    one, other = (losses.critic_loss(critic, batch, f, world.training)[1] for f in (fakes, fakes * 3))
    assert torch.equal(one["critic_real"], other["critic_real"])


def groups_of_both(patch):
    def critic_loss(critic, batch, fakes, settings):
        scores, _ = critic(torch.cat([batch.reals, fakes]), batch.alpha)
        return scores.sum(), {"critic_real": scores[:N].mean()}

    patch.setattr(losses, "critic_loss", critic_loss)


def stddev_is_one_number_per_group(world):
    seen = []
    critic, batch, _ = world.batch()
    critic.blocks["4"].conv.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    critic(batch.reals)
    channel, groups = seen[0][:, -1], N // world.networks.minibatch_stddev
    assert torch.equal(channel, channel[:, :1, :1].expand_as(channel)), "the same at every pixel"
    for i in range(groups):
        assert len(channel[i::groups].unique()) == 1, "the same in the group of i, i + N/group, …"
    assert len(channel.unique()) == groups


def spatial_map_kept(patch):
    def minibatch_stddev(x, group, sets):
        y = x.reshape(group, -1, *x.shape[1:])
        deviation = (y.var(0, correction=0) + 1e-8).sqrt().mean(1, keepdim=True)  # (N/group, 1, H, W)
        return torch.cat([x, deviation.repeat(group, 1, 1, 1)], 1)

    patch.setattr(progressive, "minibatch_stddev", minibatch_stddev)


def neighbours_grouped(patch):
    def minibatch_stddev(x, group, sets):
        y = x.reshape(-1, group, *x.shape[1:])
        deviation = (y.var(1, correction=0) + 1e-8).sqrt().mean((1, 2, 3))
        channel = deviation.repeat_interleave(group).view(-1, 1, 1, 1).expand(-1, 1, *x.shape[2:])
        return torch.cat([x, channel], 1)

    patch.setattr(progressive, "minibatch_stddev", minibatch_stddev)


def latents_and_first_layer_are_normalised(world):
    generator = fresh(world.networks, 4, seed=0).generator
    z, seen = torch.randn(N, world.networks.latent_dimensions), []
    generator.blocks["4"].dense.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    generator.blocks["4"].conv.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    generator(z)
    for x in seen:
        assert torch.allclose(x.square().mean(1), torch.ones(1), atol=1e-3)


def block_without(latents, dense):
    def fault(patch):
        def forward(self, x):
            x = self.dense(pixel_norm(x) if latents else x)
            x = nn.functional.leaky_relu(x, 0.2)
            return progressive.activate_and_norm(self.conv(pixel_norm(x) if dense else x), self.config)

        patch.setattr(progressive.GeneratorInput, "forward", forward)

    return fault


def images_are_linear_at_every_resolution(world):
    for resolution in (4, 8, 16):
        generator = fresh(world.networks, resolution, seed=0).generator
        z = torch.randn(N, world.networks.latent_dimensions)
        before = generator(z)
        head = generator.to_image[str(resolution)]
        head.weight.data *= 100
        assert torch.allclose(generator(z), 100 * before, rtol=1e-3, atol=1e-3)


def tanh_at(resolution):
    def fault(patch):
        forward = progressive.Generator.forward

        def with_tanh(self, *inputs):
            image = forward(self, *inputs)
            return image.tanh() if self.resolution == resolution else image

        patch.setattr(progressive.Generator, "forward", with_tanh)

    return fault


def reals_have_the_range_of_the_fakes(world):
    reals = world.shown(world.run(kind="stabilize", resolution=4))[0]
    assert -1 <= reals.min() < -0.9
    assert 0.9 < reals.max() <= 1


def reals_from_zero_to_one(patch):
    patch.setattr(draws, "prepare_reals", lambda images, alpha, mirror, _: images.float() / 255)


def first_layer_is_scaled(world):
    config = world.networks.model_copy(update={"latent_size": 512, "fmap_max": 64, "fmap_base": 128})
    dense = fresh(config, 4, seed=0).generator.blocks["4"].dense
    assert dense.weight.std().item() == pytest.approx(1, rel=0.05), "drawn from N(0, 1)"
    out = dense(pixel_norm(torch.randn(64, 512)))
    assert out.std().item() == pytest.approx(math.sqrt(2) / 4, rel=0.1)


def unscaled_transposed_convolution(patch):
    def forward(self, x):
        size = self.shape[2]
        kernel = self.weight.view(-1, size, size, x.shape[1]).permute(3, 0, 1, 2)
        return nn.functional.conv_transpose2d(x[:, :, None, None], kernel, self.bias)

    patch.setattr(layers.DenseToMap, "forward", forward)


def heads_have_gain_one(world):
    config = world.networks.model_copy(update={"fmap_base": 1024, "fmap_max": 256, "channels": 3, "classes": 60})
    k = fresh(config, 4, seed=0)
    assert k.generator.to_image["4"](torch.randn(16, 256, 4, 4)).std().item() == pytest.approx(1, rel=0.15)
    assert k.critic.blocks["4"].dense1(torch.randn(64, 256)).std().item() == pytest.approx(1, rel=0.15)


def gain_of_all(name):
    def fault(patch):
        kind = getattr(layers, name)
        patch.setattr(progressive, name, lambda *sizes, gain=None: kind(*sizes, gain=math.sqrt(2)))

    return fault


def biases_are_not_scaled(world):
    for config in (world.networks, world.networks.model_copy(update={"fused_scale": True})):
        k = fresh(config, 8, seed=0)
        inputs = {}

        def remember(layer, args, inputs=inputs):
            inputs[layer] = args[0].detach()

        for layer in [*k.generator.modules(), *k.critic.modules()]:
            if isinstance(layer, layers.Scaled):
                layer.register_forward_pre_hook(remember)
        k.critic(k.generator(torch.randn(N, config.latent_dimensions), None, torch.tensor(0.5)), torch.tensor(0.5))
        assert len(inputs) == 6 + 7, "every layer of both"
        for layer, x in inputs.items():
            before = layer(x)
            layer.bias.data += 1
            assert torch.allclose(layer(x), before + 1, atol=1e-4)


def bias_scaled(kind):
    def fault(patch):
        forward = kind.forward

        def scaled(self, x):
            bias = self.bias.data.clone()
            self.bias.data *= self.scale
            out = forward(self, x)
            self.bias.data = bias
            return out

        patch.setattr(kind, "forward", scaled)

    return fault


PITFALLS = {
    penalty_is_the_same_inside_autocast: [without_guard],
    penalty_of_a_linear_critic_is_that_of_its_weight: [loss_scaling],
    mixing_factor_is_one_per_sample: [mix_of((N, 1, 8, 8)), mix_of((1, 1, 1, 1))],
    fakes_are_detached_from_the_generator: [not_detached],
    fade_follows_the_images_whatever_the_batch: [
        alpha_of(lambda self, step: min(1.0, step / 8)),
        alpha_of(lambda self, step: 0.0),
        alpha_of(lambda self, step: float(step > 0)),
    ],
    reals_fade_like_the_fakes: [reals_not_faded],
    adam_starts_anew_at_both_ends_of_a_fade: [adam_kept_at_the_start, adam_kept_at_the_end],
    average_keeps_its_own_weights_at_a_new_resolution: [average_rebuilt],
    reals_are_judged_without_the_fakes: [groups_of_both],
    stddev_is_one_number_per_group: [spatial_map_kept, neighbours_grouped],
    latents_and_first_layer_are_normalised: [block_without(latents=False, dense=True), block_without(True, False)],
    images_are_linear_at_every_resolution: [tanh_at(4), tanh_at(8), tanh_at(16)],
    reals_have_the_range_of_the_fakes: [reals_from_zero_to_one],
    first_layer_is_scaled: [unscaled_transposed_convolution],
    heads_have_gain_one: [gain_of_all("Conv"), gain_of_all("Dense")],
    biases_are_not_scaled: [bias_scaled(layers.Conv), bias_scaled(layers.Dense), bias_scaled(layers.DenseToMap)],
}
CASES = [(holds, fault) for holds, faults in PITFALLS.items() for fault in faults]


@pytest.fixture
def world(networks, training):
    torch.manual_seed(0)
    return World(networks, training)


@pytest.mark.parametrize("holds", PITFALLS, ids=lambda holds: holds.__name__)
def test_the_property_holds(holds, world):
    holds(world)


@pytest.mark.parametrize(("holds", "fault"), CASES, ids=[f"{holds.__name__}-{i}" for i, (holds, _) in enumerate(CASES)])
def test_the_property_fails_with_the_fault_put_in(holds, fault, world, monkeypatch):
    fault(monkeypatch)
    with pytest.raises(AssertionError):
        holds(world)
