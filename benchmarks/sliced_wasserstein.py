"""How fast the sliced Wasserstein distance is, against the direct implementation in NumPy and SciPy.

    python -m benchmarks.sliced_wasserstein                      2,048 images of 32×32, RGB, as the paper sets it else
    python -m benchmarks.sliced_wasserstein --images 16384 --rounds 1

Both are given the same images, patches and directions, and take turns, A B B A …  Prints a Markdown table of medians,
and how far the values differ.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.step import machine
from pgan.metrics.sliced_wasserstein import PATCH, levels, swd_metrics
from pgan.process import begin
from tests.oracles import sliced_wasserstein as direct

CHANNELS, PATCHES, DIRECTIONS, SEED = 3, 128, 512, 0
CHUNK = 85
"""Images: what `pgan evaluate` takes at once at 32×32."""


def patterns(count: int, resolution: int, noise: float, seed: int) -> np.ndarray:
    """Coarse random patterns with fine noise on them, (N, 3, r, r) uint8."""
    random = np.random.default_rng(seed)
    coarse = random.normal(128, 40, (count, CHANNELS, resolution // 2, resolution // 2))
    images = coarse.repeat(2, 2).repeat(2, 3) + random.normal(0, noise, (count, CHANNELS, resolution, resolution))
    return images.clip(0, 255).astype(np.uint8)


def chunks(images: np.ndarray) -> list[np.ndarray]:
    """Views of a few images each."""
    return [images[i : i + CHUNK] for i in range(0, len(images), CHUNK)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2048)
    parser.add_argument("--resolution", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    first, second = (patterns(options.images, options.resolution, noise, int(noise)) for noise in (10.0, 14.0))
    sizes = (options.images, PATCHES), (DIRECTIONS, CHANNELS * PATCH**2)
    drawn = direct.drawn(SEED, levels(options.resolution), *sizes)
    seconds: dict[str, list[float]] = {"direct": [], "pgan": []}
    values: dict[str, list[float]] = {}
    for number in range(options.rounds):
        for name in ("direct", "pgan") if number % 2 else ("pgan", "direct"):
            began = time.perf_counter()
            if name == "direct":
                values[name] = [1e3 * value for value in direct.sliced_wasserstein(first, second, *drawn)]
            else:
                with tempfile.TemporaryDirectory() as folder:
                    sides = [lambda: chunks(first), lambda: chunks(second)]
                    found = swd_metrics(*sides, PATCHES, DIRECTIONS, SEED, Path(folder))
                values[name] = list(found.values())[:-1]
            seconds[name].append(time.perf_counter() - began)
    ratio = statistics.median(a / b for a, b in zip(seconds["direct"], seconds["pgan"], strict=True))
    off = max(abs(a / b - 1) for a, b in zip(values["pgan"], values["direct"], strict=True))
    size = f"{options.images:,} images per side, {options.resolution}×{options.resolution}"
    print(f"{machine(torch.device('cpu'))}; {size}, {options.rounds} rounds\n")
    print("| direct, s | pgan, s | times as fast | largest relative difference |")
    print("|---:|---:|---:|---:|")
    plain, own = (statistics.median(seconds[name]) for name in ("direct", "pgan"))
    print(f"| {plain:.1f} | {own:.2f} | {ratio:.2f} | {off:.1e} |")


if __name__ == "__main__":
    begin()
    main()
