"""Images from a generator, in the layout and the batches that are fast on a device."""

import numpy as np
import pytest
import torch

from pgan.networks import sampling
from pgan.networks.layout import Layout, choose
from pgan.networks.progressive.networks import Generator
from pgan.networks.sampling import sample_images


def test_layout_and_batches_change_no_image_by_more_than_rounding(networks):
    generator = Generator(networks, 32)
    generator.initialize(3)
    labels = torch.arange(11) % networks.classes if networks.classes else None
    z = sampling.latents(11, networks.latent_size, 5, "test")
    plain = sampling.generate(generator, z, labels, batch=11)
    chunks = list(sample_images(generator, 11, 5, "test", 4, torch.device("cpu"), labels))
    assert [len(chunk) for chunk in chunks] == [4, 4, 3]
    assert choose(networks, 32, "cpu") == Layout(channels_last=True, fuse_upsampling_from=16)
    assert [block.conv0.fused for block in list(generator.blocks.values())[1:]] == [False, True, True]
    found = np.concatenate(chunks).astype(int)
    assert np.abs(found - plain).max() <= 1
    assert (found != plain).mean() < 1e-3


@pytest.mark.parametrize(("limit", "size"), [(4 * 32**2, 4), (7 * 32**2, 7), (1, 4), (2**30, 9)])
def test_a_cpu_gets_as_many_images_at_once_as_fit_its_cache(monkeypatch, networks, limit, size):
    monkeypatch.setattr(sampling, "PIXELS_AT_ONCE", limit)
    generator = Generator(networks.model_copy(update={"classes": 0}), 32)
    chunks = sample_images(generator, 20, 0, "test", 9, torch.device("cpu"), None)
    assert len(next(chunks)) == size


def test_wide_networks_and_other_devices_are_not_rearranged(networks):
    wide = networks.model_copy(update={"fmap_base": 8192, "fmap_max": 512})
    assert not choose(wide, 32, "cpu").channels_last
    assert choose(networks, 32, "cuda") == Layout()
