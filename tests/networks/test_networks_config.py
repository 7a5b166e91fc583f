"""The size of networks is known, and bounded, before anything is built."""

import itertools

import pytest
import torch

from pgan.networks.config import MOST_PARAMETERS
from pgan.networks.progressive import Critic, Generator

CHANGES = {
    "base_size": (4, 7),
    "channels": (1, 3),
    "classes": (0, 10),
    "latent_size": (None, 5),
    "fmap_base": (8192, 33),
    "fmap_decay": (1.0, 0.5),
    "minibatch_stddev": (0, 4),
}


@pytest.mark.parametrize("doublings", [0, 1, 4])
def test_parameters_are_counted_as_they_are_built(networks, doublings):
    for values in itertools.product(*CHANGES.values()):
        config = networks.model_copy(update=dict(zip(CHANGES, values, strict=True)) | {"fmap_max": 100})
        resolution = config.base_size << doublings
        with torch.device("meta"):
            parts = (Generator(config, resolution), Critic(config, resolution))
        built = sum(weight.numel() for part in parts for weight in part.parameters())
        assert config.parameters(doublings + 1) == built


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
