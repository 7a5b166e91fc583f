"""The checkpoint: both networks, the EMA generator, Adam's state and the progress, in one file.

Only tensors and plain values go in, so that it loads with `weights_only=True`: a stranger's checkpoint runs no code.
"""

import errno
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pydantic
import torch
from torch import Tensor

from pgan.config import first_problem
from pgan.errors import InputError, out_of_memory, shown
from pgan.files import whole_file
from pgan.networks.architectures import build_critic, build_generator, check_resolution
from pgan.networks.config import Networks
from pgan.networks.network import Critic, Generator, Network
from pgan.untrusted.archive import check_plain
from pgan.untrusted.recognise import CHECKPOINT, EXPORTED, OFFICIAL, refusal
from pgan.untrusted.weights import check_tensor, with_weights

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
    generator, ema = build_generator(config, resolution), build_generator(config, resolution)
    critic = build_critic(config, resolution)
    for network in (generator, critic, ema):
        network.initialize(seed)
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
    """The checkpoint as plain values and tensors, copied to the CPU and contiguous however training had them."""
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
    """Nested dictionaries and lists with contiguous copies of their tensors on the CPU: the device may be full."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
    if isinstance(value, dict):
        return {key: contiguous(item) for key, item in value.items()}
    return [contiguous(item) for item in value] if isinstance(value, list) else value


def from_state(content: Any, where: str) -> Checkpoint:
    """The inverse of `state`. Raises InputError, beginning with `where`, when the content is anything else.

    Nothing is allocated for what the content claims beyond the tensors that it holds.
    """
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{where}: not a pgan checkpoint")
    try:
        config = Networks.model_validate(content.get("networks"))
        resolution: Any = content.get("resolution")
        if type(resolution) is not int:
            raise ValueError(f"resolution {shown(resolution)} is no number of pixels")
        check_resolution(config, resolution)
    except pydantic.ValidationError as error:
        raise InputError(f"{where}: a damaged checkpoint: {first_problem(error, 'networks')}") from None
    except ValueError as error:
        raise InputError(f"{where}: a damaged checkpoint: {error}") from None
    parts: list[Any] = [content.get(name) for name in ("generator", "critic", "ema")]
    if not all(isinstance(part, dict) for part in parts):
        raise InputError(f"{where}: a damaged checkpoint: it lacks a network")
    generator, ema = (with_weights(partial(build_generator, config, resolution), part, where) for part in parts[::2])
    critic = with_weights(partial(build_critic, config, resolution), parts[1], where)
    progress = _progress(content.get("progress"), where)
    optimizers = content.get("optimizers")
    if optimizers is not None:
        _check_adam(optimizers, {"generator": generator, "critic": critic}, where)
    return Checkpoint(generator, critic, ema.eval().requires_grad_(False), progress, optimizers)


def _progress(content: Any, where: str) -> Progress:
    match content:
        case {"phase": str(phase), "kind": str(kind), "images": int(images), "total_images": int(total), **rest}:
            if not rest and 0 <= images <= total < 2**63:
                return Progress(phase, kind, images, total)
    raise InputError(f"{where}: a damaged checkpoint: progress: {shown(content)}")


def _check_adam(content: Any, networks: dict[str, Network], where: str) -> None:
    """Whether Adam's state fits the networks. Raises InputError. A parameter that was never updated has none."""
    for name, network in networks.items():
        parameters = list(network.parameters())
        place = f"{where}: a damaged checkpoint: Adam's state of the {name}"
        states = content.get(name) if isinstance(content, dict) else None
        entries = states.get("state") if isinstance(states, dict) else None
        if not isinstance(entries, dict):
            raise InputError(f"{place}: missing")
        for index, entry in entries.items():
            if type(index) is not int or not 0 <= index < len(parameters):
                raise InputError(f"{place}: an entry {shown(index)} for {len(parameters)} parameters")
            if not isinstance(entry, dict) or entry.keys() != {"step", "exp_avg", "exp_avg_sq"}:
                raise InputError(f"{place}: entry {index}: not the state of Adam")
            for key, value in entry.items():
                shape = torch.Size() if key == "step" else parameters[index].shape
                check_tensor(value, shape, f"{place}: entry {index}: {key}")


def save(content: dict[str, Any], path: Path) -> None:
    """Write tensors and plain values so that `path` is at every moment either whole or not there.

    Raises:
        InputError: nothing can be written there.
        RunError: the disk is full, or fails; what stood at `path` still stands.
    """
    with whole_file(path) as part:
        dump(content, part)


def dump(content: dict[str, Any], path: Path) -> None:
    """Write tensors and plain values to a file that is already a part of something whole. Raises OSError."""
    with path.open("wb") as file:  # given a path, torch would write its name into the archive
        try:
            torch.save(content, file)
        except RuntimeError:  # its zip writer stumbles over a write that failed, and says nothing of the cause
            raise OSError(errno.ENOSPC, "the disk is probably full") from None


def not_a_checkpoint(path: Path) -> InputError:
    """The error of a reader of checkpoints: what the file is, and what to do."""
    advice = "pgan reads checkpoints of its own, and `pgan import` makes one of an official Progressive GAN pickle"
    by_what = {
        OFFICIAL: "make a checkpoint of it with `pgan import`",
        EXPORTED: "it has no critic; name the checkpoint that it was exported from",
    }
    missing = "no such checkpoint; `pgan init`, `pgan train` and `pgan import` make them"
    return refusal(path, CHECKPOINT, advice, by_what, missing)


def read(
    path: Path, device: torch.device | str = "cpu", refuse: Callable[[Path], InputError] = not_a_checkpoint
) -> Any:
    """What `save` wrote, tensors on `device`, every bit as it was written; never runs code from the file.

    Raises:
        InputError: the file is missing or damaged, or holds anything but tensors and plain values; where
            it is another program's, as `refuse` makes it.
    """
    try:
        check_plain(path, refuse)
        with warnings.catch_warnings(action="ignore"):  # torch muses about pickle protocols before it refuses
            return torch.load(path, map_location=device, weights_only=True)
    except (PermissionError, InputError):
        raise
    except Exception as error:  # torch raises a dozen kinds on a file that is no checkpoint
        if out_of_memory(error):
            raise
        raise refuse(path) from None


def read_ours(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """The same, of a checkpoint or a snapshot. Raises InputError as `read`, and where the file is something else."""
    content = read(path, device)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise not_a_checkpoint(path)
    return content


def load(path: Path, device: torch.device | str = "cpu") -> Checkpoint:
    """A checkpoint from a file, on `device`. Raises InputError as `read_ours` and `from_state` do."""
    checkpoint = from_state(read_ours(path, device), str(path))
    for network in (checkpoint.generator, checkpoint.critic, checkpoint.ema):
        network.to(device)
    return checkpoint


def load_generator(path: Path, device: torch.device | str = "cpu") -> Generator:
    """The EMA generator of a checkpoint, for evaluation and pictures. Raises InputError on a bad file."""
    return load(path, device).ema
