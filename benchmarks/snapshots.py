"""What snapshots cost: seconds each, bytes, and their share of a phase's time.

    python -m benchmarks.snapshots                        widths of the demo and of the paper, 16×16
    python -m benchmarks.snapshots --seconds 600 --rounds 5

Each row trains a phase for about `--seconds` and times every snapshot in it.  "share" is over whole cycles, a snapshot
and the pause after it: without the time before the first snapshot, and without the one that every phase makes after its
last step, for its outputs.  Medians over the rounds; ends in a Markdown table.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from pgan.experiment import read_experiment
from pgan.networks import checkpoint
from pgan.phases import Phase
from pgan.process import begin
from pgan.training.job import Job
from pgan.training.loop import PhaseRun
from pgan.training.snapshots import Snapshots

ROOT = Path(__file__).parents[1]
EVERY = 5.0
"""Seconds: the default of `pgan train --snapshot-seconds`."""


@contextmanager
def watched() -> Iterator[list[tuple[float, float]]]:
    """(began, seconds) of every snapshot, checks of the weights included."""
    found: list[tuple[float, float]] = []
    save = PhaseRun.save

    def timed(self: PhaseRun, snapshots: Snapshots, required: bool) -> None:
        began = time.perf_counter()
        save(self, snapshots, required)
        found.append((began, time.perf_counter() - began))

    PhaseRun.save = timed  # type: ignore[method-assign]
    try:
        yield found
    finally:
        PhaseRun.save = save  # type: ignore[method-assign]


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


def train(resolution: int, fmap_max: int, batch: int, steps: int) -> tuple[float, list[tuple[float, float]], int]:
    """Seconds of a whole phase without its outputs, its snapshots, and the bytes of one."""
    run = PhaseRun(*job(resolution, fmap_max, batch, steps), torch.device("cpu"))
    (ROOT / ".pgan").mkdir(exist_ok=True)  # on the disk that training would use, not in memory
    with tempfile.TemporaryDirectory(dir=ROOT / ".pgan") as folder, watched() as saved:
        began = time.perf_counter()
        with Snapshots(Path(folder), "benchmark", "key") as snapshots:
            run.run(snapshots, EVERY, None)
            return time.perf_counter() - began, saved, (snapshots.path / "newest.pt").stat().st_size


def measure(resolution: int, fmap_max: int, batch: int, seconds: float, rounds: int) -> str:
    """A row of the table."""
    few, _, _ = train(resolution, fmap_max, batch, 20)
    steps = max(20, round(seconds / (few / 20)))
    shares, costs, counts, lengths, size = [], [], [], [], 0
    for _ in range(rounds):
        length, saved, size = train(resolution, fmap_max, batch, steps)
        *whole, (last, _), _ = saved  # each with the pause after it, up to the last but the final one
        if not whole:
            raise SystemExit(f"{length:.0f} s are too short for two snapshots of {size / 1e6:.0f} MB: raise --seconds")
        costs.append(statistics.median(cost for _, cost in saved))
        counts.append(len(saved) - 1)
        lengths.append(length)
        shares.append(sum(cost for _, cost in whole) / (last - whole[0][0]))
    middle = statistics.median
    return (
        f"| {resolution}² | {fmap_max} | {batch} | {size / 1e6:.1f} MB | {middle(costs) * 1e3:.0f} ms "
        f"| {middle(counts):.0f} in {middle(lengths):.0f} s | {middle(shares):.2%} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print("| resolution | fmap_max | batch | size | cost of one | number | share of the time |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for resolution, fmap_max, batch in ((16, 64, 16), (16, 512, 8)):
        print(measure(resolution, fmap_max, batch, options.seconds, options.rounds), flush=True)


if __name__ == "__main__":
    begin()
    main()
