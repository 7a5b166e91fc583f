"""How large networks are, without building them in memory."""

from functools import lru_cache

import torch

from pgan.networks.architectures import build_critic, build_generator
from pgan.networks.config import Networks

FLOAT = 4


def checkpoint_bytes(networks: Networks, resolution: int) -> int:
    """Both networks and the average, with Adam's two moments of each that is trained."""
    generator, critic = _parameters(networks.model_dump_json(), resolution)
    return FLOAT * (4 * generator + 3 * critic)


def training_bytes(networks: Networks, resolution: int) -> int:
    """The same in memory, with the gradients."""
    generator, critic = _parameters(networks.model_dump_json(), resolution)
    return FLOAT * (5 * generator + 4 * critic)


@lru_cache
def _parameters(networks: str, resolution: int) -> tuple[int, int]:
    """Numbers in generator and critic."""
    config = Networks.model_validate_json(networks)
    with torch.device("meta"):
        both = build_generator(config, resolution), build_critic(config, resolution)
    generator, critic = (sum(p.numel() for p in network.parameters()) for network in both)
    return generator, critic
