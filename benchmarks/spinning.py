"""How long OpenMP's threads should spin at a barrier: training alone on the machine, and beside other programs.

    python -m benchmarks.spinning                             4×4 to 64×64, alone and beside one busy process
    python -m benchmarks.spinning --values 300000 3000 --busy 2 --resolutions 8 16

A thread that waits for another one spins for a while before it sleeps.  With a core for each thread, that is fastest.
When another program has one of the cores, the spinning thread holds the core that the other thread needs.  The values
are of $GOMP_SPINCOUNT.  Each turn is a process of its own, as the variable is read when torch is loaded.  Values take
turns, in another order in each round.  Prints Markdown tables of median images/s, and the ratio to the first value.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator

VARIABLE, ONE_THREAD = "GOMP_SPINCOUNT", "one thread"
VALUES = ["300000", "300", "1000", "3000", "10000", "30000", ONE_THREAD]
"""The first is libgomp's own, where nothing is set."""
SECONDS = 2.0
"""Of each resolution in a turn."""
BATCH, MAPS = 16, 64


def turn(resolutions: list[int]) -> None:
    """Print images/s of each resolution; in a process of its own."""
    import torch

    from benchmarks.step import Case, build

    for resolution in resolutions:
        run = build(Case(resolution, MAPS, BATCH, torch.device("cpu")), "eager", "fp32")
        run(), run()
        steps, began = 0, time.perf_counter()
        while time.perf_counter() - began < SECONDS:
            run()
            steps += 1
        print(steps * BATCH / (time.perf_counter() - began))


def speeds(value: str, resolutions: list[int]) -> list[float]:
    """Images/s of each resolution with threads that spin so long."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("GOMP_", "OMP_"))}
    if value == ONE_THREAD:
        environment["OMP_NUM_THREADS"] = "1"
    else:
        environment[VARIABLE] = value
    command = [sys.executable, "-m", "benchmarks.spinning", "--turn", *map(str, resolutions)]
    output = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [float(line) for line in output.split()]


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that compute without end."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--values", nargs="+", default=VALUES)
    parser.add_argument("--resolutions", nargs="+", type=int, default=[4, 8, 16, 32, 64])
    parser.add_argument("--busy", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--turn", nargs="+", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.turn:
        turn(options.turn)
        return
    for others in options.busy:
        found = defaultdict(list)
        print(f"\nbeside {others} busy processes, load {os.getloadavg()[0]:.1f}, {options.rounds} rounds\n", flush=True)
        for number in range(options.rounds):
            shift = number * len(options.values) // options.rounds
            with busy(others):
                for value in options.values[shift:] + options.values[:shift]:
                    found[value].append(speeds(value, options.resolutions))
        print("| " + " | ".join([VARIABLE, *(f"{r}×{r}" for r in options.resolutions)]) + " |")
        print("|---|" + "---:|" * len(options.resolutions))
        medians = {value: [statistics.median(column) for column in zip(*found[value], strict=True)] for value in found}
        for value, row in medians.items():
            base = medians[options.values[0]]
            cells = [f"{speed:.0f} ({speed / first:.2f})" for speed, first in zip(row, base, strict=True)]
            print("| " + " | ".join([value, *cells]) + " |", flush=True)


if __name__ == "__main__":
    from pgan.process import begin

    begin()
    main()
