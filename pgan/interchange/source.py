"""A generator from any file: a checkpoint, a snapshot, an official pickle, or what `pgan export` wrote."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pgan.errors import InputError, RunError
from pgan.interchange.description import Description, describe
from pgan.networks.architectures import build_generator
from pgan.networks.network import Generator
from pgan.untrusted.recognise import CHECKPOINT, EXPORTED, Kind, recognise, refusal
from pgan.untrusted.weights import with_weights

Function = Callable[[Tensor, Tensor | None], Tensor]
"""Latents (N, latent_size) and labels (N,) on the CPU -> images (N, C, r, r) on any device."""


@dataclass(frozen=True)
class Source:
    """A generator to draw images from."""

    path: Path
    description: Description
    function: Function

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


def open_source(path: Path, device: torch.device) -> Source:
    """A generator from a file; which kind of file it is, its content says, not its name.

    Args:
        device: where to compute; an ONNX file is always run on the CPU.

    Raises:
        InputError: the file is missing, damaged, or holds no generator.
        RunError: a package that its format needs is not installed.
    """
    match kind_of(path):
        case Kind.TORCHSCRIPT:
            from pgan.interchange.torchscript import from_torchscript

            description, module = from_torchscript(path, device)
            return Source(path, description, lambda *inputs: module(*(x.to(device) for x in inputs if x is not None)))
        case Kind.ONNX:
            from pgan.interchange.onnx import OnnxGenerator

            graph = OnnxGenerator(path)
            return Source(path, graph.description, graph)
        case kind:
            generator, alpha = _read_weights(path, kind)
            generator.to(device)
            description = Description(generator.config, generator.resolution)
            return Source(path, description, _on_device(generator, alpha, device))


def open_generator(path: Path) -> tuple[Generator, float]:
    """The generator of a file that holds weights, on the CPU, and how far it has faded in: 1 for the whole way.

    Raises:
        InputError: as `open_source`, and for files that hold a graph.
    """
    kind = kind_of(path)
    if kind in (Kind.TORCHSCRIPT, Kind.ONNX):
        raise InputError(f"{path}: holds a graph without its weights' names; export from the checkpoint")
    return _read_weights(path, kind)


def kind_of(path: Path) -> Kind:
    """Which reader a file is for. Raises InputError when there is no such file, or it is for none."""
    found = recognise(path)
    if found and (found.what in (CHECKPOINT, EXPORTED) or found.kind in (Kind.PICKLE, Kind.SAFETENSORS)):
        return found.kind  # whose pickles and safetensors they are, their readers see
    raise not_a_network(path)


def not_a_network(path: Path) -> InputError:
    """The error of a reader of generators: what the file is, and what to do."""
    advice = "pgan reads its own checkpoints, what `pgan export` wrote, and official Progressive GAN pickles"
    return refusal(path, "a network that pgan reads", advice)


def _read_weights(path: Path, kind: Kind) -> tuple[Generator, float]:
    if kind is Kind.SAFETENSORS:
        from pgan.interchange.tensors import from_safetensors

        return from_safetensors(path), 1.0
    if kind is Kind.PICKLE:
        return _read_official(path)
    return _read_checkpoint(path)


def _read_checkpoint(path: Path) -> tuple[Generator, float]:
    """The EMA generator alone: neither the critic nor Adam's state is built."""
    from pgan.networks.checkpoint import read_ours

    content = read_ours(path)
    weights = content.get("ema")
    if not isinstance(weights, dict):
        raise InputError(f"{path}: a damaged checkpoint: it has no EMA generator")
    description = describe(content.get("networks"), content.get("resolution"), str(path))
    generator = with_weights(lambda: build_generator(description.networks, description.resolution), weights, str(path))
    return generator.eval().requires_grad_(False), _alpha(content)


def _alpha(content: dict[str, object]) -> float:
    """How far a snapshot of a growing phase has come, as of its last row of losses; a phase's checkpoint is whole."""
    match content:
        case {"run": {"rows": [*_, {"alpha": float(alpha)}]}} if 0 <= alpha <= 1:
            return alpha
        case {"run": {"rows": []}, "progress": {"kind": "grow"}}:
            return 0.0
    return 1.0


def _read_official(path: Path) -> tuple[Generator, float]:
    """The official moving average (Gs), at the level of detail at which it was saved."""
    from pgan.interchange.official import import_official
    from pgan.networks.checkpoint import shrink

    networks, lod = import_official(path)
    base = networks.config.first_resolution
    generator = shrink(networks, max(base, networks.resolution >> int(lod))).ema
    return generator.eval().requires_grad_(False), 1.0 - lod % 1


def _on_device(generator: Generator, alpha: float, device: torch.device) -> Function:
    def images(latents: Tensor, labels: Tensor | None) -> Tensor:
        chosen = None if labels is None else labels.to(device)
        result: Tensor = generator(latents.to(device), chosen, alpha)
        return result

    return images
