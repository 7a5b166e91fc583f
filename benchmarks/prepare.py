"""How fast `pgan prepare` is and how much memory it takes.

    python -m benchmarks.prepare                        the 50,000 JPEG files of ../shared/data/cifar10-train.zip
    python -m benchmarks.prepare --images 1000000       a zip archive of a million small JPEG files, made here
    python -m benchmarks.prepare --zip own.zip --resolution 128

Prints images per second over the whole command (start, listing, digest and all), CPU seconds, and the peak memory of
all its processes together.
"""

import argparse
import io
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from pgan.process import begin

ROOT = Path(__file__).parents[1]
CIFAR = ROOT.parent / "shared" / "data" / "cifar10-train.zip"

COMMAND = (
    "from pathlib import Path; from pgan.prepare.command import prepare; prepare(workers={workers}, out=Path('out'))"
)


def make_zip(path: Path, count: int) -> None:
    """`count` files in ten class folders; a hundred different JPEG images of 32×32 pixels."""
    random = np.random.default_rng(0)
    images = []
    for _ in range(100):
        file = io.BytesIO()
        coarse = Image.fromarray(random.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        coarse.resize((32, 32), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
        images.append(file.getvalue())
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(count):
            archive.writestr(f"{number % 10}/{number:08}.jpg", images[number % 100])


def memory(process: psutil.Process) -> int:
    """Bytes of the process and all its children; what they share is counted once (PSS)."""
    total = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            total += one.memory_full_info().pss
        except psutil.Error:
            continue  # it has just ended
    return total


def measure(folder: Path, workers: int) -> tuple[float, float, int]:
    """Run the command in `folder`: (wall seconds, CPU seconds, peak bytes)."""
    before = os.times()
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND.format(workers=workers)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    peak = 0
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        peak = max(peak, memory(watched))
        time.sleep(0.1)
    wall = time.perf_counter() - started
    if process.returncode:
        sys.exit(process.returncode)
    after = os.times()
    cpu = after.children_user - before.children_user + after.children_system - before.children_system
    return wall, cpu, peak


def main() -> None:
    """Measure once and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zip", type=Path, default=CIFAR)
    parser.add_argument("--images", type=int, help="make an archive of this many images instead")
    parser.add_argument("--resolution", type=int, default=32)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archive = arguments.zip.resolve()
        if arguments.images:
            archive = folder / "images.zip"
            make_zip(archive, arguments.images)
        (folder / "params.yaml").write_text(
            f"prepare:\n  source: zip\n  path: {archive}\n  resolution: {arguments.resolution}\n  labels: true\n"
        )
        wall, cpu, peak = measure(folder, arguments.workers)
        count = len(np.load(folder / "out" / "labels.npy", mmap_mode="r"))
    print(
        f"{count} images, {arguments.workers} workers: {wall:.2f} s, {count / wall:.0f} images/s, "
        f"{cpu:.2f} CPU s ({1e6 * cpu / count:.0f} us per image), peak memory {peak / 2**20:.0f} MiB"
    )


if __name__ == "__main__":
    begin()
    main()
