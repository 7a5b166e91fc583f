"""What snapshots cost: seconds each, bytes, and their share of a phase's time.

    python -m benchmarks.snapshots                        widths of the demo and of the paper, 16×16 and 32×32
    python -m benchmarks.snapshots --seconds 120 --rounds 5

Each row trains the same phase in turn with the default cadence and without snapshots (A B A B), each for about
`--seconds`.  "share" is the time spent in saving, measured directly; "ratio" that of whole runs, which on a busy
machine is less sure than the share; medians over the rounds.  Ends in a Markdown table.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pgan.experiment import read_experiment
from pgan.networks import checkpoint
from pgan.training.config import Phase
from pgan.training.loop import Job, PhaseRun
from pgan.training.snapshots import Snapshots

ROOT = Path(__file__).parents[1]
EVERY = 5.0
"""Seconds: the default of `pgan train --snapshot-seconds`."""


@dataclass
class Saving:
    """What was spent on snapshots during one run."""

    seconds: float = 0.0
    count: int = 0
    size: int = 0


@contextmanager
def watched() -> Iterator[Saving]:
    """Time every snapshot, checks of the weights included."""
    found = Saving()
    save = PhaseRun._save_if_healthy

    def timed(self: PhaseRun, snapshots: Snapshots, required: bool) -> None:
        began = time.perf_counter()
        save(self, snapshots, required)
        found.seconds += time.perf_counter() - began
        found.count += 1
        found.size = (snapshots.path / "newest.pt").stat().st_size

    PhaseRun._save_if_healthy = timed  # type: ignore[method-assign]
    try:
        yield found
    finally:
        PhaseRun._save_if_healthy = save  # type: ignore[method-assign]


def job(resolution: int, fmap_max: int, batch: int, steps: int) -> tuple[Job, checkpoint.Checkpoint]:
    """A stabilize phase of random images on untrained networks."""
    experiment = read_experiment(ROOT / "params.yaml")
    widths = {"fmap_base": fmap_max * 16, "fmap_max": fmap_max, "latent_size": fmap_max}
    networks = experiment.networks.model_copy(update=widths)
    spec = {"from": "init", "kind": "stabilize", "resolution": resolution, "batch": batch, "lr": 1e-4}
    phase = Phase.model_validate(spec | {"kimg": steps * batch / 1000})
    images = np.random.default_rng(0).integers(0, 256, (1000, 1, resolution, resolution), dtype=np.uint8)
    made = checkpoint.fresh(networks, resolution, 0)
    return Job("benchmark", phase, experiment.training, 0, images, np.zeros(1000, np.int64)), made


def train(resolution: int, fmap_max: int, batch: int, steps: int, every: float) -> tuple[float, Saving]:
    """Seconds of a whole phase, without its outputs."""
    run = PhaseRun(*job(resolution, fmap_max, batch, steps), torch.device("cpu"))
    (ROOT / ".pgan").mkdir(exist_ok=True)  # on the disk that training would use, not in memory
    with tempfile.TemporaryDirectory(dir=ROOT / ".pgan") as folder, watched() as saving:
        began = time.perf_counter()
        with Snapshots(Path(folder), "benchmark", "key") as snapshots:
            run.run(snapshots, every, None)
        return time.perf_counter() - began, saving


def measure(resolution: int, fmap_max: int, batch: int, seconds: float, rounds: int) -> str:
    """A row of the table."""
    train(resolution, fmap_max, batch, 3, 1e9)  # to warm up
    few, _ = train(resolution, fmap_max, batch, 5, 1e9)
    steps = max(5, round(seconds / (few / 5)))
    ratios, shares, savings = [], [], []
    for _ in range(rounds):
        with_them, saving = train(resolution, fmap_max, batch, steps, EVERY)
        without, _ = train(resolution, fmap_max, batch, steps, 1e9)
        ratios.append(with_them / without)
        shares.append(saving.seconds / with_them)
        savings.append(saving)
    cost = statistics.median(saving.seconds / saving.count for saving in savings)
    count = statistics.median(saving.count for saving in savings)
    return (
        f"| {resolution}² | {fmap_max} | {batch} | {savings[0].size / 1e6:.1f} MB | {cost * 1e3:.0f} ms | {count:.0f} "
        f"| {statistics.median(shares):.2%} | {statistics.median(ratios):.3f} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print("| resolution | fmap_max | batch | snapshot | cost each | count | share of the time | ratio of run times |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|")
    for resolution, fmap_max, batch in ((16, 64, 16), (16, 512, 16), (32, 512, 16)):
        print(measure(resolution, fmap_max, batch, options.seconds, options.rounds), flush=True)


if __name__ == "__main__":
    main()
