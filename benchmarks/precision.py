"""Which parts of a step need single precision: its losses and gradients in less, against double precision.

    python -m benchmarks.precision                                       untrained networks of 32×32, noise as images
    python -m benchmarks.precision data/train/stabilize_16/checkpoint.pt data/pyramid

Prints, for each loss term, the relative error of its value and of its gradient by all parameters (the norm of the
difference over the norm), medians of several batches.  `autocast` is what a critic wholly under bf16 autocast gives;
`bf16` is what `training.precision: bf16` computes: the penalty, images and scores in single precision.
"""

import argparse
import copy
import statistics
import sys
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # measures the pgan beside it, not an installed one

from pgan.config import Parameters
from pgan.data.pyramid import open_level
from pgan.networks import checkpoint
from pgan.networks.checkpoint import Checkpoint
from pgan.networks.config import Networks
from pgan.process import begin
from pgan.training import losses
from pgan.training.config import Training
from pgan.training.draws import CriticBatch, GeneratorBatch, prepare_reals

PARAMS = Path(__file__).parents[1] / "params.yaml"
BATCH = 16
Found = dict[str, tuple[float, Tensor]]
"""Term -> its value, and its gradient by all parameters, flat."""


def terms(networks: Checkpoint, batch: list[Tensor], settings: Training, dtype: torch.dtype, mode: str) -> Found:
    """The terms of both losses in a precision; `mode`: plain, bf16, autocast."""
    own = copy.deepcopy(networks)
    for network in (own.generator, own.critic):
        network.to(dtype).requires_grad_(True)
    reals, fakes, z, mix = (x.to(dtype) for x in batch)
    labels, alpha = torch.arange(len(z)) % max(1, own.config.classes), torch.tensor(0.5, dtype=dtype)
    shown, latents = CriticBatch(reals, labels, z, mix, alpha), GeneratorBatch(z, labels, alpha)
    with torch.autocast("cpu", torch.bfloat16, enabled=mode != "plain"):
        _, found = losses.critic_loss(own.critic, shown, fakes, settings)
        if mode == "autocast":
            _, _, gradient = losses.score_and_gradient(own.critic, [torch.lerp(reals, fakes, mix)], alpha)
            found |= losses.penalty_terms(gradient.square().sum((1, 2, 3)), len(z), settings)
        _, drawn = losses.generator_loss(own.critic, latents, own.generator(z, labels, alpha), settings)
    scores = found["critic_fake"] - found["critic_real"]
    critic, generator = list(own.critic.parameters()), list(own.generator.parameters())
    return {
        "scores": (scores.item(), flat(scores, critic)),
        "gradient penalty": (found["gradient_penalty"].item(), flat(found["gradient_penalty"], critic)),
        "generator": (drawn["generator_loss"].item(), flat(drawn["generator_loss"], generator)),
    }


def flat(term: Tensor, parameters: list[torch.nn.Parameter]) -> Tensor:
    """The gradient of a term by all parameters as one vector, float64."""
    gradients = torch.autograd.grad(term, parameters, retain_graph=True, allow_unused=True)
    return torch.cat([g.double().flatten() for g in gradients if g is not None])


def batches(networks: Checkpoint, pyramid: Path | None, count: int) -> list[list[Tensor]]:
    """Reals, fakes that are the same in every precision, latents and mixing factors."""
    g, r, config = torch.Generator().manual_seed(0), networks.resolution, networks.config
    drawn = []
    for _ in range(count):
        if pyramid is None:
            reals = torch.rand(BATCH, config.channels, r, r, generator=g) * 2 - 1
        else:
            images = torch.from_numpy(open_level(pyramid, r)[:].copy())
            reals = prepare_reals(images[torch.randint(len(images), (BATCH,), generator=g)], 1.0, None)
        latents = torch.randn(BATCH, config.latent_dimensions, generator=g)
        with torch.no_grad():
            labels = torch.arange(BATCH) % max(1, config.classes)
            fakes = networks.generator(latents, labels, torch.tensor(0.5))
        drawn.append([reals, fakes, latents, torch.rand(BATCH, 1, 1, 1, generator=g)])
    return drawn


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, nargs="?")
    parser.add_argument("pyramid", type=Path, nargs="?")
    parser.add_argument("--batches", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.checkpoint:
        start = checkpoint.load(arguments.checkpoint)
    else:
        start = checkpoint.fresh(Parameters.read(PARAMS).section("networks", Networks), 32, seed=0)
    settings = Parameters.read(PARAMS).section("training", Training)
    modes = {"fp32": (torch.float32, "plain"), "bf16": (torch.float32, "bf16"), "autocast": (torch.float32, "autocast")}
    errors: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for batch in batches(start, arguments.pyramid, arguments.batches):
        exact = terms(start, batch, settings, torch.float64, "plain")
        for name, (dtype, mode) in modes.items():
            for term, (value, gradient) in terms(start, batch, settings, dtype, mode).items():
                true, direction = exact[term]
                distance = float((gradient - direction).norm() / direction.norm())
                errors.setdefault((term, name), []).append((abs(value - true) / abs(true), distance))
    print("| term | precision | error of the value | of the gradient |\n|---|---|---:|---:|")
    for (term, name), found in errors.items():
        value, distance = (statistics.median(column) for column in zip(*found, strict=True))
        print(f"| {term} | {name} | {value:.1e} | {distance:.1e} |")


if __name__ == "__main__":
    begin()
    main()
