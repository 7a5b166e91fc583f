"""What `pgan compare` is asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class Request:
    """The arguments of the command."""

    paths: Sequence[Path]
    reference: Path
    samples: int
    """Most images of each set."""
    reference_samples: int | None
    """Most real images that they are compared with; None: `samples`."""
    resolution: int | None
    space: str
    inception: Path | None
    features: Path | None
    """A folder that `pgan features` made of the reference."""
    seed: int
    batch: int | None
    workers: int
    device: torch.device


def letters(count: int) -> Iterator[str]:
    """Names of sets: A, B, …, Z, A2, B2, …"""
    for number in range(count):
        turn, letter = divmod(number, 26)
        yield chr(ord("A") + letter) + (str(turn + 1) if turn else "")
