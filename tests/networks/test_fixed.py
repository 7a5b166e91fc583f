"""The networks of fixed size: layer by layer, parameter by parameter, as they were published."""

import math

import numpy as np
import pytest
import torch

from pgan.errors import InputError
from pgan.networks import checkpoint
from pgan.networks.architectures import build_critic, build_generator
from pgan.networks.config import Networks
from pgan.networks.fish.networks import SameConv

DCGAN = {"architecture": "dcgan", "channels": 3, "classes": 0, "latent_size": 100, "label_size": 100, "width": 64}
DCGAN |= {"instance_norm": True, "leaky_slope": 0.2}
FISH = {"architecture": "fish", "channels": 3, "latent_size": 256, "width": 128, "leaky_slope": 0.2, "dropout": 0.5}
FISH |= {"minibatch_stddev": 4, "tanh": False}


def layers(network, *inputs):
    """(shape of the output without the batch, weights and biases) of each layer that holds some, in order."""
    found = []

    def note(layer, _, output):
        found.append((tuple(output.shape[1:]), sum(p.numel() for p in layer.parameters(recurse=False))))

    for layer in network.modules():
        if list(layer.parameters(recurse=False)):
            layer.register_forward_hook(note)
    network(*inputs)
    return found


def count(network):
    return sum(p.numel() for p in network.parameters())


def test_dcgan_is_the_table_s():
    config = Networks.model_validate(DCGAN)
    generator, critic = build_generator(config, 64), build_critic(config, 64)
    maps = [(1024, 4, 4), (512, 8, 8), (256, 16, 16), (128, 32, 32)]
    inputs = [100, 1024, 512, 256]
    expected = []
    for shape, before in zip(maps, inputs, strict=True):
        expected += [(shape, 16 * before * shape[0]), (shape, 2 * shape[0])]  # transposed convolution, batch norm
    assert layers(generator, torch.zeros(2, 100)) == [*expected, ((3, 64, 64), 16 * 128 * 3 + 3)]
    expected = [((64, 32, 32), 16 * 3 * 64 + 64)]
    for shape in ((128, 16, 16), (256, 8, 8), (512, 4, 4)):
        expected += [(shape, 16 * shape[0] // 2 * shape[0]), (shape, 2 * shape[0])]  # convolution, instance norm
    assert layers(critic, torch.zeros(2, 3, 64, 64)) == [*expected, ((1, 1, 1), 16 * 512 + 1)]
    assert generator(torch.randn(2, 100) * 9).abs().max() <= 1


def test_dcgan_s_critic_without_instance_norm_has_biases_instead():
    critic = build_critic(Networks.model_validate(DCGAN | {"instance_norm": False}), 64)
    kernels = 16 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512)
    assert count(critic) == kernels + 64 + 128 + 256 + 512 + 1


def test_labels_are_embedded_beside_latent_and_image():
    config = Networks.model_validate(DCGAN | {"classes": 10})
    plain = Networks.model_validate(DCGAN)
    assert count(build_generator(config, 64)) - count(build_generator(plain, 64)) == 10 * 100 + 16 * 100 * 1024
    assert count(build_critic(config, 64)) - count(build_critic(plain, 64)) == 10 * 64 * 64 + 16 * 64
    critic = checkpoint.fresh(config, 64, 0).critic
    seen = []
    critic.layers[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    images, labels = torch.randn(4, 3, 64, 64), torch.tensor([7, 2])
    critic.conditioned_on(labels)(images)
    assert torch.equal(seen[0][:, :3], images)
    expected = critic.embedding.weight[[7, 2, 7, 2]].view(4, 64, 64)  # reals, then fakes
    assert torch.equal(seen[0][:, 3], expected)


def test_fish_is_the_table_s():
    config = Networks.model_validate(FISH)
    generator, critic = build_generator(config, 32), build_critic(config, 32)
    assert layers(generator, torch.zeros(2, 256)) == [
        ((8192,), 2_105_344),
        ((128, 8, 8), 409_728),
        ((128, 8, 8), 262_272),
        ((128, 16, 16), 409_728),
        ((128, 32, 32), 409_728),
        ((3, 32, 32), 9_603),
    ]
    assert layers(critic, torch.zeros(4, 3, 32, 32)) == [
        ((128, 32, 32), 9_728),
        ((128, 16, 16), 262_272),
        ((128, 8, 8), 262_272),
        ((256, 4, 4), 524_544),
        ((256, 4, 4), 590_080),
        ((256, 4, 4), 1_048_832),
        ((1,), 257 * 4 * 4 + 1),
    ]
    assert (count(generator), count(critic)) == (3_606_403, 2_701_841)


def same(x, kernel, stride):
    """TensorFlow's "same" convolution of one map by its documented formula."""
    n, k, size = len(x), len(kernel), math.ceil(len(x) / stride)
    total = max(0, (size - 1) * stride + k - n)
    padded = np.pad(x, (total // 2, total - total // 2))
    starts = range(0, size * stride, stride)
    return np.array([[np.sum(padded[i : i + k, j : j + k] * kernel) for j in starts] for i in starts])


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (4, 1), (5, 1), (4, 2)])
def test_same_convolutions_are_padded_as_in_tensorflow(kernel, stride):
    layer = SameConv(1, 1, kernel, stride).double()
    x, weight = np.random.default_rng(0).normal(size=(8, 8)), np.random.default_rng(1).normal(size=(kernel, kernel))
    layer.weight.data = torch.tensor(weight)[None, None]
    assert np.allclose(layer(torch.tensor(x)[None, None])[0, 0].detach(), same(x, weight, stride))


@pytest.mark.parametrize("kernel", [4, 5])
def test_transposed_ones_are_the_transposed_map(kernel):
    """By definition: ⟨same(x), y⟩ = ⟨x, transposed(y)⟩ for all x and y."""
    layer = SameConv(1, 1, kernel, transposed=True).double()
    random = np.random.default_rng(0)
    x, y, weight = random.normal(size=(8, 8)), random.normal(size=(8, 8)), random.normal(size=(kernel, kernel))
    layer.weight.data = torch.tensor(weight[::-1, ::-1].copy())[None, None]
    transposed = layer(torch.tensor(y)[None, None])[0, 0].detach().numpy()
    assert np.sum(same(x, weight, 1) * y) == pytest.approx(np.sum(x * transposed))


@pytest.mark.parametrize(("networks", "size"), [(DCGAN | {"classes": 3, "width": 8}, 64), (FISH | {"width": 8}, 32)])
def test_weights_are_a_function_of_the_seed_and_survive_a_checkpoint(networks, size, tmp_path):
    config = Networks.model_validate(networks)
    one, same_, other = (checkpoint.fresh(config, size, seed) for seed in (0, 0, 1))
    checkpoint.save(checkpoint.state(one), tmp_path / "a.pt")
    loaded = checkpoint.load(tmp_path / "a.pt")
    assert (loaded.config, loaded.resolution) == (config, size)
    for name in ("generator", "critic", "ema"):
        weights = getattr(one, name).state_dict()
        for again in (same_, loaded):
            found = getattr(again, name).state_dict()
            assert list(found) == list(weights)
            assert all(torch.equal(found[key], weights[key]) for key in weights)
        kernels = [key for key, value in weights.items() if value.ndim == 4]
        theirs = getattr(other, name).state_dict()
        assert not any(torch.equal(weights[key], theirs[key]) for key in kernels)


def test_initial_weights_have_the_spread_that_they_should():
    dcgan = checkpoint.fresh(Networks.model_validate(DCGAN | {"classes": 10}), 64, 0)
    for network in (dcgan.generator, dcgan.critic):
        for name, value in network.named_parameters():
            if value.ndim == 4:
                assert value.std().item() == pytest.approx(0.02, rel=0.1), name
        assert network.embedding.weight.std().item() == pytest.approx(1, rel=0.1)
    fish = checkpoint.fresh(Networks.model_validate(FISH), 32, 0)
    limit = (6 / (25 * (128 + 128))) ** 0.5
    weight = fish.generator.conv16.weight
    assert 0.99 * limit < weight.abs().max().item() <= limit


def test_fixed_networks_have_one_size_and_do_not_grow_into_others(tmp_path):
    config = Networks.model_validate(FISH | {"width": 4})
    content = checkpoint.state(checkpoint.fresh(config, 32, 0))
    for changes, message in (
        ({"resolution": 64}, "have 32"),
        ({"networks": DCGAN | {"width": 4}, "resolution": 64}, "a weight '"),
        ({"networks": content["networks"] | {"width": 2**16}}, "exceed the limit"),
        ({"networks": content["networks"] | {"architecture": "fishes"}}, "networks.architecture"),
    ):
        with pytest.raises(InputError, match=message):
            checkpoint.from_state(content | changes, "x")
