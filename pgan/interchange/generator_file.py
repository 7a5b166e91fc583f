"""A generator from any file: `READERS` is the table of what is read.

Example: `open_generator_file(Path("checkpoint.pt"), torch.device("cpu")).images(latents, labels)`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from pgan.errors import InputError, RunError
from pgan.interchange.description import Description, describe
from pgan.networks.architectures import build_generator
from pgan.networks.network import Generator
from pgan.untrusted.recognise import CHECKPOINT, EXPORTED, Found, Kind, recognise, refusal
from pgan.untrusted.weights import with_weights

Function = Callable[[Tensor, Tensor | None], Tensor]
"""Latents (N, latent_size) and labels (N,) on the CPU -> images (N, C, r, r) on any device."""


@dataclass(frozen=True)
class GeneratorFile:
    """A generator that was read from a file."""

    path: Path
    description: Description
    function: Function
    generator: Generator | None = None
    """The network; None where the file holds a graph."""
    alpha: float = 1.0
    """How far its last resolution is faded in."""

    @torch.no_grad()
    def images(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        """Latents (N, latent_size) and labels (N,) -> images (N, C, r, r), float32 on the CPU, about [-1, 1].

        Raises:
            InputError: the file's own graph does not do what its description says.
            RunError: there is not enough memory for N images.
        """
        try:
            images = self.function(latents, labels)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
            if "memory" in reason:
                raise RunError(f"{len(latents)} images at once: {reason}; lower --batch") from None
            raise InputError(f"{self.path}: cannot be run: {reason}; export it again from its checkpoint") from None
        d, r = self.description, self.description.resolution
        expected = (len(latents), d.networks.channels, r, r)
        if not isinstance(images, Tensor) or tuple(images.shape) != expected:
            found = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
            what = f"should make images {expected} and makes {found}"
            raise InputError(f"{self.path}: {what}; export it again from its checkpoint")
        if not images.isfinite().all():
            raise InputError(f"{self.path}: makes images of values that are no numbers: it has diverged, or is damaged")
        return images.float().cpu()


class Reader(NamedTuple):
    """How files of one kind are read."""

    name: str
    recognises: Callable[[Found], bool]
    """By the content of a file, not by its name."""
    reads: Callable[[Path, torch.device], GeneratorFile]
    """Raises InputError on a damaged file, RunError when a package that the format needs is not installed."""
    graph: bool = False
    """Whether such files hold a graph, which runs but gives no network."""


def open_generator_file(path: Path, device: torch.device) -> GeneratorFile:
    """A generator to draw images from.

    Args:
        device: where to compute; an ONNX file always runs on the CPU.

    Raises:
        InputError: the file is missing, damaged, or holds no generator.
        RunError: a package that its format needs is not installed.
    """
    return reader_of(path).reads(path, device)


def open_generator(path: Path) -> tuple[Generator, float]:
    """The network of a file that holds weights, on the CPU, and how far its last resolution is faded in: 1 is fully.

    Raises:
        InputError: as `open_generator_file`, and for files that hold a graph.
    """
    reader = reader_of(path)
    if reader.graph:
        raise InputError(f"{path}: holds a graph without its weights' names; export from the checkpoint")
    file = reader.reads(path, torch.device("cpu"))
    assert file.generator is not None
    return file.generator, file.alpha


def reader_of(path: Path) -> Reader:
    """The reader of a file. Raises InputError when there is no such file, or no reader for it."""
    if found := recognise(path):
        for reader in READERS:
            if reader.recognises(found):
                return reader
    advice = "pgan reads its own checkpoints, what `pgan export` wrote, and official Progressive GAN pickles"
    raise refusal(path, "a network that pgan reads", advice)


def read_checkpoint(path: Path, device: torch.device) -> GeneratorFile:
    """The EMA generator of a checkpoint or snapshot: neither the critic nor Adam's state is built."""
    from pgan.networks.checkpoint import read_ours

    content = read_ours(path)
    weights = content.get("ema")
    if not isinstance(weights, dict):
        raise InputError(f"{path}: a damaged checkpoint: it has no EMA generator")
    description = describe(content.get("networks"), content.get("resolution"), str(path))
    generator = with_weights(lambda: build_generator(description.networks, description.resolution), weights, str(path))
    return _with_network(path, generator, _alpha(content), device)


def read_official(path: Path, device: torch.device) -> GeneratorFile:
    """The official moving average (Gs), at the level of detail at which it was saved."""
    from pgan.interchange.official import import_official
    from pgan.networks.checkpoint import shrink

    networks, lod = import_official(path)
    base = networks.config.first_resolution
    generator = shrink(networks, max(base, networks.resolution >> int(lod))).ema
    return _with_network(path, generator, 1.0 - lod % 1, device)


def read_safetensors(path: Path, device: torch.device) -> GeneratorFile:
    """What `pgan export` wrote as safetensors."""
    from pgan.interchange.tensors import from_safetensors

    return _with_network(path, from_safetensors(path), 1.0, device)


def read_torchscript(path: Path, device: torch.device) -> GeneratorFile:
    """What `pgan export` wrote as TorchScript."""
    from pgan.interchange.torchscript import from_torchscript

    description, module = from_torchscript(path, device)
    return GeneratorFile(path, description, lambda *inputs: module(*(x.to(device) for x in inputs if x is not None)))


def read_onnx(path: Path, device: torch.device) -> GeneratorFile:
    """What `pgan export` wrote as ONNX; runs on the CPU whatever the device."""
    from pgan.interchange.onnx import OnnxGenerator

    graph = OnnxGenerator(path)
    return GeneratorFile(path, graph.description, graph)


def _exported(kind: Kind) -> Callable[[Found], bool]:
    return lambda found: found.kind is kind and found.what == EXPORTED


READERS = (
    Reader("checkpoint or snapshot", lambda found: found.what == CHECKPOINT, read_checkpoint),
    # these two are refused by their readers where another program wrote them
    Reader("official pickle", lambda found: found.kind is Kind.PICKLE, read_official),
    Reader("safetensors", lambda found: found.kind is Kind.SAFETENSORS, read_safetensors),
    Reader("TorchScript", _exported(Kind.TORCHSCRIPT), read_torchscript, True),
    Reader("ONNX", _exported(Kind.ONNX), read_onnx, True),
)


def _alpha(content: dict[str, object]) -> float:
    """How far a snapshot of a growing phase has come, as of its last row of losses; a phase's checkpoint is whole."""
    match content:
        case {"run": {"rows": [*_, {"alpha": float(alpha)}]}} if 0 <= alpha <= 1:
            return alpha
        case {"run": {"rows": []}, "progress": {"kind": "grow"}}:
            return 0.0
    return 1.0


def _with_network(path: Path, generator: Generator, alpha: float, device: torch.device) -> GeneratorFile:
    """A file that holds a network, moved to the device."""
    generator.eval().requires_grad_(False).to(device)

    def images(latents: Tensor, labels: Tensor | None) -> Tensor:
        chosen = None if labels is None else labels.to(device)
        result: Tensor = generator(latents.to(device), chosen, alpha)
        return result

    return GeneratorFile(path, Description(generator.config, generator.resolution), images, generator, alpha)
