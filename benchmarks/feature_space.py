"""Which feature space judges images best: EfficientNet-Lite0's layers, input sizes and filters.

    python -m benchmarks.feature_space choose cifar=DATA/pyramid avatars=OTHER/pyramid
    python -m benchmarks.feature_space rank   cifar=DATA/pyramid --classifier DATA/features --checkpoints A.pt B.pt C.pt
    python -m benchmarks.feature_space bias   cifar=DATA/pyramid avatars=OTHER/pyramid

`choose` disturbs images by degrees and looks whether the distance grows. `rank` compares checkpoints of one training,
from the worst to the best, by the same spaces, a classifier's features and the SWD. `bias` compares real images with
other real ones.

The pyramids are those of `pgan prepare`, in RGB and with labels; --resolution is the level that is used.
Features are kept in --cache, so a second run takes a minute. Prints Markdown tables, and with --out writes the values
as JSON, from which `python -m benchmarks.feature_space_plots` draws.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL.Image import Resampling
from torch import Tensor

from benchmarks.disturbances import OF_IMAGES, OF_SETS, clusters, disturbed
from pgan.data.pyramid import open_labels, open_level
from pgan.metrics.classifier import load_classifier
from pgan.metrics.efficientnet import EfficientNetLite0
from pgan.metrics.frechet import frechet_distance
from pgan.metrics.imagenet import AT_ONCE, load_imagenet
from pgan.metrics.resizing import clean_resize
from pgan.metrics.sliced_wasserstein import swd_metrics
from pgan.networks.checkpoint import load_generator
from pgan.networks.sampling import sample_images
from pgan.process import begin

CPU = torch.device("cpu")
LAYERS = {"block 11": 10, "block 15": 14, "block 16": 15, "head": 16}
"""Name -> place in the network, from the stem on."""
DIMENSIONS = {"block 11": 112, "block 15": 192, "block 16": 320, "head": 1280}
CONFIGURATIONS = ["96 bicubic", "128 bicubic", "128 bilinear", "224 bicubic"]
CHOSEN = "128 bicubic", "block 16"
REALS, CLEAN, DISTURBED = 1000, 1200, 400
"""Images that the others are compared with; disjoint ones, from which sets are made; and the size of such a set."""
PART = SAMPLES = 1000
"""Images whose features are computed and kept together; and generated images of a checkpoint."""
SIZES = [500, 1000, 2000, 5000, 10000]
"""Images per side whose bias is measured."""
REPEATS = 5
RESIZED = 64
"""Images that are resized together."""
Features = dict[str, Tensor]
"""Layer -> (N, D)."""


class Cache:
    """Features by data set, condition and configuration, each computed once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def features(self, name: str, configuration: str, images: Callable[[], np.ndarray]) -> Features:
        """Of every layer; `images` are made only if they are needed."""
        path = self.folder / f"{name}, {configuration}.npz".replace(" ", "_").replace("/", "_")
        if not path.is_file():
            part = path.with_name("part.npz")
            np.savez(part, **{layer: found.numpy() for layer, found in of_layers(images(), configuration).items()})
            part.replace(path)
        with np.load(path) as kept:
            return {layer: torch.from_numpy(kept[layer]) for layer in LAYERS}


@torch.inference_mode()
def of_layers(images: np.ndarray, configuration: str) -> Features:
    """The mean over the pixels of each layer's maps, at an input size and with a filter such as "128 bicubic"."""
    size, resampling = configuration.split()
    model, parts = load_imagenet(CPU), []
    for i in range(0, len(images), RESIZED):
        resized = torch.from_numpy(clean_resize(images[i : i + RESIZED], int(size), Resampling[resampling.upper()]))
        parts += [_means(model, some) for some in resized.contiguous(memory_format=torch.channels_last).split(AT_ONCE)]
    return {layer: torch.cat([part[layer] for part in parts]) for layer in LAYERS}


def _means(model: EfficientNetLite0, images: Tensor) -> Features:
    def head(maps: Tensor) -> Tensor:
        return torch.nn.functional.relu6(model.head(maps))

    x, means = torch.nn.functional.relu6(model.stem((images - 127) / 128)), []
    for step in (*model.blocks, head):
        x = step(x)
        means.append(x.mean((2, 3)))
    return {layer: means[place] for layer, place in LAYERS.items()}


class Data:
    """Images of a pyramid in random order, and their labels."""

    def __init__(self, name: str, pyramid: Path, resolution: int, cache: Cache) -> None:
        self.name, self.cache, self.resolution = name, cache, resolution
        self._images, self._labels = open_level(pyramid, resolution), open_labels(pyramid)
        self._order = np.random.default_rng(0).permutation(len(self._images))
        self.real = np.array(self._images[self._order[:REALS]])
        self.clean = np.array(self._images[self._order[REALS : REALS + CLEAN]])

    def features(self, condition: str, configuration: str, images: Callable[[], np.ndarray]) -> Features:
        """From the cache."""
        return self.cache.features(f"{self.name} {self.resolution} {condition}", configuration, images)

    @property
    def starts(self) -> list[int]:
        """Of the parts, at most 10,000 images twice."""
        return list(range(0, min(len(self._images), 2 * SIZES[-1]) // PART * PART, PART))

    def part(self, start: int) -> np.ndarray:
        """`PART` images, (N, 3, r, r)."""
        return np.array(self._images[np.sort(self._order[start : start + PART])])

    def part_labels(self, start: int) -> np.ndarray:
        """Their labels, (N,)."""
        return np.array(self._labels[np.sort(self._order[start : start + PART])])

    def part_features(self, start: int, configuration: str) -> Features:
        """Their features."""
        return self.features(f"part {start}", configuration, partial(self.part, start))


def distance(real: Tensor, fake: Tensor) -> float:
    """`frechet_distance`, faster where there are fewer images than dimensions.

    With Σ = AᵀA for the centred features A = X/√(N - 1), the singular values of Σ₁^½ Σ₂^½ are those of A₁A₂ᵀ.
    """
    if min(len(real), len(fake)) > real.shape[1]:
        return frechet_distance(real, fake)
    (mean1, centred1), (mean2, centred2) = (
        (one.double().mean(0), (one.double() - one.double().mean(0)) / (len(one) - 1) ** 0.5) for one in (real, fake)
    )
    cross = torch.linalg.svdvals(centred1 @ centred2.T).sum()
    squares = (mean1 - mean2).square().sum() + centred1.square().sum() + centred2.square().sum()
    return float(squares - 2 * cross)


# --- choose


def image_curves(data: Data, configuration: str) -> dict[str, dict[str, list[float]]]:
    """Layer, disturbance of images -> distances from the reals, from no disturbance to the strongest."""
    real = data.features("real", configuration, lambda: data.real)
    clean = data.features("clean", configuration, lambda: data.clean)
    found: dict[str, dict[str, list[float]]] = {layer: {} for layer in LAYERS}
    for name, (_, levels) in OF_IMAGES.items():
        spoil = partial(disturbed, data.clean[:DISTURBED], name)
        sets = [data.features(f"{name} {level}", configuration, partial(spoil, level)) for level in levels]
        for layer in LAYERS:
            series = [clean[layer][:DISTURBED], *(one[layer] for one in sets)]
            found[layer][name] = [distance(real[layer], one) for one in series]
    return found


def set_curves(data: Data, other: Data | None, configuration: str) -> dict[str, dict[str, list[float]]]:
    """The same for disturbances of sets, on half of all parts against the other half."""
    middle = len(data.starts) // 2
    real = joined([data.part_features(start, configuration) for start in data.starts[:middle]])
    pool = joined([data.part_features(start, configuration) for start in data.starts[middle:]])
    order = np.random.default_rng(0).permutation(len(pool[CHOSEN[1]]))  # a part is in the pyramid's order: by class
    pool = {layer: features[order] for layer, features in pool.items()}
    labels = np.concatenate([data.part_labels(start) for start in data.starts[middle:]])[order]
    images = np.concatenate([data.part(start) for start in data.starts[middle:]])[order]
    groups = {"missing classes": labels, "missing clusters": clusters(images)}
    found: dict[str, dict[str, list[float]]] = {layer: {} for layer in LAYERS}
    mixed = np.random.default_rng(0).permutation(PART)
    for layer in LAYERS:
        for name, group in groups.items():
            series = [pool[layer][indices] for indices in _kept(group, OF_SETS[name])]
            found[layer][name] = [distance(real[layer], one) for one in series]
        repeated = [pool[layer][: 2 * PART // times].repeat(times, 1) for times in (1, *OF_SETS["repeated images"])]
        found[layer]["repeated images"] = [distance(real[layer], one) for one in repeated]
        if other:
            foreign = other.part_features(0, configuration)[layer][mixed]
            replaced = [round(share * PART) for share in (0, *OF_SETS["other images"])]
            series = [torch.cat([foreign[:n], pool[layer][n:PART]]) for n in replaced]
            found[layer]["other images"] = [distance(real[layer], one) for one in series]
    return found


def _kept(groups: np.ndarray, levels: list[float]) -> list[np.ndarray]:
    """Indices of the images that are left without some groups, equally many at all levels."""
    missing = np.random.default_rng(0).permutation(np.unique(groups))
    kept = [np.flatnonzero(~np.isin(groups, missing[: int(count)])) for count in (0, *levels)]
    return [indices[: min(map(len, kept))] for indices in kept]


def choose(sets: list[Data], options: argparse.Namespace) -> dict[str, Any]:
    """Print how well each configuration tells disturbed images and sets; return all curves."""
    found: dict[str, Any] = {"images": {}, "sets": {}}
    for configuration in options.configurations:
        by_data = {data.name: image_curves(data, configuration) for data in sets}
        for layer in LAYERS:
            found["images"][f"{configuration}, {layer}"] = {name: curves[layer] for name, curves in by_data.items()}
    print(f"{DISTURBED} disturbed images against {REALS} real ones\n")
    _print_curves(found["images"], strong_over_weak=True)
    configuration, _ = CHOSEN
    if configuration in options.configurations:
        others = [next((one for one in sets if one is not data), None) for data in sets]
        by_data = {data.name: set_curves(data, other, configuration) for data, other in zip(sets, others, strict=True)}
        for layer in LAYERS:
            found["sets"][f"{configuration}, {layer}"] = {name: curves[layer] for name, curves in by_data.items()}
        print("disturbed sets against half of all images\n")
        _print_curves(found["sets"], strong_over_weak=False)
    return found


def _print_curves(found: dict[str, Any], strong_over_weak: bool) -> None:
    """A row for each space. A rise is that of the second level, over the distance of undisturbed images."""
    heads = ["input", "layer", "dimensions", "rising series", "smallest rise", "median rise"]
    heads += ["swirl / noise", "ms an image"] if strong_over_weak else []
    print(f"| {' | '.join(heads)} |\n|---|---|{'---:|' * (len(heads) - 2)}")
    for key, by_data in found.items():
        configuration, layer = key.split(", ")
        series = [distances for by_name in by_data.values() for distances in by_name.values()]
        rises = [one[2] / one[0] - 1 for one in series]
        row = [configuration, layer, str(DIMENSIONS[layer])]
        row += [f"{sum(all(np.diff(one) > 0) for one in series)} of {len(series)}"]
        row += [f"{min(rises):.0%}", f"{np.median(rises):.0%}"]
        if strong_over_weak:
            ratios = [(by["swirl"][-1] - by["swirl"][0]) / (by["noise"][1] - by["noise"][0]) for by in by_data.values()]
            row += [f"{np.mean(ratios):.1f}", f"{_milliseconds(configuration):.1f}"]
        print(f"| {' | '.join(row)} |")
    print()


def _milliseconds(configuration: str, known: dict[str, float] = {}) -> float:  # noqa: B006
    """Processor time of one thread, for an image; measured once for each configuration."""
    if configuration not in known:
        images = np.random.default_rng(0).integers(0, 256, (RESIZED, 3, 32, 32), dtype=np.uint8)
        of_layers(images, configuration)
        began = time.process_time()
        of_layers(images, configuration)
        known[configuration] = (time.process_time() - began) / len(images) * 1000
    return known[configuration]


# --- rank


def rank(sets: list[Data], options: argparse.Namespace) -> dict[str, Any]:
    """Print every space's distance of each checkpoint from the reals; return the values."""
    (data,) = sets
    generated = [_samples(path) for path in options.checkpoints]
    starts = data.starts[:4]
    real_images = np.concatenate([data.part(start) for start in starts])
    found: dict[str, Any] = {}
    for configuration in options.configurations:
        real = joined([data.part_features(start, configuration) for start in starts])
        fakes = [data.features(str(path.resolve()), configuration, partial(np.array, images))
                 for path, images in zip(options.checkpoints, generated, strict=True)]  # fmt: skip
        for layer in LAYERS:
            found[f"{configuration}, {layer}"] = [distance(real[layer], fake[layer]) for fake in fakes]
    if options.classifier:
        found["a classifier of the data"] = _by_classifier(options.classifier, real_images, generated)
    found["SWD ×10³"] = [_swd(real_images[:SAMPLES], images) for images in generated]
    print(f"{SAMPLES} samples of each checkpoint against {len(real_images)} reals of {data.resolution} pixels\n")
    print(f"| space | {' | '.join(path.parent.name for path in options.checkpoints)} | falls |")
    print(f"|---|{'---:|' * len(generated)}---|")
    for space, values in found.items():
        falls = "always" if all(np.diff(values) < 0) else "not always"
        print(f"| {space} | {' | '.join(f'{value:.4g}' for value in values)} | {falls} |")
    print()
    return found


def _samples(checkpoint: Path) -> np.ndarray:
    return np.concatenate(list(sample_images(load_generator(checkpoint, CPU), SAMPLES, 0, "evaluate", 100, CPU, None)))


def _by_classifier(folder: Path, real: np.ndarray, generated: list[np.ndarray]) -> list[float]:
    """Fréchet distances in the features of the classifier that `pgan features` trained."""
    model = load_classifier(folder / "classifier.pt", CPU)
    real_features, *features = (
        torch.cat([model(torch.from_numpy(images[i : i + 250]))[0] for i in range(0, len(images), 250)])
        for images in (real, *generated)
    )
    return [frechet_distance(real_features, one) for one in features]


def _swd(real: np.ndarray, fake: np.ndarray) -> float:
    def chunks(images: np.ndarray) -> list[np.ndarray]:
        return [images[i : i + 100] for i in range(0, len(images), 100)]

    with tempfile.TemporaryDirectory() as scratch:
        return swd_metrics(lambda: chunks(real), lambda: chunks(fake), 128, 512, 0, Path(scratch))["swd"]


def joined(parts: list[Features]) -> Features:
    return {layer: torch.cat([part[layer] for part in parts]) for layer in LAYERS}


# --- bias


def bias(sets: list[Data], options: argparse.Namespace) -> dict[str, Any]:
    """Print the distance between disjoint sets of real images, which is 0 but for the bias; return the values."""
    configuration, layer = CHOSEN
    found: dict[str, Any] = {}
    print("| data | " + " | ".join(f"{size:,}" for size in SIZES) + " | extrapolated from 2,000 |")
    print(f"|---|{'---:|' * (len(SIZES) + 1)}")
    for data in sets:
        features = joined([data.part_features(start, configuration) for start in data.starts])[layer]
        values = {size: _halves(features, size) for size in SIZES if 2 * size <= len(features)}
        infinite = [extrapolated(one, two) for one, two in _pairs(features, 2000)]
        cells = [_mean_and_range(values[size]) if size in values else "–" for size in SIZES]
        print(f"| {data.name} | {' | '.join(cells)} | {_mean_and_range(infinite)} |")
        found[data.name] = {"sizes": values, "extrapolated": infinite}
    print()
    return found


def _pairs(features: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Disjoint sets of this many rows, drawn anew each time."""
    for seed in range(REPEATS):
        order = torch.randperm(len(features), generator=torch.Generator().manual_seed(seed))
        yield features[order[:size]], features[order[size : 2 * size]]


def _halves(features: Tensor, size: int) -> list[float]:
    return [frechet_distance(one, two) for one, two in _pairs(features, size)]


def extrapolated(real: Tensor, fake: Tensor) -> float:
    """The distance for infinitely many images, by a line through values over 1/N (Chong & Forsyth 2020)."""
    sizes = np.linspace(len(fake) // 4, len(fake), 8).astype(int)
    random = torch.Generator().manual_seed(0)
    distances = []
    for size in sizes:
        drawn = [one[torch.randperm(len(one), generator=random)[:size]] for one in (real, fake)]
        distances.append(frechet_distance(*drawn))
    _, constant = np.polyfit(1 / sizes, distances, 1)
    return float(constant)


def _mean_and_range(values: list[float]) -> str:
    return f"{np.mean(values):.3g} ({min(values):.3g}–{max(values):.3g})"


COMMANDS = {"choose": choose, "rank": rank, "bias": bias}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("pyramids", nargs="+", metavar="NAME=PYRAMID")
    parser.add_argument("--cache", type=Path, default=Path("/tmp/feature-space"))
    parser.add_argument("--configurations", nargs="+", default=CONFIGURATIONS, metavar="'SIZE FILTER'")
    parser.add_argument("--resolution", type=int, default=32, help="level of the pyramids")
    parser.add_argument("--classifier", type=Path, help="rank: the folder that `pgan features` made with a classifier")
    parser.add_argument("--checkpoints", nargs="+", type=Path, default=[], help="rank: from the worst to the best")
    parser.add_argument("--out", type=Path, help="JSON file for the values")
    options = parser.parse_args()
    cache, named = Cache(options.cache), [one.partition("=") for one in options.pyramids]
    sets = [Data(name, Path(pyramid), options.resolution, cache) for name, _, pyramid in named]
    found = COMMANDS[options.command](sets, options)
    if options.out:
        options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    begin()
    main()
