"""How closely these networks compute what the official code computed.

    python benchmarks/fidelity.py NAME.pkl NAME.npz             one pair: official networks, and what they gave
    python benchmarks/fidelity.py NAME.pkl NAME.npz --float64   the same in double precision, with tighter tolerances
    python benchmarks/fidelity.py --all ../shared/fixtures/official > docs/fidelity.md

Prints a table of the largest deviation of each quantity; exits with 1 where a tolerance is missed.  What an .npz file
does not hold is skipped, and said to be.  The arrays' names are explained in REFERENCE, section 5.
"""

import argparse
import copy
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import scipy.linalg
import torch
import torch.nn.functional as F
from torch import Tensor

from pgan.errors import InputError, PganError, fail
from pgan.interchange.official import Official, read_official, to_checkpoint
from pgan.interchange.variables import variables_of
from pgan.metrics.frechet import frechet_distance
from pgan.metrics.ms_ssim import mean_pair_similarity
from pgan.metrics.sliced_wasserstein import laplacian_pyramid, levels, swd_metrics
from pgan.networks.checkpoint import Checkpoint, shrink
from pgan.networks.progressive import Critic, Generator
from pgan.training.config import Training
from pgan.training.losses import critic_loss, generator_loss, gradient_norms
from pgan.training.step import Step

NetworkT = TypeVar("NetworkT", Generator, Critic)

OFFICIAL = Training(
    critic_steps=1,
    gradient_penalty=10.0,
    gradient_target=1.0,
    drift=0.001,
    label_weight=1.0,
    adam_beta1=0.0,
    adam_beta2=0.99,
    adam_epsilon=1e-8,
    ema_beta=0.999,
    ema_half_life_kimg=None,
    mirror=False,
    samples=1,
    sample_frames=2,
    log_every_kimg=1.0,
    divergence_limit=1e6,
)
"""The official code's defaults, as far as the losses and Adam know them."""
LEARNING_RATE = 0.001
ADAM_STEPS = 5
SWD_SEEDS = 5
SWD_PATCHES, SWD_DIRECTIONS = 128, 512

TOLERANCES = {
    torch.float32: {"images": 1e-4, "scores": 1e-4, "losses": 1e-3, "gradients": 1e-3, "adam": 1e-3},
    torch.float64: {"images": 1e-5, "scores": 1e-5, "losses": 1e-5, "gradients": 1e-4, "adam": 1e-3},
}
"""The official arrays are float32: in float64, what is left is their rounding."""
RESOLVED = 1e-7
"""Share of a whole gradient's norm that float32 resolves: no array of it is measured more finely."""
NOISES = (0.0, *(2.0**-25 * 2 ** (i / 4) for i in range(24)))
"""Relative noise on the inputs when a gradient that misses its tolerance is tried again, see `retried`: from a fraction
of float32's last digit to twenty times that digit."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    quantity: str
    arrays: int
    deviation: float
    measure: str
    worst: str
    tolerance: float | None
    """None: told for information."""
    plain: "Row | None" = None
    """The row as it was at first, where other rounding made the difference."""
    noise: float = 0.0
    """The relative noise with which it then held, in float64."""

    @property
    def held(self) -> bool:
        """Whether the tolerance is."""
        return self.tolerance is None or self.deviation <= self.tolerance


class Arrays(Mapping[str, np.ndarray]):
    """The arrays of an .npz file, and which of those that were wanted it does not hold."""

    def __init__(self, path: Path) -> None:
        try:
            with np.load(path, allow_pickle=False) as file:
                self._arrays = {name: file[name] for name in file.files}
        except FileNotFoundError:
            raise InputError(f"{path}: no such file") from None
        except Exception as error:  # numpy and zipfile raise a dozen kinds on a file that is no .npz
            raise InputError(f"{path}: not an .npz file of plain arrays ({type(error).__name__})") from None
        self.missing: list[str] = []

    def __getitem__(self, name: str) -> np.ndarray:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def holds(self, *names: str) -> bool:
        """Whether all are there; those that are not are remembered."""
        missing = [name for name in names if name not in self._arrays]
        self.missing += [name for name in missing if name not in self.missing]
        return not missing


@dataclass(frozen=True)
class Pair:
    """Official networks, ours of the same weights, and what the official ones gave."""

    official: tuple[Official, Official, Official]
    ours: Checkpoint
    arrays: Arrays
    dtype: torch.dtype
    tolerance: dict[str, float]
    noise: float = 0.0
    """Relative noise on latents and reals, of the size of rounding."""

    def tensor(self, name: str) -> Tensor:
        """An array of the fixture."""
        values = torch.from_numpy(np.asarray(self.arrays[name])).to(self.dtype)
        if not self.noise or name not in ("latents", "reals"):
            return values
        random = torch.Generator().manual_seed(int(self.noise * 2**60))
        return values * (1 + self.noise * torch.randn(values.shape, generator=random))

    def labels(self) -> Tensor:
        """(N,) class indices; zeros without labels."""
        one_hot = self.arrays["labels"]
        if not self.ours.config.classes:
            return torch.zeros(len(one_hot), dtype=torch.long)
        if not ((one_hot == 1).sum(1) == 1).all() or not ((one_hot == 0) | (one_hot == 1)).all():
            raise InputError("labels: every row must have a single 1, and zeros else")
        return torch.from_numpy(one_hot.argmax(1))

    def level(self, lod: float) -> "Level":
        """The networks at a level of detail."""
        whole = int(min(max(lod, 0.0), np.log2(self.ours.resolution / self.ours.config.base_size)))
        alpha = 1.0 - min(max(lod - whole, 0.0), 1.0) if self.ours.resolution >> whole > 4 else 1.0
        networks = shrink(self.ours, self.ours.resolution >> whole)
        generator, critic, ema = networks.generator, networks.critic, networks.ema
        return Level(self.copy(generator), self.copy(critic), self.copy(ema), alpha, 2**whole)

    def copy(self, network: NetworkT) -> NetworkT:
        """A copy in the pair's precision, which takes gradients."""
        return copy.deepcopy(network).to(self.dtype).requires_grad_(True)


@dataclass(frozen=True)
class Level:
    """Our networks at the resolution of a level of detail; official images are `factor` times as large."""

    generator: Generator
    critic: Critic
    ema: Generator
    alpha: float
    factor: int

    def enlarge(self, images: Tensor) -> Tensor:
        """To the official size: nearest."""
        return images.repeat_interleave(self.factor, 2).repeat_interleave(self.factor, 3)

    def reduce(self, images: Tensor) -> Tensor:
        """From the official size: box means, as the official critic begins with."""
        return F.avg_pool2d(images, self.factor)


# --- deviations


def absolute(ours: Tensor, theirs: Tensor) -> float:
    """Largest difference of any element."""
    return float((ours - theirs).abs().max()) if ours.numel() else 0.0


def relative(ours: Tensor, theirs: Tensor, floor: float = 0.0) -> float:
    """Norm of the difference over the norm of theirs, or over `floor` where that is larger."""
    difference, size = float((ours - theirs).detach().norm()), max(float(theirs.norm()), floor)
    return difference / size if size else (0.0 if difference == 0 else float("inf"))


def largest(quantity: str, measure: str, tolerance: float | None, found: dict[str, float]) -> Iterator[Row]:
    """The row of a quantity, if any array of it was there."""
    if found:
        # NaN is the worst of all
        worst = max(found, key=lambda name: (np.isnan(found[name]), found[name]))
        deviation = float("inf") if np.isnan(found[worst]) else found[worst]
        yield Row(quantity, len(found), deviation, measure, worst, tolerance)


# --- networks


def compare(pair: Pair) -> list[Row]:
    """All rows of a pair."""
    return [*variable_rows(pair), *output_rows(pair), *retried(loss_rows, pair), *retried(adam_rows, pair)]


def retried(rows_of: Callable[[Pair], Iterator[Row]], pair: Pair) -> list[Row]:
    """Rows of gradients, or of what follows from them; one that is not held is tried again with other rounding.

    The slope of leaky ReLU jumps at 0.  Where an activation comes so close to 0 that rounding decides its sign, two
    correct programs may land on either side, and a whole share of the gradient with them: no tolerance on the gradient
    covers it.  In float64, and with inputs changed in their last digits, the two sides come up in turn; a quantity is
    held if all its arrays are, together, in one of these tries.  A fault in a formula is not undone by the last digits.
    """
    rows = list(rows_of(pair))
    for noise in NOISES:
        if all(row.held for row in rows):
            break
        again = {row.quantity: row for row in rows_of(replace(pair, dtype=torch.float64, noise=noise))}
        for i, row in enumerate(rows):
            other = again[row.quantity]
            if not row.held and other.held:
                rows[i] = replace(other, plain=row, noise=noise)
    return rows


def variable_rows(pair: Pair) -> Iterator[Row]:
    """The pickle's variables as they came to lie in our networks, against the fixture's own copies."""
    networks = (pair.ours.generator, pair.ours.critic, pair.ours.ema)
    found = {}
    for official, network in zip(pair.official, networks, strict=True):
        parameters = network.state_dict()
        for variable in variables_of(official.role, pair.ours.resolution, official.variables):
            name = f"{official.role}_var/{variable.name}"
            if name in pair.arrays:
                found[name] = absolute(parameters[variable.parameter], variable.tensor(pair.arrays[name]).float())
    yield from largest("variables", "absolute", 0.0, found)


@torch.no_grad()
def output_rows(pair: Pair) -> Iterator[Row]:
    """Images, scores and label logits at every level of detail."""
    arrays, tolerance = pair.arrays, pair.tolerance
    found: dict[str, dict[str, float]] = {"G": {}, "Gs": {}, "scores": {}, "labels": {}}
    lods = arrays["lods"].tolist() if arrays.holds("lods") else []
    for i, lod in enumerate(lods):
        level, at = pair.level(lod), f"lod {lod:g}"
        for role, generator in (("G", level.generator), ("Gs", level.ema)):
            if arrays.holds(f"{role}_lod{i}", "latents", "labels"):
                images = level.enlarge(generator(pair.tensor("latents"), pair.labels(), level.alpha))
                found[role][at] = absolute(images, pair.tensor(f"{role}_lod{i}"))
        if arrays.holds("reals"):
            scores, logits = level.critic(level.reduce(pair.tensor("reals")), level.alpha)
            if arrays.holds(f"D_scores_lod{i}"):
                found["scores"][at] = relative(scores, pair.tensor(f"D_scores_lod{i}").flatten())
            if pair.ours.config.classes and arrays.holds(f"D_labels_lod{i}"):
                found["labels"][at] = relative(logits, pair.tensor(f"D_labels_lod{i}"))
    yield from largest("images of G", "absolute", tolerance["images"], found["G"])
    yield from largest("images of Gs", "absolute", tolerance["images"], found["Gs"])
    yield from largest("scores of D", "relative norm", tolerance["scores"], found["scores"])
    yield from largest("label logits of D", "relative norm", tolerance["scores"], found["labels"])


def loss_rows(pair: Pair) -> Iterator[Row]:
    """The terms of both losses, the losses, and their gradients."""
    arrays, tolerance = pair.arrays, pair.tolerance
    if not arrays.holds("loss_lod", "mix", "reals", "latents", "labels"):
        return
    level = pair.level(float(arrays["loss_lod"]))
    terms, loss = critic_terms(pair, level)
    found = {name: relative(value, pair.tensor(name).flatten()) for name, value in terms.items() if arrays.holds(name)}
    yield from largest("loss terms", "relative norm", tolerance["losses"], found)

    g_loss, _ = generator_loss(
        level.generator, level.critic, pair.tensor("latents"), pair.labels(), level.alpha, OFFICIAL
    )
    losses = {"D_loss": loss, "G_loss": g_loss}
    found = {name: relative(value, pair.tensor(name)) for name, value in losses.items() if arrays.holds(name)}
    yield from largest("losses", "relative", tolerance["losses"], found)

    for role, network, value in (("D", level.critic, loss), ("G", level.generator, g_loss)):
        names, parameters = zip(*network.named_parameters(), strict=True)
        gradients = torch.autograd.grad(value, parameters, allow_unused=True, materialize_grads=True)
        size = float(torch.stack([gradient.norm() for gradient in gradients]).norm())
        floor = RESOLVED * size / tolerance["gradients"]
        found = compare_tensors(pair, role, f"{role}_grad", dict(zip(names, gradients, strict=True)), floor)
        yield from largest(f"gradients of {role}'s loss", "relative norm", tolerance["gradients"], found)


def critic_terms(pair: Pair, level: Level) -> tuple[dict[str, Tensor], Tensor]:
    """The terms of the critic's loss under their official names, and the loss.

    The official critic takes full-size images at every level of detail, so its gradient's norm is 1/factor of that at
    the image's own resolution; a target of `factor` makes the penalty the same: λ/f²·(n - f)² = λ·(n/f - 1)².
    """
    settings = official_settings(level)
    reals, fakes, mix, labels = batch(pair, level)
    with torch.no_grad():
        real_scores, fake_scores, mixed_scores = (
            level.critic(images, level.alpha)[0] for images in (reals, fakes, torch.lerp(reals, fakes, mix))
        )
    norms = gradient_norms(level.critic, reals, fakes, mix, level.alpha).detach() / level.factor
    loss, _ = critic_loss(level.critic, reals, fakes, labels, mix, level.alpha, settings)
    terms = {
        "loss_real_scores": real_scores,
        "loss_fake_scores": fake_scores,
        "loss_mixed_scores": mixed_scores,
        "loss_mixed_norms": norms,
        "loss_gradient_penalty": (norms - 1).square(),
        "loss_drift": real_scores.square(),
    }
    return {name: value.detach() for name, value in (terms | label_terms(pair, level, reals, fakes)).items()}, loss


def label_terms(pair: Pair, level: Level, reals: Tensor, fakes: Tensor) -> dict[str, Tensor]:
    """Cross-entropies of the labels, per image."""
    if not pair.ours.config.classes:
        return {}
    return {
        f"loss_label_penalty_{name}": F.cross_entropy(level.critic(x, level.alpha)[1], pair.labels(), reduction="none")
        for name, x in (("reals", reals), ("fakes", fakes))
    }


def adam_rows(pair: Pair) -> Iterator[Row]:
    """The critic after five of Adam's steps on the one batch: the change of each tensor.

    TensorFlow adds ε before the second moment's bias is corrected, torch after: its ε is TensorFlow's over √(1 - β2^t).
    With ε so set, torch's Adam is TensorFlow's.  The last row shows how far torch's own way is from it.
    """
    arrays, tolerance = pair.arrays, pair.tolerance
    needed = ("loss_lod", "mix", "reals", "latents", "labels")
    if not arrays.holds(*needed) or not any(name.startswith("D_adam5/") for name in arrays):
        arrays.missing.append("D_adam5/…")
        return
    changes, losses = adam_steps(pair, as_tensorflow=True)
    if arrays.holds("D_adam_losses"):
        found = {"D_adam_losses": relative(losses, pair.tensor("D_adam_losses"))}
        yield from largest("critic's loss over five Adam steps", "relative norm", tolerance["losses"], found)
    found = compare_tensors(pair, "D", "D_adam5", changes, 0.0, pair.ours.critic.state_dict())
    yield from largest("D after five Adam steps", "relative norm of the change", tolerance["adam"], found)
    changes, _ = adam_steps(pair, as_tensorflow=False)
    found = compare_tensors(pair, "D", "D_adam5", changes, 0.0, pair.ours.critic.state_dict())
    yield from largest("the same with torch's ε", "relative norm of the change", None, found)


def adam_steps(pair: Pair, as_tensorflow: bool) -> tuple[dict[str, Tensor], Tensor]:
    """The critic's changes by our training step, and its loss before each update."""
    level = pair.level(float(pair.arrays["loss_lod"]))
    step = Step(level.generator, level.critic, level.ema, official_settings(level), LEARNING_RATE, 0.999)
    before = {name: parameter.detach().clone() for name, parameter in level.critic.named_parameters()}
    reals, _, mix, labels = batch(pair, level)
    losses = []
    for t in range(1, ADAM_STEPS + 1):
        correction = float(np.sqrt(1 - OFFICIAL.adam_beta2**t)) if as_tensorflow else 1.0
        step.optimizers["critic"].param_groups[0]["eps"] = OFFICIAL.adam_epsilon / correction
        terms = step.update_critic(reals, labels, pair.tensor("latents"), mix, level.alpha)
        parts = ("critic_fake", "gradient_penalty", "drift", "label_real", "label_fake")
        losses.append(sum(terms[part] for part in parts if part in terms) - terms["critic_real"])
    return {name: p.detach() - before[name] for name, p in level.critic.named_parameters()}, torch.stack(losses)


def official_settings(level: Level) -> Training:
    """Those of the official code, with the target of the penalty at the level's own resolution."""
    return OFFICIAL.model_copy(update={"gradient_target": OFFICIAL.gradient_target * level.factor})


def batch(pair: Pair, level: Level) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Reals, fakes, mixing factors and labels."""
    with torch.no_grad():
        fakes = level.generator(pair.tensor("latents"), pair.labels(), level.alpha)
    return level.reduce(pair.tensor("reals")), fakes, pair.tensor("mix"), pair.labels()


def compare_tensors(
    pair: Pair,
    role: str,
    prefix: str,
    ours: dict[str, Tensor],
    floor: float,
    before: dict[str, Tensor] | None = None,
) -> dict[str, float]:
    """Deviation by array; what our networks of that level do not have, or do not touch, must be zero in the file."""
    official = pair.official[("G", "D").index(role)]
    found = {}
    for variable in variables_of(role, pair.ours.resolution, official.variables):
        name = f"{prefix}/{variable.name}"
        if pair.arrays.holds(name):
            theirs = variable.tensor(pair.arrays[name]).to(pair.dtype)
            if before is not None:
                theirs = theirs - before[variable.parameter].to(pair.dtype)
            mine = ours.get(variable.parameter, torch.zeros_like(theirs))
            found[name] = relative(mine, theirs, floor)
    return found


# --- metrics


def metric_rows(arrays: Arrays, folder: Path) -> Iterator[Row]:
    """Pyramids, sliced Wasserstein distance and MS-SSIM of the image sets in metrics.npz."""
    pyramids: dict[str, float] = {}
    distances: dict[str, float] = {}
    similarities: dict[str, float] = {}
    for name in [key.removesuffix("_real") for key in arrays if key.endswith("_real") and arrays[key].ndim == 4]:
        real, fake = arrays[f"{name}_real"], arrays[f"{name}_fake"]
        count = len(levels(real.shape[2]))
        for i, level in enumerate(laplacian_pyramid(torch.from_numpy(real), count)):
            if arrays.holds(f"{name}_pyramid{i}"):
                theirs = torch.from_numpy(arrays[f"{name}_pyramid{i}"])
                pyramids[f"{name}_pyramid{i}"] = absolute(level[: len(theirs)], theirs)
        if arrays.holds(f"{name}_swd_runs", f"{name}_swd_names"):
            distances |= swd_deviations(arrays, name, real, fake, folder)
        for side, images in (("real", real), ("fake", fake)):
            if arrays.holds(f"{name}_msssim_{side}"):
                ours = mean_pair_similarity([images])
                similarities[f"{name}_msssim_{side}"] = abs(ours - float(arrays[f"{name}_msssim_{side}"]))
    yield from largest("Laplacian pyramids", "absolute", 1e-4, pyramids)
    yield from largest("sliced Wasserstein distance", "of means, over the official runs' range", 1.0, distances)
    yield from largest("MS-SSIM", "absolute", 1e-4, similarities)


def frechet_rows() -> Iterator[Row]:
    """Fréchet distance of random features, against scipy's root of the product of both covariances, in float64."""
    found = {}
    for case, count in (("500 features of 64 dimensions", 500), ("40 features of 64 dimensions", 40)):
        random = np.random.default_rng(0)
        first, second = (random.normal(size=(count, 64)) @ random.normal(size=(64, 64)) + shift for shift in (0, 0.5))
        covariances = [np.cov(features.T) for features in (first, second)]
        root = scipy.linalg.sqrtm(covariances[0] @ covariances[1])
        means = np.square(first.mean(0) - second.mean(0)).sum()
        theirs = means + np.trace(covariances[0] + covariances[1] - 2 * np.real(root))
        ours = frechet_distance(torch.from_numpy(first), torch.from_numpy(second))
        found[case] = abs(ours - theirs) / theirs
    yield from largest("Fréchet distance, against scipy", "relative", 1e-6, found)


def swd_deviations(arrays: Arrays, name: str, real: np.ndarray, fake: np.ndarray, folder: Path) -> dict[str, float]:
    """Difference of the means over seeds, over the range of the official runs, by level."""
    runs = [
        swd_metrics(lambda: [real], lambda: [fake], SWD_PATCHES, SWD_DIRECTIONS, seed, folder)
        for seed in range(SWD_SEEDS)
    ]
    found = {}
    for i, official in enumerate(arrays[f"{name}_swd_names"].tolist()):
        theirs = arrays[f"{name}_swd_runs"][:, i]
        level = official.removeprefix("SWDx1e3_")
        ours = np.mean([run["swd" if level == "avg" else f"swd_{level}"] for run in runs])
        found[f"{name}: {official}"] = abs(ours - theirs.mean()) / np.ptp(theirs)
    return found


# --- the tables


def table(title: str, rows: list[Row], missing: list[str]) -> str:
    """A Markdown table under a heading."""
    lines = [
        f"## {title}",
        "",
        "| quantity | arrays | largest deviation | measure | at | tolerance | held |",
        "|---|---:|---:|---|---|---:|---|",
    ]
    for row in rows:
        tolerance = "–" if row.tolerance is None else f"{row.tolerance:g}"
        verdict = (
            "–" if row.tolerance is None else "**no**" if not row.held else "with rounding" if row.plain else "yes"
        )
        cells = (row.quantity, row.arrays, f"{row.deviation:.1e}", row.measure, row.worst, tolerance, verdict)
        lines.append(f"| {' | '.join(map(str, cells))} |")
    for row in rows:
        if row.plain:
            before = f"{row.plain.deviation:.1e} at {row.plain.worst}"
            changed = f" and inputs changed by {row.noise:.0e}" if row.noise else ""
            lines += [
                "",
                f"{row.quantity}: {before} at first, more than allowed; held in float64{changed} (*Rounding*).",
            ]
    if missing:
        lines += ["", f"Skipped, not in the file: {', '.join(f'`{name}`' for name in missing)}."]
    return "\n".join(lines) + "\n"


INTRODUCTION = """\
# Fidelity to the official code

Generated by `python benchmarks/fidelity.py --all ../shared/fixtures/official > docs/fidelity.md`: do not edit.

Each pair of files holds small networks with random weights, saved by the authors' TensorFlow code, and what that code
computed with them. `pgan import` reads the networks; the tables show how far what these networks compute is from what
the official ones did, as the largest deviation of any array.

- **Level of detail.** The official networks always work at full size: at level k their images are nearest-upsampled 2^k
  times, and their critic begins with box means. Ours work at the current resolution. The tables compare ours,
  upsampled, with theirs at every level in the file, the fractional ones (fades) included.
- **Gradient penalty.** As the official critic takes full-size images, its gradient has 1/2^k of the norm that it has at
  the image's own resolution. Its penalty with target t is exactly ours with `training.gradient_target: t·2^k`; where a
  loss is compared at a level k ≥ 1, it is compared so.
- **Adam.** TensorFlow adds ε before the bias of the second moment is corrected, torch after. The comparison sets ε to
  1e-8/√(1 - β2^t) at step t, with which torch's Adam is TensorFlow's; the line after it shows how far torch's own way
  is from it in the first five steps. The difference vanishes as t grows; training here uses torch's.
- **Relative norm** is ‖ours - theirs‖ / ‖theirs‖ over one array. A gradient that our networks do not have at that level
  of detail must be zero in the file. As float32 resolves no more than about 1e-7 of a whole gradient's norm, a
  difference below that counts as within the tolerance, however small the array.
- **Rounding.** The slope of leaky ReLU jumps at 0. Where an activation lies so close to 0 that rounding decides its
  sign, correct programs may take either slope, and their gradients differ by more than any tolerance. A gradient that
  misses is therefore computed again in float64, and with the inputs changed in their last digits (by 3e-8 to 2e-6); the
  table then says "with rounding", and a line below it what the deviation was at first.
- **float64** means that our side computes in double precision: what is left is the rounding of the official float32.
"""


def pair_tables(pickle: Path, arrays: Path, dtypes: list[torch.dtype]) -> tuple[str, bool]:
    """The tables of a pair, and whether every tolerance is held."""
    official = read_official(pickle)
    texts, held = [], True
    for dtype in dtypes:
        pair = Pair(official, to_checkpoint(*official), Arrays(arrays), dtype, TOLERANCES[dtype])
        rows = compare(pair)
        if not rows:
            raise InputError(f"{arrays}: holds nothing that could be compared")
        texts.append(table(f"{arrays.stem}, {str(dtype).removeprefix('torch.')}", rows, pair.arrays.missing))
        held = held and all(row.held for row in rows)
    return "\n".join(texts), held


def metric_table(path: Path) -> tuple[str, bool]:
    """The table of the metrics, and whether every tolerance is held."""
    arrays = Arrays(path)
    with tempfile.TemporaryDirectory() as folder:
        rows = [*metric_rows(arrays, Path(folder)), *frechet_rows()]
    return table(path.stem, rows, arrays.missing), all(row.held for row in rows)


def document(folder: Path) -> tuple[str, bool]:
    """docs/fidelity.md: the tables of every pair in a folder, and of its metrics.npz."""
    pairs = [path for path in sorted(folder.glob("*.pkl")) if path.with_suffix(".npz").is_file()]
    if not pairs:
        raise InputError(f"{folder}: no pair of NAME.pkl and NAME.npz here")
    found = [pair_tables(path, path.with_suffix(".npz"), [torch.float32, torch.float64]) for path in pairs]
    if (folder / "metrics.npz").is_file():
        found.append(metric_table(folder / "metrics.npz"))
    return "\n".join([INTRODUCTION, *(text for text, _ in found)]), all(held for _, held in found)


def main(arguments: list[str] | None = None) -> int:
    """0: every tolerance is held; 1: one is missed; 2: the files are not what they should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pickle", type=Path, nargs="?", help="official networks")
    parser.add_argument("arrays", type=Path, nargs="?", help="what they computed")
    parser.add_argument("--float64", action="store_true", help="compute in double precision, with tighter tolerances")
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="write docs/fidelity.md from every pair in a folder")
    options = parser.parse_args(arguments)
    if (options.all is None) == (options.arrays is None):
        parser.error("give NAME.pkl NAME.npz, or --all FOLDER")
    try:
        if options.all:
            text, held = document(options.all)
        else:
            dtype = torch.float64 if options.float64 else torch.float32
            text, held = pair_tables(options.pickle, options.arrays, [dtype])
    except PganError as error:
        fail(error)
    print(text, end="")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
