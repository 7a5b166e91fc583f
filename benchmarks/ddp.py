"""How much faster several processes train: one against N at the same batch, by `pgan train`'s own loop.

    python -m benchmarks.ddp                                 on CPUs: two processes of one thread
    python -m benchmarks.ddp --device cuda                   on a machine with several GPUs: all of them
    python -m benchmarks.ddp --processes 4 --rounds 5 --resolutions 64 128 --fmap-max 512 --batch 32

Every turn starts new processes by torchrun and times the steps after the first few; the variants take turns
(A B A B).  On CPUs a third variant is one process with as many threads.  Medians; ends in a Markdown table.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.step import machine
from pgan.experiment import read_experiment
from pgan.networks import checkpoint
from pgan.phases import Phase
from pgan.process import begin
from pgan.training.job import Job
from pgan.training.loop import PhaseRun
from pgan.training.parallel import distributed, ranks

ROOT = Path(__file__).parents[1]
WARM_UP = 5
"""Steps before the clock starts."""


@dataclass(frozen=True)
class Case:
    """What is trained."""

    resolution: int
    fmap_max: int
    batch: int
    device: str
    seconds: float


@dataclass(frozen=True)
class Variant:
    """By whom."""

    processes: int
    threads: int

    def __str__(self) -> str:
        return f"{self.processes} × {self.threads} thread{'s' * (self.threads > 1)}"


# --- in each of the processes


def phase_run(case: Case) -> PhaseRun:
    """A stabilize phase of random images on untrained networks, as the ranks' variables say."""
    experiment = read_experiment(ROOT / "params.yaml")
    widths = {"fmap_base": case.fmap_max * 16, "fmap_max": case.fmap_max, "latent_size": case.fmap_max}
    networks = experiment.networks.model_copy(update=widths)
    spec = {"from": "init", "kind": "stabilize", "resolution": case.resolution, "batch": case.batch, "lr": 1e-4}
    phase = Phase.model_validate(spec | {"kimg": 1e6})
    settings = experiment.training.model_copy(update={"compile": "never"})
    shape = (1000, networks.channels, case.resolution, case.resolution)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    job = Job("benchmark", phase, settings, 0, images, np.zeros(len(images), np.int64))
    return PhaseRun(job, checkpoint.fresh(networks, case.resolution, 0), torch.device(case.device), ranks())


@distributed
def work(case: Case) -> None:
    """Train for about `case.seconds`; rank 0 prints images/s."""
    run = phase_run(case)
    for _ in range(WARM_UP):
        run.advance()
    began, steps, over = time.perf_counter(), 0, 0
    while not over:
        run.advance()
        steps += 1
        (over,) = run.ranks.largest(run.ranks.leads and time.perf_counter() - began > case.seconds)
    if case.device == "cuda":
        torch.cuda.synchronize()
    if run.ranks.leads:
        print(steps * case.batch / (time.perf_counter() - began))


# --- around them


def turn(case: Case, variant: Variant) -> float:
    """Images/s of one turn."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(variant.processes)]
    environment = os.environ | {"OMP_NUM_THREADS": str(variant.threads)}
    command += ["-m", "benchmarks.ddp", "--work", json.dumps(vars(case))]
    done = subprocess.run(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8", check=True)
    return float(done.stdout.split()[-1])


def measure(case: Case, variants: list[Variant], rounds: int) -> list[str]:
    """Lines of the table; the ratio is the median of the rounds' own."""
    rates: dict[Variant, list[float]] = {variant: [] for variant in variants}
    for _ in range(rounds):
        for variant in variants:
            rates[variant].append(turn(case, variant))
    alone = rates[variants[0]]
    lines = []
    for variant, found in rates.items():
        ratios = [rate / one for rate, one in zip(found, alone, strict=True)]
        spread = f"{min(ratios):.2f}–{max(ratios):.2f}"
        cells = (f"{case.resolution}²", case.fmap_max, case.batch, variant, f"{statistics.median(found):.1f}")
        lines.append(f"| {' | '.join(map(str, cells))} | {statistics.median(ratios):.2f} | {spread} |")
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--processes", type=int, help="[default: 2, or as many as there are GPUs]")
    parser.add_argument("--resolutions", type=int, nargs="+", default=[8, 32])
    parser.add_argument("--fmap-max", type=int, default=64)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=5.0, help="of a turn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(Case(**json.loads(options.work)))
        return
    processes = options.processes or (torch.cuda.device_count() if options.device == "cuda" else 2)
    variants = [Variant(1, 1), Variant(processes, 1)]
    if options.device == "cpu":
        variants.append(Variant(1, processes))
    print(f"{machine(torch.device(options.device))}\n")
    print("| pixels | fmap_max | batch | variant | img/s | × one process | range |")
    print("|---:|---:|---:|---|---:|---:|---|")
    for resolution in options.resolutions:
        case = Case(resolution, options.fmap_max, options.batch, options.device, options.seconds)
        print("\n".join(measure(case, variants, options.rounds)), flush=True)


if __name__ == "__main__":
    begin()
    main()
