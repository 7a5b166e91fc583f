"""Where the time of `pgan evaluate` goes: generating, the feature network, and each metric.

    python -m benchmarks.evaluation data/train/stabilize_16/checkpoint.pt              with the files of an experiment
    python -m benchmarks.evaluation CHECKPOINT --rounds 3 --space imagenet --features FOLDER

Prints a Markdown table of medians: seconds by the clock, and of the processor, which other programs do not change.
"""

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.step import machine
from pgan.config import Parameters
from pgan.metric_table import Metric
from pgan.metrics import evaluation
from pgan.metrics.config import Evaluate, Features
from pgan.metrics.reals import Reals
from pgan.metrics.sample import Sample
from pgan.networks.checkpoint import load_generator
from pgan.process import begin

Times = dict[str, list[tuple[float, float]]]


def timed(times: Times, name: str, work: Callable[[], Any]) -> Any:
    """The result of `work`; its seconds by the clock and of the processor are added to `times`."""
    wall, processor = time.perf_counter(), time.process_time()
    result = work()
    times[name].append((time.perf_counter() - wall, time.process_time() - processor))
    return result


def watch(times: Times) -> None:
    """Time the parts of `evaluate_generator` from now on."""
    spool, measure = evaluation.spool, evaluation.measure

    def timed_measure(metric: Metric, sample: Sample) -> dict[str, float]:
        if sample.extractor and "_features" not in vars(sample):
            timed(times, "feature network", lambda: sample.features)
        return timed(times, metric.name, lambda: measure(metric, sample))

    evaluation.spool = lambda *arguments: timed(times, "generate", lambda: spool(*arguments))
    evaluation.measure = timed_measure


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--pyramid", type=Path, default=Path("data/pyramid"))
    parser.add_argument("--features", type=Path, default=Path("data/features"))
    parser.add_argument("--space", help="instead of features.space")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    parameters, device = Parameters.read(options.params), torch.device("cpu")
    settings, features = parameters.section("evaluate", Evaluate), parameters.section("features", Features)
    if options.space:
        features = features.model_copy(update={"space": options.space})
    reals, times = Reals(options.pyramid, options.features, mirror=False), defaultdict(list)
    watch(times)
    generator = load_generator(options.checkpoint, device)
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            arguments = (generator, reals, settings, features, 0, device, Path(folder))
            timed(times, "all", partial(evaluation.evaluate_generator, *arguments))
    count, r = settings.images, generator.resolution
    print(f"{machine(device)}; {count:,} images of {r}×{r}, space {features.space}, {options.rounds} rounds\n")
    print("| part | seconds | of the processor |")
    print("|---|---:|---:|")
    for name, rounds in times.items():
        wall, processor = (statistics.median(column) for column in zip(*rounds, strict=True))
        print(f"| {name} | {wall:.2f} | {processor:.2f} |")


if __name__ == "__main__":
    begin()
    main()
