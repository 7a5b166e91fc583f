"""All metrics of one generator, from one set of generated images."""

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pgan.data.pyramid import read_meta
from pgan.errors import InputError, shown
from pgan.metrics import ms_ssim, sliced_wasserstein
from pgan.metrics.classes import class_metrics
from pgan.metrics.classifier import FEATURES
from pgan.metrics.config import Evaluate, Features
from pgan.metrics.feature_space import Extractor, extract, open_extractor, read_space, real_features
from pgan.metrics.frechet import frechet_distance
from pgan.metrics.inception_score import inception_score
from pgan.metrics.kid import kernel_distance
from pgan.metrics.labels import class_frequencies, proportional_labels
from pgan.metrics.modes import has_modes, mode_metrics
from pgan.metrics.precision_recall import precision_recall
from pgan.metrics.progress import counted
from pgan.metrics.reals import choose, real_chunks
from pgan.metrics.sizes import ON_CLASSIFIER, ON_FEATURES, Sizes, biased_features, biased_swd, impossible
from pgan.metrics.spool import spool
from pgan.networks.network import Generator
from pgan.networks.sampling import sample_images
from pgan.randomness import derive

VALUES_AT_ONCE = 2**18
"""Pixel values per chunk where the batch cannot change the result; bounds the memory of SWD and MS-SSIM."""


@dataclass(frozen=True)
class Reals:
    """The real images, and what stage `features` made of them."""

    pyramid: Path
    features: Path
    mirror: bool
    """Whether training mirrors the reals: then they are mirrored here too."""


@dataclass(frozen=True)
class Asked:
    """The classes that the generated images are of."""

    frequencies: np.ndarray
    """Images of each class in the data, (K,) int64; (0,) where there are no classes."""
    labels: Tensor | None
    """What a conditional generator was asked for, (N,) int64."""

    @property
    def rarest(self) -> float | None:
        """The smallest share of a class that the data have; None without classes."""
        present = self.frequencies[self.frequencies > 0]
        return float(present.min() / present.sum()) if len(present) else None


def evaluate_generator(
    generator: Generator,
    reals: Reals,
    params: Evaluate,
    features: Features,
    seed: int,
    device: torch.device,
    scratch: Path,
) -> dict[str, float]:
    """The metrics that `params` lists and that are defined at this resolution and in this feature space, by name.

    A conditional generator is asked for each class as often as the data have it.  Where there are too few images for a
    metric, `<metric>_biased` is 1 and a line on stderr says why.  Metrics that are left out are named there, too.

    Args:
        generator: the EMA generator, at the phase's resolution.
        features: the section `features`, to find the feature network.
        seed: of everything that is drawn.
        scratch: a folder for unnamed temporary files: the generated images, and the patches of the SWD.

    Raises:
        InputError: generator, pyramid and features do not fit together, or a metric has no meaning for so few images.
    """
    meta = read_meta(reals.pyramid)
    for key, reason in impossible(params, features, meta.count):
        raise InputError(f"{key}: {reason}")
    if mismatch := generator.config.class_problem(len(meta.classes)):
        raise InputError(f"{reals.pyramid}: the generator's classes are {mismatch}, and train again")
    if generator.channels != meta.channels:
        raise InputError(
            f"{reals.pyramid}: images of {meta.channels} channels, but the generator makes {generator.channels}"
        )
    if generator.resolution not in meta.levels:
        raise InputError(f"{reals.pyramid}: no level of {generator.resolution} pixels, the generator's resolution")
    if "modes" in params.metrics and not has_modes(meta):
        raise InputError(
            f"evaluate.metrics: 'modes' counts the digits of source mnist-rgb, but {reals.pyramid} is of source "
            f"{shown(meta.source)}; leave it out"
        )
    try:
        generator.config.check_batch(generator.resolution, params.batch)
    except ValueError as error:
        raise InputError(f"evaluate.batch: {error}") from None
    if read_space(reals.features).channels != meta.channels:
        raise InputError(f"{reals.features}: made of images of other channels than {reals.pyramid}; {FEATURES}")
    extractor = open_extractor(reals.features, features, device)
    target = params.target_resolution or meta.levels[-1]
    if extractor and "frechet" in params.metrics:
        real_features(reals.features, target)  # a missing level is found before the work, not after
    needed = _images_needed(params, generator.resolution, meta.count, extractor is not None)
    _say_what_is_left_out(params, features, needed, generator.resolution)
    if not needed:
        return {}
    total = max(needed.values())
    frequencies = class_frequencies(reals.pyramid, meta)
    labels = proportional_labels(frequencies, total) if generator.classes else None
    sampled = sample_images(generator, total, seed, "evaluate", params.batch, device, labels)
    fakes = spool(counted(sampled, total, f"generate, {generator.resolution} pixels"), scratch)
    metrics: dict[str, float] = {}
    if extractor and "features" in needed:
        chunks = _chunks(fakes[: needed["features"]], features.batch)
        asked = Asked(frequencies, None if labels is None else labels[: needed["features"]])
        metrics |= _feature_metrics(chunks, extractor, generator, reals, params, features.space, target, asked, seed)
    if "swd" in needed:
        metrics |= _swd(fakes[: needed["swd"]], reals, params, seed, scratch)
        metrics |= _flagged(biased_swd(params, meta.count))
    if "ms_ssim" in needed:
        metrics |= _ms_ssim(fakes[: needed["ms_ssim"]], reals, meta.count, seed)
    return metrics


def _images_needed(params: Evaluate, resolution: int, real_count: int, with_features: bool) -> dict[str, int]:
    """Generated images per group of metrics, for those groups that are asked for and defined here."""
    needed = {}
    if with_features and set(params.metrics) - {"swd", "ms_ssim"}:
        needed["features"] = params.images
    if "swd" in params.metrics and sliced_wasserstein.levels(resolution):
        needed["swd"] = min(params.swd.images, real_count)
    if "ms_ssim" in params.metrics and resolution >= ms_ssim.SMALLEST:
        needed["ms_ssim"] = 2 * params.ms_ssim.pairs
    return needed


def _feature_metrics(
    fakes: list[np.ndarray],
    extractor: Extractor,
    generator: Generator,
    reals: Reals,
    params: Evaluate,
    space: str,
    target: int,
    asked: Asked,
    seed: int,
) -> dict[str, float]:
    """The metrics on learned features. `fakes` are uint8 chunks (n, C, r, r)."""
    wanted = set(params.metrics)
    metrics: dict[str, float] = {}
    resolution = generator.resolution
    real = real_features(reals.features, resolution)
    if wanted & {"frechet", "kid", "precision_recall"}:
        count = sum(map(len, fakes))
        fake = extract(extractor.features, counted(fakes, count, f"features, {resolution} pixels"))
        _check_dimensions(real, fake, reals.features)
        metrics |= _distances(real, fake, params, seed)
        if "frechet" in wanted:
            at_target = real if target == resolution else real_features(reals.features, target)
            _check_dimensions(at_target, fake, reals.features)
            metrics["frechet_target"] = (
                metrics["frechet"] if target == resolution else frechet_distance(at_target, fake)
            )
    by_class = {name for name in ON_CLASSIFIER if name in wanted and space == "classifier"}
    classes = 0
    if by_class or "inception_score" in wanted:
        probabilities = extract(extractor.probabilities, fakes)
        classes = probabilities.shape[1]
        if by_class and classes != len(asked.frequencies):
            raise InputError(f"{reals.features}: not the features of {reals.pyramid}; {FEATURES}")
        if "classes" in by_class:
            frequencies = torch.from_numpy(asked.frequencies)
            metrics |= class_metrics(probabilities, params.classes.min_share, frequencies, asked.labels)
        if "modes" in by_class:
            metrics |= mode_metrics(probabilities)
        if "inception_score" in wanted:
            metrics["inception_score"] = inception_score(probabilities, params.inception_score.splits)
    sizes = Sizes(len(real), real.shape[1], classes, asked.rarest)
    return metrics | _flagged(biased_features(params, by_class, sizes))


def _flagged(biased: dict[str, str]) -> dict[str, float]:
    """`<metric>_biased` for each of them, after a line on stderr that says why."""
    for metric, reason in biased.items():
        print(f"note: {metric} is biased: {reason}", file=sys.stderr)
    return {f"{metric}_biased": 1.0 for metric in biased}


def _say_what_is_left_out(params: Evaluate, features: Features, needed: dict[str, int], resolution: int) -> None:
    """A line on stderr for the metrics that are asked for and not defined here."""
    wanted = [name for name in params.metrics if name in ON_FEATURES]
    if features.space == "inception":
        wanted = [name for name in wanted if name in ON_CLASSIFIER]
    if wanted and features.space != "classifier":
        print(f"note: left out, as features.space is {features.space}: {', '.join(wanted)}", file=sys.stderr)
    small = [name for name in ("swd", "ms_ssim") if name in params.metrics and name not in needed]
    if small:
        print(f"note: left out, as they are not defined at {resolution} pixels: {', '.join(small)}", file=sys.stderr)


def _check_dimensions(real: Tensor, fake: Tensor, folder: Path) -> None:
    if real.shape[1] != fake.shape[1]:
        found = f"features of {real.shape[1]} dimensions, but its network makes {fake.shape[1]}"
        raise InputError(f"{folder}: {found}; {FEATURES}")


def _distances(real: Tensor, fake: Tensor, params: Evaluate, seed: int) -> dict[str, float]:
    """Fréchet distance, KID, precision and recall, as far as they are asked for."""
    found = {}
    if "frechet" in params.metrics:
        found["frechet"] = frechet_distance(real, fake)
    if "kid" in params.metrics:
        kid = params.kid
        found["kid"], found["kid_std"] = kernel_distance(real, fake, kid.subsets, kid.subset_size, seed)
    if "precision_recall" in params.metrics:
        most = params.precision_recall.images
        some_real = real[choose(len(real), most, seed, "precision")]
        some_fake = fake[:most]
        found["precision"], found["recall"] = precision_recall(some_real, some_fake, params.precision_recall.neighbours)
    return found


def _swd(fakes: np.ndarray, reals: Reals, params: Evaluate, seed: int, scratch: Path) -> dict[str, float]:
    """Sliced Wasserstein distance to as many real images."""
    count, resolution = len(fakes), fakes.shape[-1]
    batch = _at_once(fakes)
    indices = choose(read_meta(reals.pyramid).count, count, seed, "swd")
    return sliced_wasserstein.swd_metrics(
        real=partial(real_chunks, reals.pyramid, resolution, indices, reals.mirror, seed, batch),
        fake=partial(_chunks, fakes, batch),
        per_image=params.swd.patches,
        directions=params.swd.directions,
        seed=seed,
        folder=scratch,
    )


def _ms_ssim(fakes: np.ndarray, reals: Reals, real_count: int, seed: int) -> dict[str, float]:
    """Similarity of pairs of generated images, and of as many pairs of real ones, which says what value to hope for.

    Pairs are drawn at random: neighbours in the data set may be of one class, neighbouring samples never are.
    """
    batch = _at_once(fakes)
    order = np.random.default_rng(derive(seed, "pairs of fakes")).permutation(len(fakes))
    shuffled = (fakes[part] for part in np.array_split(order, range(batch, len(order), batch)))
    similarity = ms_ssim.mean_pair_similarity(counted(shuffled, len(fakes), "MS-SSIM"))
    found = {"ms_ssim": similarity}
    chosen = np.random.default_rng(derive(seed, "pairs of reals")).permutation(real_count)
    chosen = chosen[: min(len(fakes), real_count - real_count % 2)]
    if len(chosen):
        chunks = real_chunks(reals.pyramid, fakes.shape[-1], chosen, reals.mirror, seed, batch)
        found["ms_ssim_real"] = ms_ssim.mean_pair_similarity(chunks)
    return found


def _at_once(images: np.ndarray) -> int:
    """An even number of images that makes about `VALUES_AT_ONCE` values."""
    return max(2, VALUES_AT_ONCE // images[0].size // 2 * 2)


def _chunks(images: np.ndarray, batch: int) -> list[np.ndarray]:
    """Consecutive parts of a set of images; views, not copies."""
    return [images[i : i + batch] for i in range(0, len(images), batch)]
