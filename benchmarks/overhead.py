"""What DVC and MLflow add to the demo: `dvc repro` against the same `pgan` commands, one after the other.

    python -m benchmarks.overhead                      the demo as it is, once either way: a quarter of an hour
    python -m benchmarks.overhead --scale 0.1 --rounds 3

Either way starts from nothing, in a fresh copy of the repository, in turns, A B B A …  With `--scale` the phases are
shortened: what DVC and MLflow cost depends on the number of stages, hardly on their length, so the seconds hold for the
whole demo, and the share is too high.  Prints a Markdown table of medians.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import yaml

from benchmarks.step import machine
from pgan.process import begin

ROOT = Path(__file__).parents[1]
QUIET = subprocess.DEVNULL


def copy(folder: Path, scale: float) -> dict[str, Any]:
    """A repository with nothing made in it yet; returns its parameters."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, encoding="utf-8")
    for name in listed.stdout.split():
        if not name.startswith(("docs/", "tests/")) and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    parameters: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for phase in parameters["phases"].values():
        phase["kimg"] *= scale
    (folder / "params.yaml").write_text(yaml.safe_dump(parameters, sort_keys=False))
    subprocess.run(["git", "init"], cwd=folder, check=True, stdout=QUIET, stderr=QUIET)
    return parameters


def environment(folder: Path) -> dict[str, str]:
    """The code in the copy, and the Python that runs this, for DVC's stages too."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    found = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "DVC_NO_ANALYTICS": "true"}
    found.pop("MLFLOW_TRACKING_URI", None)
    return found | {"PATH": path, "PYTHONPATH": str(folder)}


def commands(phases: list[str]) -> list[list[str]]:
    """What the stages call, in an order that the graph allows."""
    found = [["prepare"], ["init"], *(["train", phase] for phase in phases), ["features"]]
    for phase in phases:
        places = ["--checkpoint", f"data/train/{phase}/checkpoint.pt", "--out", f"data/evaluate/{phase}/metrics.json"]
        found.append(["evaluate", *places])
    return [[sys.executable, "-m", "pgan", *command] for command in [*found, ["render"]]]


def seconds(with_dvc: bool, scale: float) -> tuple[float, int]:
    """Of the whole pipeline in a fresh copy, and its number of stages."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        work = commands(list(copy(folder, scale)["phases"]))
        began = time.perf_counter()
        for command in [["dvc", "repro"]] if with_dvc else work:
            subprocess.run(command, cwd=folder, env=environment(folder), check=True, stdout=QUIET, stderr=QUIET)
        return time.perf_counter() - began, len(work)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="of the phases' lengths")
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    found: dict[bool, list[float]] = {False: [], True: []}
    stages = 0
    for number in range(options.rounds):
        for with_dvc in (False, True) if number % 2 else (True, False):
            took, stages = seconds(with_dvc, options.scale)
            found[with_dvc].append(took)
    plain, whole = statistics.median(found[False]), statistics.median(found[True])
    print(f"{machine(torch.device('cpu'))}; phases × {options.scale:g}, {stages} stages, {options.rounds} rounds\n")
    print("| `pgan` commands, s | `dvc repro`, s | more, s | per stage, s | share |")
    print("|---:|---:|---:|---:|---:|")
    more = whole - plain
    print(f"| {plain:.1f} | {whole:.1f} | {more:.1f} | {more / stages:.2f} | {more / whole:.1%} |")


if __name__ == "__main__":
    begin()
    main()
