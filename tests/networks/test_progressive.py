"""The networks: shapes, the fade, growth, and every switch."""

import pytest
import torch

from pgan.networks.checkpoint import fresh, grow
from pgan.networks.layers import downsample, pixel_norm, upsample
from pgan.networks.progressive.networks import Critic, Generator

OFFICIAL = {"latent_size": None, "fmap_base": 8192, "fmap_max": 512, "channels": 3, "fused_scale": True}


def built(kind, config, resolution, seed=0):
    network = kind(config, resolution).double()
    network.initialize(seed)
    return network


def latents(config, n=4):
    return torch.randn(n, config.latent_dimensions, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_official_widths_and_parameter_counts(networks):
    config = networks.model_copy(update=OFFICIAL)
    widths = [config.feature_maps(config.stage(4 * 2**k)) for k in range(9)]
    assert widths == [512, 512, 512, 512, 256, 128, 64, 32, 16]
    with torch.device("meta"):
        counts = [sum(p.numel() for p in kind(config, 1024).parameters()) for kind in (Generator, Critic)]
    # Table 2 of the paper counts 23.1M for each, without the heads of the lower resolutions
    assert [round(count / 1e6, 1) for count in counts] == [23.1, 23.1]


@pytest.mark.parametrize("base", [4, 7])
def test_shapes_at_every_resolution(networks, base):
    config = networks.model_copy(update={"base_size": base, "channels": 3})
    for r in config.resolutions(base * 4):
        image = built(Generator, config, r)(latents(config))
        assert image.shape == (4, 3, r, r)
        scores, logits = built(Critic, config, r)(image)
        assert scores.shape == (4,)
        assert logits.shape == (4, 0)


@pytest.mark.parametrize("resolution", [12, 6, 2, 0])
def test_a_resolution_that_is_no_doubling_of_the_base_is_refused(networks, resolution):
    with pytest.raises(ValueError, match="base_size × 2"):
        networks.stage(resolution)


def test_generator_fade_runs_from_the_old_resolution_to_the_new(networks):
    low, high = built(Generator, networks, 8), built(Generator, networks, 16)
    z = latents(networks)
    start, middle, end = (high(z, alpha=torch.tensor(a, dtype=torch.float64)) for a in (0.0, 0.3, 1.0))
    assert torch.allclose(start, upsample(low(z)), atol=1e-12)
    assert torch.allclose(end, high(z), atol=1e-12)
    assert torch.allclose(middle, 0.7 * start + 0.3 * end, atol=1e-12)


def test_critic_fade_starts_at_the_old_critic_of_the_halved_image(networks):
    low, high = built(Critic, networks, 8), built(Critic, networks, 16)
    x = torch.randn(4, 1, 16, 16, dtype=torch.float64)
    assert torch.allclose(high(x, torch.tensor(0.0))[0], low(downsample(x))[0], atol=1e-12)
    assert torch.allclose(high(x, torch.tensor(1.0))[0], high(x)[0], atol=1e-12)


def test_blocks_do_not_depend_on_where_growth_ended(networks):
    at_once, grown = fresh(networks, 16, seed=3), grow(grow(fresh(networks, 4, seed=3), 8, 3), 16, 3)
    for name in ("generator", "critic", "ema"):
        one, other = getattr(at_once, name).state_dict(), getattr(grown, name).state_dict()
        assert one.keys() == other.keys()
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_growth_keeps_what_was_trained_and_the_average_keeps_its_own(networks):
    parent = fresh(networks, 4, seed=0)
    for parameter in parent.generator.parameters():
        parameter.data += 1
    grown = grow(parent, 8, seed=0)
    assert torch.equal(grown.generator.blocks["4"].conv.weight, parent.generator.blocks["4"].conv.weight)
    assert torch.equal(grown.ema.blocks["4"].conv.weight, parent.ema.blocks["4"].conv.weight)
    assert not torch.equal(grown.ema.blocks["4"].conv.weight, grown.generator.blocks["4"].conv.weight)
    assert torch.equal(grown.ema.blocks["8"].conv0.weight, grown.generator.blocks["8"].conv0.weight)


def test_latents_are_normalised_and_pixel_norm_follows_the_first_layer(networks):
    generator = built(Generator, networks, 4)
    z = latents(networks)
    assert torch.allclose(generator(z), generator(z * 100), atol=1e-6)
    seen = {}
    generator.blocks["4"].conv.register_forward_pre_hook(lambda _, args: seen.update(x=args[0]))
    generator(z)
    assert torch.allclose(seen["x"], pixel_norm(seen["x"]), atol=1e-4)


@pytest.mark.parametrize(
    "change",
    [
        {"pixel_norm": False},
        {"normalize_latents": False},
        {"leaky_slope": 0.0},
        {"tanh": True},
        {"minibatch_stddev": 0},
        {"fmap_decay": 0.0},
        {"latent_size": 5},
        {"classes": 3},
        {"channels": 3},
        {"fused_scale": True},
        {"batch_norm": True},
        {"layer_norm": True},
        {"minibatch_discrimination": 3},
    ],
)
def test_every_switch_builds_and_changes_something(networks, change):
    networks = networks.model_copy(update={"fmap_base": 16})  # 8 maps at 4 pixels, 4 at 8 pixels
    config = networks.model_copy(update=change)
    labels = torch.tensor([0, 1, 2, 0]) if config.classes else None
    image = built(Generator, config, 8)(latents(config) * 3, labels)
    scores, logits = built(Critic, config, 8)(image)
    assert scores.isfinite().all()
    assert logits.shape == (4, config.classes)
    plain = built(Generator, networks, 8)(latents(networks) * 3)
    plain_scores, _ = built(Critic, networks, 8)(plain)
    same_image = image.shape == plain.shape and torch.allclose(image, plain, atol=1e-9)
    assert not (same_image and torch.allclose(scores, plain_scores, atol=1e-9))
    if config.tanh:
        assert image.abs().max() <= 1


def test_labels_change_the_image(networks):
    config = networks.model_copy(update={"classes": 3})
    generator = built(Generator, config, 4)
    z = latents(config)
    one, two = (generator(z, torch.full((4,), label)) for label in (0, 1))
    assert not torch.allclose(one, two)
    with pytest.raises(ValueError, match="needs labels"):
        generator(z)
