"""How fast a training step is: critic, average, generator and data, against a plain step, tests/oracles/reference.py.

    python -m benchmarks.step                                     4×4 to 64×64, batch 16, fmap_max 64, on the CPU
    python -m benchmarks.step --resolutions 32 128 256 --fmap-max 512 --device cuda --precisions tf32 bf16
    python -m benchmarks.step --variants eager compiled --threads 1 --rounds 15
    python -m benchmarks.step --variants compiled --against eager                 what compiling alone gains

Variants: `eager` and `compiled` are what `training.compile: never` and `always` give; the reference is eager and in
fp32.  Each lives in a process of its own, as `pgan train` does, and is timed against the reference in turns, A B B A …,
for a number of rounds.  The result is the median of the rounds' ratios: a machine that is busy with something else
disturbs both alike.  Prints a Markdown table, and the machine.  FLOP/s count the reference's operations for every
variant, so that doing fewer counts as being faster.  Needs nothing but pgan's own dependencies.
"""

import argparse
import itertools
import multiprocessing
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # measures the pgan beside it, not an installed one

from oracles.reference import ReferenceStep

from pgan.config import Parameters
from pgan.data.batches import Stream
from pgan.networks import checkpoint
from pgan.networks.config import Networks
from pgan.phases import Phase
from pgan.process import begin
from pgan.randomness import torch_generator
from pgan.training.config import Training
from pgan.training.draws import CriticBatch, GeneratorBatch, prepare_reals
from pgan.training.engine import Engine, choose
from pgan.training.memory import keep_freed_memory
from pgan.training.precision import Precision, allow_tf32
from pgan.training.step import Step

PARAMS = Path(__file__).parents[1] / "params.yaml"
IMAGES = 4096
TURN_SECONDS = 0.3
"""Least length of one turn; short steps are repeated within it."""


@dataclass(frozen=True)
class Case:
    """One line's worth of measuring."""

    resolution: int
    fmap_max: int
    batch: int
    device: torch.device

    def networks(self) -> Networks:
        """The paper's, colour, without labels."""
        changes = {"channels": 3, "latent_size": None, "fmap_base": 8192, "fmap_max": self.fmap_max}
        return Networks.model_validate(Parameters.read(PARAMS).section("networks", Networks).model_dump() | changes)


@dataclass(frozen=True)
class Result:
    """What was measured of a variant."""

    case: Case
    variant: str
    precision: Precision
    seconds: float
    ratio: float
    """Reference's time / this one's, median of the rounds."""
    spread: tuple[float, float]
    """Quartiles of the same."""
    first_seconds: float
    """The first two steps, which compile."""
    memory: tuple[float, float]
    """Peak bytes of this one and of the reference: of the device's memory on CUDA, else what the process grew to."""
    flops: float
    """Of one reference step."""


class Run:
    """A step with its data: what the loop does for one step in the middle of a fade."""

    def __init__(self, case: Case, step: Step | ReferenceStep, images: np.ndarray) -> None:
        self.case, self.step, self.count = case, step, 0
        self.stream = Stream(images, np.zeros(len(images), np.int64), 0, "benchmark")
        self.alpha = torch.tensor(0.5, device=case.device) if case.resolution > 4 else 1.0
        self.latent_size = case.networks().latent_dimensions

    def __call__(self) -> None:
        """One step."""
        n, device = self.case.batch, self.case.device
        images, labels = self.stream.batch(self.count * n, n)
        reals = prepare_reals(torch.from_numpy(images).to(device), self.alpha, None)
        labels = torch.from_numpy(labels).to(device)
        self.step.update_critic(CriticBatch(reals, labels, self._normal("critic"), self._mix(), self.alpha))
        self.step.update_generator(GeneratorBatch(self._normal("generator"), labels, self.alpha))
        self.count += 1
        if device.type == "cuda":
            torch.cuda.synchronize()

    def _normal(self, purpose: str) -> Tensor:
        generator = torch_generator(self.case.device, 0, self.count, purpose)
        return torch.randn(self.case.batch, self.latent_size, generator=generator, device=self.case.device)

    def _mix(self) -> Tensor:
        generator = torch_generator(self.case.device, 0, self.count, "mix")
        return torch.rand(self.case.batch, 1, 1, 1, generator=generator, device=self.case.device)


def build(case: Case, variant: str, precision: Precision) -> Run:
    """The reference, or the package's step as `training.compile` and `training.precision` make it."""
    start, images = checkpoint.fresh(case.networks(), case.resolution, seed=0), noise(case.resolution)
    for network in (start.generator, start.critic, start.ema):
        network.to(case.device)
    settings = Parameters.read(PARAMS).section("training", Training)
    if variant == "reference":
        allow_tf32("fp32")
        return Run(case, ReferenceStep(start, settings, 1e-3, 0.999), images)
    allow_tf32(precision)
    keep_freed_memory()  # as `pgan train` does
    changes = {"compile": "always" if variant == "compiled" else "never", "precision": precision}
    settings = settings.model_copy(update=changes)
    return Run(
        case, Step(start.generator, start.critic, start.ema, settings, 1e-3, 0.999, engine(case, settings)), images
    )


def engine(case: Case, settings: Training) -> Engine:
    """What a phase with these settings would be given."""
    phase = Phase.model_validate(
        {"from": "x", "kind": "grow", "resolution": case.resolution, "kimg": 1, "batch": case.batch, "lr": 1e-3}
    )
    return choose(case.networks(), settings, phase, case.device.type)


# --- measuring


class Process:
    """A step in a process of its own, which answers one question after the other."""

    def __init__(self, case: Case, variant: str, precision: Precision, threads: int | None, cpu_time: bool) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        arguments = (theirs, case, variant, precision, threads, cpu_time)
        self._process = context.Process(target=answer, args=arguments, daemon=True)
        self._process.start()

    def ask(self, question: str, repeats: int = 1) -> float:
        """`seconds` per step, by the chosen clock or on the `wall`; peak `memory` in bytes; `flop` of a step."""
        self._pipe.send((question, repeats))
        return float(self._pipe.recv())

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.join()


def answer(
    pipe: Connection, case: Case, variant: str, precision: Precision, threads: int | None, cpu_time: bool
) -> None:
    """What runs in the process; see `Process.ask`."""
    if threads:
        torch.set_num_threads(threads)
    clock = time.process_time if cpu_time else time.perf_counter
    run = build(case, variant, precision)
    while True:
        question, repeats = pipe.recv()
        if question == "memory":
            pipe.send(peak_memory(case.device, run))
        elif question == "flop":
            with FlopCounterMode(display=False) as counter:
                run()
            pipe.send(counter.get_total_flops())
        else:
            pipe.send(timed(run, repeats, time.perf_counter if question == "wall" else clock))


def measure(
    case: Case, variant: str, against: str, precision: Precision, rounds: int, threads: int | None, cpu_time: bool
) -> Result:
    """A variant against another, in turns."""
    names = (against, variant)
    plain, own = processes = [Process(case, name, precision, threads, cpu_time) for name in names]
    try:
        first, flops = 2 * own.ask("wall", 2), plain.ask("flop")
        repeats = [max(1, round(TURN_SECONDS / process.ask("wall"))) for process in processes]
        times: list[tuple[float, float]] = []
        for number in range(rounds):
            turn = [0.0, 0.0]
            for i in (0, 1) if number % 2 else (1, 0):
                turn[i] = processes[i].ask("seconds", repeats[i])
            times.append((turn[0], turn[1]))
        memory = own.ask("memory"), plain.ask("memory")
    finally:
        for process in processes:
            process.close()
    low, ratio, high = quartiles([a / b for a, b in times])
    seconds = statistics.median(b for _, b in times)
    return Result(case, variant, precision, seconds, ratio, (low, high), first, memory, flops)


def quartiles(ratios: list[float]) -> tuple[float, float, float]:
    """The first, the median and the third; a single ratio is all three."""
    low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    return low, middle, high


def noise(resolution: int) -> np.ndarray:
    """Images to draw batches from, at most as many bytes as 4096 of 32×32: uint8 (N, 3, r, r)."""
    count = IMAGES // max(1, resolution // 32) ** 2
    return np.random.default_rng(0).integers(0, 256, (count, 3, resolution, resolution), np.uint8)


def timed(run: Run, repeats: int, clock: Callable[[], float]) -> float:
    """Seconds per step."""
    started = clock()
    for _ in range(repeats):
        run()
    return (clock() - started) / repeats


def peak_memory(device: torch.device, run: Run) -> float:
    """Bytes: on CUDA of one step, elsewhere of the process so far, torch itself and all."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        run()
        return float(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


def peak_flops(device: torch.device, clock: Callable[[], float]) -> dict[str, float]:
    """FLOP/s of a large matrix product, and of a large 3×3 convolution, in float32: the best of five."""
    a = torch.randn(2048, 2048, device=device)
    x = torch.randn(16, 64, 64, 64, device=device).contiguous(memory_format=torch.channels_last)
    w = torch.randn(64, 64, 3, 3, device=device).contiguous(memory_format=torch.channels_last)
    works = {
        "matrix product": (lambda: a @ a, 2 * 2048**3),
        "convolution": (lambda: F.conv2d(x, w, padding=1), 2 * 16 * 64**4 * 9),
    }
    found = {}
    for name, (work, flops) in works.items():
        work()
        best = min(timed_work(work, device, clock) for _ in range(5))
        found[name] = flops / best
    return found


def timed_work(work: Callable[[], Tensor], device: torch.device, clock: Callable[[], float]) -> float:
    """Seconds of one call, of ten."""
    started = clock()
    for _ in range(10):
        work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return (clock() - started) / 10


# --- the table

HEADER = """\
| pixels | fmap_max | batch | variant | img/s | × as fast | quartiles | GFLOP/s | of peak | first 2 steps, s | MiB |
|---:|---:|---:|---|---:|---:|---|---:|---:|---:|---:|"""


def line(result: Result, peak: float) -> str:
    """One line of the table."""
    case, rate = result.case, result.flops / result.seconds
    cells = (
        f"{case.resolution}",
        f"{case.fmap_max}",
        f"{case.batch}",
        f"{result.variant}, {result.precision}",
        f"{case.batch / result.seconds:.1f}",
        f"{result.ratio:.2f}",
        f"{result.spread[0]:.2f}–{result.spread[1]:.2f}",
        f"{rate / 1e9:.1f}",
        f"{rate / peak:.0%}",
        f"{result.first_seconds:.1f}",
        f"{result.memory[0] / 2**20:.0f} ({result.memory[1] / 2**20:.0f})",
    )
    return f"| {' | '.join(cells)} |"


def machine(device: torch.device) -> str:
    """What was measured on."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    names = [row.split(":")[1].strip() for row in _cpu_info() if row.startswith("model name")]
    name, threads, load = names[0] if names else platform.processor(), torch.get_num_threads(), os.getloadavg()[0]
    return f"{name}, {threads} threads, torch {torch.__version__}, load {load:.1f}"


def _cpu_info() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--resolutions", type=int, nargs="+", default=[4, 8, 16, 32, 64])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--fmap-max", type=int, nargs="+", default=[64])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--variants", nargs="+", choices=["eager", "compiled"], default=["eager", "compiled"])
    parser.add_argument("--against", choices=["reference", "eager"], default="reference")
    parser.add_argument("--precisions", nargs="+", choices=["fp32", "tf32", "bf16"], default=["fp32"])
    parser.add_argument("--threads", type=int, default=None, help="CPU threads [default: torch's own choice]")
    parser.add_argument("--cpu-time", action="store_true", help="count CPU seconds: with --threads 1 on a busy machine")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    clock = time.process_time if arguments.cpu_time else time.perf_counter
    device = torch.device(arguments.device)
    peaks = peak_flops(device, clock)
    print(f"{machine(device)}; {', '.join(f'{n}: {v / 1e9:.0f} GFLOP/s' for n, v in peaks.items())}\n")
    print(HEADER)
    kinds = itertools.product(arguments.fmap_max, arguments.resolutions, arguments.precisions, arguments.variants)
    for fmap_max, resolution, precision, variant in kinds:
        case = Case(resolution, fmap_max, arguments.batch, device)
        rounds, threads, cpu_time = arguments.rounds, arguments.threads, arguments.cpu_time
        result = measure(case, variant, arguments.against, precision, rounds, threads, cpu_time)
        print(line(result, max(peaks.values())), flush=True)


if __name__ == "__main__":
    begin()
    main()
