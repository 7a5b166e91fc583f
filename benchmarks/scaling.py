"""What work on more images costs: time should grow in proportion, memory not at all.

    python -m benchmarks.scaling prepare                            5,000, 50,000 and 500,000 small JPEG files in a zip
    python -m benchmarks.scaling reading                            one epoch of batches, as many images at 32×32
    python -m benchmarks.scaling evaluation                         1,000, 10,000 and 50,000 samples at 32×32
    python -m benchmarks.scaling evaluation --sizes 10000 --fmap-max 512

Every line is a process of its own, or several.  "memory" is the peak of what they hold themselves, without the pages of
mapped files, which the system takes back when it needs them.  `evaluation` computes the Fréchet distance on the
features of a classifier, the sliced Wasserstein distance and MS-SSIM, from untrained networks and synthetic images.
Ends in a Markdown table.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import torch
import yaml

from benchmarks.prepare import COMMAND as PREPARE
from benchmarks.prepare import make_zip
from benchmarks.step import machine
from pgan.data.pyramid import LABELS, Meta, level_name, write_meta
from pgan.networks import checkpoint
from pgan.networks.config import Networks
from pgan.process import begin

ROOT = Path(__file__).parents[1]
RESOLUTION, BATCH = 32, 16
SIZES = {
    "prepare": [5_000, 50_000, 500_000],
    "reading": [5_000, 50_000, 500_000],
    "evaluation": [1_000, 10_000, 50_000],
}
READING = f"""
from pathlib import Path
from pgan.data.batches import Stream
from pgan.data.pyramid import open_labels, open_level
images = open_level(Path("pyramid"), {RESOLUTION})
stream = Stream(images, open_labels(Path("pyramid")), 0, "epoch")
for start in range(0, len(images) - {BATCH} + 1, {BATCH}):
    stream.batch(start, {BATCH})
"""
FEATURES = """
from pathlib import Path
from pgan.metrics.command import features
features(pyramid=Path("pyramid"), out=Path("features"), device="cpu")
"""
EVALUATION = """
from pathlib import Path
from pgan.metrics.command import evaluate
evaluate(checkpoint=Path("checkpoint.pt"), out=Path("metrics.json"), pyramid=Path("pyramid"),
         features=Path("features"), device="cpu")
"""


def run(code: str, folder: Path) -> tuple[float, int]:
    """Seconds and peak bytes of a Python process in `folder`, with its children; ends this one where it fails."""
    environment, peak = os.environ | {"PYTHONPATH": str(ROOT)}, 0
    with (folder / "stderr").open("w+", encoding="utf-8") as log:
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=log
        )
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            peak = max(peak, memory(watched))
            time.sleep(0.05)
        seconds = time.perf_counter() - began
        if process.returncode:
            sys.exit((folder / "stderr").read_text(encoding="utf-8"))
    return seconds, peak


def memory(process: psutil.Process) -> int:
    """Bytes that the process and its children hold themselves: resident, and of no file. Linux only."""
    total = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            status = Path(f"/proc/{one.pid}/status").read_text(encoding="utf-8")
            total += sum(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon"))
        except OSError:
            continue  # it has just ended
    return total


# --- what is measured: each makes what it needs in `folder`, and runs the work on `count` images


def prepare(folder: Path, count: int, _: int) -> tuple[float, int]:
    """`pgan prepare`: listing, digest, decoding, the pyramid."""
    make_zip(folder / "images.zip", count)
    section = {"source": "zip", "path": "images.zip", "resolution": RESOLUTION, "labels": True}
    (folder / "params.yaml").write_text(yaml.safe_dump({"prepare": section}))
    return run(PREPARE.format(workers=len(os.sched_getaffinity(0))), folder)


def reading(folder: Path, count: int, _: int) -> tuple[float, int]:
    """Every image once, in random order, from a memory map."""
    write_pyramid(folder / "pyramid", count, [RESOLUTION])
    return run(READING, folder)


def evaluation(folder: Path, count: int, fmap_max: int) -> tuple[float, int]:
    """`pgan evaluate`, against as many real images; neither these nor their features are part of the measurement."""
    write_pyramid(folder / "pyramid", count, [RESOLUTION // 2, RESOLUTION])
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["features"]["classifier"]["epochs"] = 1
    params["evaluate"] |= {
        "images": count,
        "metrics": ["frechet", "swd", "ms_ssim"],
        "target_resolution": RESOLUTION,
        "swd": {"images": count, "patches": 128, "directions": 512},
        "ms_ssim": {"pairs": count // 2},
    }
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    widths = {"channels": 3, "latent_size": None, "fmap_base": 8192, "fmap_max": fmap_max}
    networks = Networks.model_validate(params["networks"] | widths)
    checkpoint.save(checkpoint.state(checkpoint.fresh(networks, RESOLUTION, 0)), folder / "checkpoint.pt")
    run(FEATURES, folder)
    return run(EVALUATION, folder)


WORKS: dict[str, Callable[[Path, int, int], tuple[float, int]]] = {
    "prepare": prepare,
    "reading": reading,
    "evaluation": evaluation,
}


def write_pyramid(folder: Path, count: int, levels: list[int], rows: int = 10_000) -> None:
    """Coarse random patterns, RGB, of ten classes; written in parts, so that a level may exceed the memory."""
    folder.mkdir()
    random = np.random.default_rng(0)
    files = {r: np.lib.format.open_memmap(folder / level_name(r), "w+", np.uint8, (count, 3, r, r)) for r in levels}
    for i in range(0, count, rows):
        coarse = random.integers(0, 256, (min(rows, count - i), 3, 8, 8), np.uint8)
        for r, images in files.items():
            images[i : i + rows] = coarse.repeat(r // 8, 2).repeat(r // 8, 3)
    np.save(folder / LABELS, np.arange(count) % 10)
    write_meta(folder, Meta(count, 3, levels, [str(label) for label in range(10)], "synthetic", "0"))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", choices=list(WORKS))
    parser.add_argument("--sizes", type=int, nargs="+", help="numbers of images")
    parser.add_argument("--fmap-max", type=int, default=64, help="width of the networks that are evaluated")
    options = parser.parse_args()
    print(f"{machine(torch.device('cpu'))}; {options.work} at {RESOLUTION}×{RESOLUTION}\n")
    print("| images | s | µs per image | memory, MiB |")
    print("|---:|---:|---:|---:|")
    for count in options.sizes or SIZES[options.work]:
        with tempfile.TemporaryDirectory() as name:
            seconds, peak = WORKS[options.work](Path(name), count, options.fmap_max)
        print(f"| {count:,} | {seconds:.1f} | {1e6 * seconds / count:.1f} | {peak / 2**20:.0f} |", flush=True)


if __name__ == "__main__":
    begin()
    main()
