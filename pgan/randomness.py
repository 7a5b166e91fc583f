"""All randomness is a pure function of (seed, purpose, …): not of the clock, of worker count, or of what ran before."""

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def derive(seed: int, *purpose: str | int) -> int:
    """A 63-bit seed for one purpose, e.g. `derive(seed, "grow_8", step, "latents")`."""
    text = "\0".join([str(seed), *map(str, purpose)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def seed_layers(seed: int, *purpose: str | int) -> None:
    """Seed torch's own generators on all devices, from which layers draw that draw by themselves, such as dropout."""
    import torch

    torch.manual_seed(derive(seed, *purpose))


def torch_generator(device: "torch.device | str", seed: int, *purpose: str | int) -> "torch.Generator":
    """A torch generator on `device`, seeded for one purpose."""
    import torch

    return torch.Generator(device).manual_seed(derive(seed, *purpose))
