"""The size of networks is known, and bounded, before anything is built."""

import itertools

import pytest
import torch

from pgan.networks.architectures import build_critic, build_generator
from pgan.networks.config import MOST_PARAMETERS, Networks

CHANGES = {
    "base_size": (4, 7),
    "channels": (1, 3),
    "classes": (0, 10),
    "latent_size": (None, 5),
    "fmap_base": (8192, 33),
    "fmap_decay": (1.0, 0.5),
    "minibatch_stddev": (0, 4),
}


DCGAN = {"architecture": "dcgan", "channels": 3, "classes": 0, "latent_size": 5, "label_size": 3, "width": 2}
DCGAN |= {"instance_norm": True, "leaky_slope": 0.2}
DCGAN_CHANGES = ("classes", "width", "instance_norm")
FISH = {"architecture": "fish", "channels": 3, "latent_size": 5, "width": 2, "leaky_slope": 0.2, "dropout": 0.5}
FISH |= {"minibatch_stddev": 4, "tanh": False}


def built(config, resolution):
    with torch.device("meta"):
        parts = (build_generator(config, resolution), build_critic(config, resolution))
    return sum(weight.numel() for part in parts for weight in part.parameters())


@pytest.mark.parametrize("doublings", [0, 1, 4])
def test_parameters_are_counted_as_they_are_built(networks, doublings):
    for values in itertools.product(*CHANGES.values()):
        config = networks.model_copy(update=dict(zip(CHANGES, values, strict=True)) | {"fmap_max": 100})
        assert config.parameters(doublings + 1) == built(config, config.base_size << doublings)


@pytest.mark.parametrize("doublings", [0, 2])
def test_parameters_of_the_ingredients_are_counted_too(networks, doublings):
    for changes in ({"batch_norm": True}, {"layer_norm": True}, {"minibatch_discrimination": 3, "classes": 10}):
        config = networks.model_copy(update=changes | {"fmap_base": 100, "fmap_max": 20})
        assert config.parameters(doublings + 1) == built(config, 4 << doublings), changes


@pytest.mark.parametrize("channels", [1, 3])
def test_parameters_of_fixed_networks_are_counted_as_they_are_built(channels):
    for changes in itertools.product((0, 7), (3, 5), (True, False)):
        config = Networks.model_validate(
            DCGAN | {"channels": channels} | dict(zip(DCGAN_CHANGES, changes, strict=True))
        )
        assert config.parameters() == built(config, 64), changes
    for group in (0, 4):
        config = Networks.model_validate(FISH | {"channels": channels, "minibatch_stddev": group})
        assert config.parameters() == built(config, 32)


def test_an_architecture_is_chosen_by_its_name_and_has_keys_of_its_own(networks):
    plain = networks.model_dump()
    del plain["architecture"]
    assert Networks.model_validate(plain) == networks, "files from before there were others"
    assert type(Networks.model_validate(DCGAN)).__name__ == "Dcgan"
    with pytest.raises(ValueError, match="tanh"):
        Networks.model_validate(DCGAN | {"tanh": True})
    with pytest.raises(ValueError, match="have 64"):
        Networks.model_validate(DCGAN).resolutions(32)
    with pytest.raises(ValueError, match=r"exceed the limit.*networks\.width"):
        Networks.model_validate(DCGAN | {"width": 2**16}).resolutions(64)


def test_networks_that_could_never_fit_are_refused(networks):
    wide = networks.model_copy(update={"fmap_base": 2**20, "fmap_max": 2**14})
    assert wide.parameters(1) > MOST_PARAMETERS
    with pytest.raises(ValueError, match="exceed the limit of 268,435,456"):
        wide.stage(4)
    with pytest.raises(ValueError, match="8192 pixels"):
        networks.stage(16384)


def test_batches_that_no_device_holds_are_refused(networks):
    networks.check_batch(8, 1024)
    with pytest.raises(ValueError, match="lower the batch"):
        networks.check_batch(8, 10**9)
