"""Images from a generator: latents by seed, batches, uint8."""

import os
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from pgan.errors import InputError
from pgan.networks.layout import choose as choose_layout
from pgan.networks.network import Generator
from pgan.randomness import torch_generator

PIXELS_AT_ONCE = 2**16
"""Of all images that a CPU generates in one pass: their feature maps fit its cache, which is faster than a larger batch
(benchmarks/evaluation.py)."""


def pick_device(name: str) -> torch.device:
    """The device of that name; "auto" is $PGAN_DEVICE, or else CUDA, then MPS, then CPU.

    Raises:
        InputError: no such device here.
    """
    if name == "auto":
        name = os.environ.get("PGAN_DEVICE", "auto")
    if name == "auto":
        mps = torch.backends.mps.is_available()
        name = "cuda" if torch.cuda.is_available() else "mps" if mps else "cpu"
    advice = "use auto, cpu, cuda, cuda:N or mps"
    if name.split(":")[0] not in ("cpu", "cuda", "mps"):
        raise InputError(f"device '{name}': unknown; {advice}")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"device '{name}': not available here ({reason}); use auto, cpu, cuda, cuda:N or mps"
        ) from None
    return device


def latents(count: int, size: int, seed: int, purpose: str) -> Tensor:
    """`count` latents from N(0, 1), (count, size) float32 on the CPU, a pure function of the arguments."""
    return torch.randn(count, size, generator=torch_generator("cpu", seed, purpose, "latents"))


def sample_labels(count: int, classes: int) -> Tensor | None:
    """Labels 0, 1, …, classes - 1, 0, 1, …, (count,) int64, for pictures, which show all classes alike; None without
    classes.
    """
    return torch.arange(count) % classes if classes else None


def to_uint8(images: Tensor) -> np.ndarray:
    """Images in [-1, 1] as uint8, rounded to the nearest of 256 levels, clipped."""
    return ((images.float() + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu().numpy()


def lay_out(generator: Generator) -> int | None:
    """Lay a generator out as is fastest on its device; how many images a CPU should compute at once, None elsewhere."""
    device = next(generator.parameters()).device
    choose_layout(generator.config, generator.resolution, device.type).prepare(generator)
    return max(4, PIXELS_AT_ONCE // generator.resolution**2) if device.type == "cpu" else None


@torch.no_grad()
def generate(
    generator: Generator, z: Tensor, labels: Tensor | None, batch: int, alpha: float | Tensor = 1.0
) -> np.ndarray:
    """Images of given latents, uint8 (N, C, H, W), computed `batch` at a time on the generator's device."""
    device = next(generator.parameters()).device
    parts = []
    for i in range(0, len(z), batch):
        label = None if labels is None else labels[i : i + batch].to(device)
        parts.append(to_uint8(generator(z[i : i + batch].to(device), label, alpha)))
    return np.concatenate(parts)


def sample_images(
    generator: Generator,
    count: int,
    seed: int,
    purpose: str,
    batch: int,
    device: torch.device,
    labels: Tensor | None,
) -> Iterator[np.ndarray]:
    """`count` images in uint8 chunks of up to `batch`, (n, C, H, W), of the classes `labels`, (count,) int64.

    The generator's parameters are moved to the device, and laid out in memory as is fastest there.
    """
    generator.to(device)
    batch = min(batch, lay_out(generator) or batch)
    z = latents(count, generator.latent_size, seed, purpose)
    for i in range(0, count, batch):
        chunk = None if labels is None else labels[i : i + batch]
        yield generate(generator, z[i : i + batch], chunk, batch)
