"""The pictures of docs/feature-spaces.md, from what `python -m benchmarks.feature_space … --out FILE` wrote.

python -m benchmarks.feature_space_plots choose.json rank.json bias.json --out docs/images/feature-spaces
"""

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from benchmarks.disturbances import OF_IMAGES, OF_SETS
from benchmarks.feature_space import CHOSEN
from pgan.process import begin

matplotlib.use("agg")
from matplotlib import pyplot as plt

CHOSEN_KEY = ", ".join(CHOSEN)
LEVELS = {name: levels for name, (_, levels) in OF_IMAGES.items()} | OF_SETS
UNITS = {
    "noise": "deviation / range",
    "blur": "deviation / side",
    "rectangles": "side of five squares / side",
    "swirl": "radians",
    "salt and pepper": "share of pixels",
    "JPEG": "quality",
    "other images": "share of images",
    "missing classes": "classes",
    "missing clusters": "of ten",
    "repeated images": "times",
}


def disturbances(chosen: dict[str, Any]) -> None:
    """A panel for each disturbance: the distance over that of undisturbed images."""
    curves: dict[str, dict[str, list[float]]] = {}
    for part in ("images", "sets"):
        for data, by_name in chosen[part].get(CHOSEN_KEY, {}).items():
            for name, distances in by_name.items():
                curves.setdefault(name, {})[data] = distances
    figure, grid = plt.subplots(4, 3, figsize=(8, 8), layout="constrained")
    for axes, (name, by_data) in zip(grid.flat, curves.items(), strict=False):
        for data, distances in by_data.items():
            axes.plot(range(len(distances)), np.divide(distances, distances[0]), ".-", label=data)
        axes.set_title(name, fontsize=9)
        axes.set_xticks(range(len(distances)), ["–", *map(str, LEVELS[name])], fontsize=7)
        axes.set_xlabel(UNITS[name], fontsize=7)
        axes.tick_params(axis="y", labelsize=7)
        axes.axhline(1, color="0.8", linewidth=0.8, zorder=0)
    for axes in grid.flat[len(curves) :]:
        axes.set_axis_off()
    grid.flat[0].legend(fontsize=7)
    figure.supylabel("Fréchet distance / that of undisturbed images", fontsize=8)


def ranks(found: dict[str, Any]) -> None:
    """The distance of each checkpoint over the first one's, in several spaces."""
    _, axes = plt.subplots(figsize=(5, 3.2), layout="constrained")
    names = {CHOSEN_KEY: "imagenet", "a classifier of the data": "classifier", "SWD ×10³": "SWD"}
    for key, label in names.items():
        if key in found:
            axes.plot(np.divide(found[key], found[key][0]), ".-", label=label)
            axes.set_xticks(range(len(found[key])))
    axes.set(xlabel="checkpoint", ylabel="distance / first checkpoint's", yscale="log")
    axes.legend(fontsize=8)


def biases(found: dict[str, Any]) -> None:
    """The distance between two sets of real images, by their size."""
    _, axes = plt.subplots(figsize=(5, 3.2), layout="constrained")
    for data, values in found.items():
        sizes = [int(size) for size in values["sizes"]]
        axes.plot(sizes, [np.mean(of) for of in values["sizes"].values()], ".-", label=data)
    axes.set(xlabel="images on each side", ylabel="Fréchet distance, real to real", xscale="log", yscale="log")
    axes.set_xticks(sizes := sorted({int(size) for one in found.values() for size in one["sizes"]}), map(str, sizes))
    axes.set_yticks(ticks := [10, 30, 100, 300], map(str, ticks))
    axes.minorticks_off()
    axes.legend(fontsize=8)


PICTURES = {"choose": disturbances, "rank": ranks, "bias": biases}


def main() -> None:
    """Draw a picture of each file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--choose", type=Path, help="JSON file")
    parser.add_argument("--rank", type=Path, help="JSON file")
    parser.add_argument("--bias", type=Path, help="JSON file")
    parser.add_argument("--out", type=Path, default=Path("docs/images/feature-spaces"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for command, draw in PICTURES.items():
        if file := getattr(options, command):
            draw(json.loads(file.read_text(encoding="utf-8")))
            plt.savefig(options.out / f"{draw.__name__}.png", dpi=90)
            plt.close()


if __name__ == "__main__":
    begin()
    main()
