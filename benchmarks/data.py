"""Whether reading batches slows training down: a step with its data against the same step on a batch that lies ready.

    python -m benchmarks.data                                         4×4 to 64×64, fmap_max 64, batch 16, compiled
    python -m benchmarks.data --compile never --resolutions 4 8

Both are `PhaseRun`'s own step in the middle of a fade, where data cost most: images drawn in random order from a memory
map, the check that the files are still the same, labels, mirrors, the fade of the reals.  Timed in turns, A B B A …;
the result is the median of the rounds' ratios, and the time of the data alone.  Ends in a Markdown table.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch

from benchmarks.step import TURN_SECONDS, machine, quartiles
from pgan.data.pyramid import LABELS, level_name, open_labels, open_level
from pgan.experiment import read_experiment
from pgan.networks import checkpoint
from pgan.phases import Phase
from pgan.process import begin
from pgan.training.job import Job
from pgan.training.loop import PhaseRun
from pgan.training.watched_files import WatchedFiles

PARAMS = Path(__file__).parents[1] / "params.yaml"
CPU = torch.device("cpu")
BYTES = 2**28
"""Of a level, at most."""
MOST_IMAGES = 200_000


def write_level(folder: Path, resolution: int) -> None:
    """Random RGB images and labels, as `prepare` would leave them."""
    random = np.random.default_rng(0)
    count = min(MOST_IMAGES, BYTES // (3 * resolution**2))
    np.save(folder / level_name(resolution), random.integers(0, 256, (count, 3, resolution, resolution), np.uint8))
    np.save(folder / LABELS, random.integers(0, 10, count))


def phase_run(folder: Path, resolution: int, fmap_max: int, batch: int, compile_: str) -> PhaseRun:
    """In the middle of a fade, or of a phase at the smallest resolution."""
    experiment = read_experiment(PARAMS)
    widths = {"channels": 3, "latent_size": None, "fmap_base": 8192, "fmap_max": fmap_max}
    networks = experiment.networks.model_copy(update=widths)
    settings = experiment.training.model_copy(update={"compile": compile_, "mirror": True})
    grows = resolution > networks.base_size
    spec = {"from": "x", "kind": "grow" if grows else "stabilize", "resolution": resolution, "batch": batch, "lr": 1e-3}
    parent = checkpoint.fresh(networks, resolution // 2 if grows else resolution, 0)
    paths = [folder / level_name(resolution), folder / LABELS]
    images, labels = open_level(folder, resolution), open_labels(folder)
    job = Job("data", Phase.model_validate(spec | {"kimg": 1000}), settings, 0, images, labels, WatchedFiles(paths))
    run = PhaseRun(job, parent, CPU)
    run.steps_done = run.schedule.steps // 2
    return run


@contextmanager
def ready_batch(run: PhaseRun) -> Iterator[None]:
    """The same batch in every step, as the critic sees it."""
    draws = run.draws
    images, labels = draws.batches.batch(0, run.job.phase.batch, run.ranks.share)
    reals = draws.reals(images, 0.5, 0, 0)
    with (
        patch.object(draws.batches, "batch", lambda start, size, share: (images, labels)),
        patch.object(run.job.inputs, "check", lambda: None),
        patch.object(draws, "reals", lambda images, alpha, step, repeat: reals),
    ):
        yield


def data_only(run: PhaseRun) -> None:
    """What a step does for its data."""
    step, draws = run.steps_done, run.draws
    run.job.inputs.check()
    images, _ = draws.batches.batch(run.schedule.images(step), run.job.phase.batch, run.ranks.share)
    draws.reals(images, draws.alpha(step), step, 0)
    run.job.inputs.check()
    run.steps_done += 1


def step(run: PhaseRun) -> None:
    """A whole step, as the loop makes it."""
    run.advance()
    run.job.inputs.check()


def timed(work: Callable[[], None], repeats: int) -> float:
    """Seconds per call."""
    began = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - began) / repeats


def measure(run: PhaseRun, rounds: int) -> str:
    """A line of the table."""
    step(run), step(run)  # compiles
    repeats = max(1, round(TURN_SECONDS / timed(lambda: step(run), 1)))
    ratios, steps = [], []
    for number in range(rounds):
        turn = [0.0, 0.0]
        for i in (0, 1) if number % 2 else (1, 0):
            if i:
                turn[i] = timed(lambda: step(run), repeats)
            else:
                with ready_batch(run):
                    turn[i] = timed(lambda: step(run), repeats)
        ratios.append(turn[0] / turn[1])
        steps.append(turn[1])
    data = statistics.median(timed(lambda: data_only(run), 1) for _ in range(200))
    low, middle, high = quartiles(ratios)
    whole = statistics.median(steps)
    return (
        f"| {run.job.phase.resolution} | {len(run.job.images)} | {whole * 1e3:.2f} | {data * 1e3:.3f} "
        f"| {1 - data / whole:.3f} | {middle:.3f} | {low:.3f}–{high:.3f} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resolutions", type=int, nargs="+", default=[4, 8, 16, 32, 64])
    parser.add_argument("--fmap-max", type=int, default=64)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--compile", choices=["always", "never"], default="always")
    options = parser.parse_args()
    print(f"{machine(CPU)}; fmap_max {options.fmap_max}, batch {options.batch}, compile: {options.compile}\n")
    print("| pixels | images | step, ms | its data, ms | 1 - data / step | without / with | quartiles |")
    print("|---:|---:|---:|---:|---:|---:|---|")
    for resolution in options.resolutions:
        with tempfile.TemporaryDirectory() as name:
            write_level(Path(name), resolution)
            run = phase_run(Path(name), resolution, options.fmap_max, options.batch, options.compile)
            print(measure(run, options.rounds), flush=True)


if __name__ == "__main__":
    begin()
    main()
