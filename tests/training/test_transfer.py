"""A batch is the same whether its level lies on the device or is read from the file."""

import numpy as np
import pytest
import torch

from pgan.data.batches import Stream
from pgan.training.transfer import Batches, room


def stream():
    images = np.random.default_rng(0).integers(0, 256, (10, 1, 4, 4), np.uint8)
    return Stream(images, np.arange(10), 0, "p")


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_batches_are_those_of_the_stream_either_way(device):
    stays, moves = (Batches(stream(), torch.device(device), most_bytes=most) for most in (10**6, -1))
    for start, share in ((0, slice(None)), (6, slice(1, None, 2))):  # the second runs into the next epoch
        images, labels = stream().batch(start, 8, share)
        for batches in (stays, moves):
            found, told = batches.batch(start, 8, share)
            assert found.device.type == told.device.type == device
            assert np.array_equal(found.cpu().numpy(), images)
            assert np.array_equal(told.cpu().numpy(), labels)


def test_a_level_is_copied_only_where_there_is_room():
    level = stream().images.nbytes
    kept, read = (Batches(stream(), torch.device("cpu"), most_bytes=most) for most in (level, level - 1))
    assert kept.level is not None
    assert read.level is None
    assert room(torch.device("cpu")) < 0, "on the CPU it would only be there twice"
