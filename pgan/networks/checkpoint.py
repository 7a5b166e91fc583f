"""The checkpoint: both networks, the EMA generator, Adam's state and the progress, in one file.

Only tensors and plain values go in, so that it loads with `weights_only=True`: a stranger's checkpoint runs no code.
"""

import os
import shutil
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pydantic
import torch
from torch import Tensor

from pgan.errors import InputError, RunError
from pgan.networks.config import Networks
from pgan.networks.progressive import Critic, Generator, initialize

FORMAT = "pgan checkpoint 1"


@dataclass(frozen=True)
class Progress:
    """How far training has come."""

    phase: str
    kind: str
    images: int
    """Real images shown to the critic in this phase."""
    total_images: int
    """The same since `init`, over all phases."""


@dataclass
class Checkpoint:
    """What one phase hands to the next."""

    generator: Generator
    critic: Critic
    ema: Generator
    progress: Progress
    optimizers: dict[str, Any] | None = None
    """Adam's state by network, for a phase that continues at the same level of detail; None before the first phase."""

    @property
    def config(self) -> Networks:
        """The architecture."""
        return self.generator.config

    @property
    def resolution(self) -> int:
        """Pixels per side."""
        return self.generator.resolution


def fresh(config: Networks, resolution: int, seed: int) -> Checkpoint:
    """Untrained networks of a resolution; the EMA starts as a copy of the generator."""
    generator, critic, ema = Generator(config, resolution), Critic(config, resolution), Generator(config, resolution)
    for network in (generator, critic, ema):
        initialize(network, seed, network.resolutions)
    return Checkpoint(generator, critic, ema.eval().requires_grad_(False), Progress("init", "init", 0, 0))


def grow(checkpoint: Checkpoint, resolution: int, seed: int) -> Checkpoint:
    """The same networks with a fresh block for each new resolution; old weights, the EMA's own too, are kept."""
    if resolution == checkpoint.resolution:
        return checkpoint
    grown = fresh(checkpoint.config, resolution, seed)
    grown.generator.load_state_dict(checkpoint.generator.state_dict(), strict=False)
    grown.critic.load_state_dict(checkpoint.critic.state_dict(), strict=False)
    grown.ema.load_state_dict(checkpoint.ema.state_dict(), strict=False)
    grown.progress = checkpoint.progress
    return grown


def shrink(checkpoint: Checkpoint, resolution: int) -> Checkpoint:
    """The networks of a lower resolution that these contain, without Adam's state."""
    if resolution == checkpoint.resolution:
        return checkpoint
    small = fresh(checkpoint.config, resolution, seed=0)
    for name in ("generator", "critic", "ema"):
        weights = getattr(checkpoint, name).state_dict()
        network = getattr(small, name)
        network.load_state_dict({key: weights[key] for key in network.state_dict()})
    small.progress = checkpoint.progress
    return small


def state(checkpoint: Checkpoint) -> dict[str, Any]:
    """The checkpoint as tensors and plain values; the tensors are copies, contiguous however training laid them out."""
    return {
        "format": FORMAT,
        "networks": checkpoint.config.model_dump(),
        "resolution": checkpoint.resolution,
        "generator": contiguous(checkpoint.generator.state_dict()),
        "critic": contiguous(checkpoint.critic.state_dict()),
        "ema": contiguous(checkpoint.ema.state_dict()),
        "optimizers": contiguous(checkpoint.optimizers),
        "progress": asdict(checkpoint.progress),
    }


def contiguous(value: Any) -> Any:
    """Nested dictionaries and lists with contiguous copies of their tensors."""
    if isinstance(value, Tensor):
        return value.detach().clone(memory_format=torch.contiguous_format)
    if isinstance(value, dict):
        return {key: contiguous(item) for key, item in value.items()}
    return [contiguous(item) for item in value] if isinstance(value, list) else value


def from_state(content: Any, where: str) -> Checkpoint:
    """The inverse of `state`. Raises InputError, beginning with `where`, when the content is anything else."""
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{where}: not a pgan checkpoint")
    try:
        config = Networks.model_validate(content["networks"])
        resolution = content["resolution"]
        generator, critic, ema = (
            Generator(config, resolution),
            Critic(config, resolution),
            Generator(config, resolution),
        )
        generator.load_state_dict(content["generator"])
        critic.load_state_dict(content["critic"])
        ema.load_state_dict(content["ema"])
        progress = Progress(**content["progress"])
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, pydantic.ValidationError) as error:
        raise InputError(f"{where}: a damaged checkpoint: {str(error).splitlines()[0]}") from None
    return Checkpoint(generator, critic, ema.eval().requires_grad_(False), progress, content.get("optimizers"))


def save(content: dict[str, Any], path: Path) -> None:
    """Write tensors and plain values so that `path` is at every moment either whole or not there.

    Raises:
        RunError: the disk is full, or the folder cannot be written to; what stood at `path` still stands.
    """
    # torch names the archive's folder after the file: a fixed name keeps the bytes independent of where it is written
    part = path.parent / f".{path.stem}.part"
    inner = part / "checkpoint.pt"
    try:
        part.mkdir(parents=True, exist_ok=True)
        with inner.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        inner.replace(path)
    except OSError as error:
        raise RunError(f"{path}: cannot be written: {error.strerror or error}") from None
    except RuntimeError:  # torch's zip writer stumbles over a write that failed, and says nothing of the cause
        raise RunError(f"{path}: cannot be written: the disk is probably full") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def read(path: Path, device: torch.device | str = "cpu") -> Any:
    """What `save` wrote, tensors on `device`; never runs code from the file.

    Raises:
        InputError: the file is missing or damaged, or holds anything but tensors and plain values.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # torch muses about pickle protocols before it refuses
            return torch.load(path, map_location=device, weights_only=True)
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(f"{path}: no such checkpoint") from None
    except PermissionError:
        raise
    except Exception as error:  # torch raises a dozen kinds on a file that is no checkpoint
        raise InputError(f"{path}: not a checkpoint that can be read safely ({type(error).__name__})") from None


def load(path: Path, device: torch.device | str = "cpu") -> Checkpoint:
    """A checkpoint from a file, on `device`. Raises InputError as `read` and `from_state` do."""
    checkpoint = from_state(read(path, device), str(path))
    for network in (checkpoint.generator, checkpoint.critic, checkpoint.ema):
        network.to(device)
    return checkpoint


def load_generator(path: Path, device: torch.device | str = "cpu") -> Generator:
    """The EMA generator of a checkpoint, for evaluation and pictures. Raises InputError on a bad file."""
    return load(path, device).ema
