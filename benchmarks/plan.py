"""`pgan plan` against reality: what a graph is said to take, and what `dvc repro` takes.

    python -m benchmarks.plan --scale 0.1                    the demo with phases of a tenth
    python -m benchmarks.plan --preset mnist-progressive --scale 0.02 --path data/raw/train-images-idx3-ubyte.gz

Both run in a fresh copy of the repository, one after the other.  Other programs disturb them, so the plan is made again
at the end, and the load is printed: two plans that differ show what the machine did meanwhile.  Prints a Markdown table
of seconds by stage.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import chdir
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import yaml

from benchmarks.overhead import copy, environment
from benchmarks.step import machine
from pgan.experiment import read_experiment
from pgan.planning.plan import Plan, plan
from pgan.prepare.processes import processes
from pgan.presets.catalogue import read_preset
from pgan.presets.checked import experiment_of
from pgan.process import begin

PARAMS, PYRAMID = Path("params.yaml"), Path("data/pyramid")
STAGE = re.compile(r"Running stage '(.+)':")


def shorten(preset: str | None, scale: float, path: Path | None) -> None:
    """Write the parameter file of the copy."""
    content: dict[str, Any] = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    if preset is not None:
        content = experiment_of(read_preset(preset)).model_dump(by_alias=True)
        for phase in content["phases"].values():
            phase["kimg"] *= scale
    if path is not None:
        content["prepare"]["path"] = str(path)
    PARAMS.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def planned() -> tuple[Plan, float]:
    """The plan, and the seconds that planning took."""
    start = time.perf_counter()
    return plan(read_experiment(PARAMS), PARAMS, PYRAMID, "auto", processes(None)), time.perf_counter() - start


def real(folder: Path) -> dict[str, float]:
    """Seconds of each stage of `dvc repro`, with what DVC does between it and the next."""
    began = list(_beginnings(folder))
    return {stage: after - start for (stage, start), (_, after) in pairwise(began)}


def _beginnings(folder: Path) -> Iterator[tuple[str, float]]:
    env = environment(folder) | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        ["dvc", "repro"], cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if found := STAGE.match(line):
                yield found[1], time.perf_counter()
    if process.returncode:
        sys.exit(f"dvc repro ended with {process.returncode}")
    yield "", time.perf_counter()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", help="by default params.yaml of the repository")
    parser.add_argument("--scale", type=float, default=1.0, help="of the phases' lengths")
    parser.add_argument("--path", type=lambda text: Path(text).absolute(), help="of the preset's images")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, chdir(name):
        copy(Path(name), options.scale)
        shorten(options.preset, options.scale, options.path)
        before = os.getloadavg()[0]
        plan, planning = planned()
        took = real(Path(name))
        after, load = planned()[0], os.getloadavg()[0]
    what = options.preset or "the demo"
    print(f"{machine(torch.device('cpu'))}; {what}, phases × {options.scale:g}; planned in {planning:.0f} s; load")
    print(f"{before:.1f} before, {load:.1f} at the end\n")
    print("| stage | planned before, s | real, s | planned after, s | planned / real |\n|---|---:|---:|---:|---:|")
    rows = [(a.stage, a.seconds, took[a.stage], b.seconds) for a, b in zip(plan.costs, after.costs, strict=True)]
    for stage, said, was, again in [*rows, ("all", plan.seconds, sum(took.values()), after.seconds)]:
        print(f"| `{stage}` | {said:.0f} | {was:.0f} | {again:.0f} | {(said + again) / 2 / was:.2f} |")


if __name__ == "__main__":
    begin()
    main()
