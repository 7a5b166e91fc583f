"""How closely these networks compute what the official code computed.

    python benchmarks/fidelity.py NAME.pkl NAME.npz             one pair: official networks, and what they gave
    python benchmarks/fidelity.py NAME.pkl NAME.npz --float64   the same in double precision, with tighter tolerances
    python benchmarks/fidelity.py --all ../shared/fixtures/official > docs/fidelity.md

Prints a table of the largest deviation of each quantity; exits with 1 where a tolerance is missed, or where an .npz
file lacks what it should hold (with --partial that is only said), and with 2 where it holds what cannot be placed.  The
arrays' names are explained in REFERENCE, section 5.
"""

import argparse
import copy
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import scipy.linalg
import torch
import torch.nn.functional as F
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # measures the pgan beside it, not an installed one

from pgan.errors import InputError, PganError
from pgan.interchange.official import to_checkpoint
from pgan.interchange.official_pickle import Official, read_official
from pgan.interchange.variables import Variable, variables_of
from pgan.metrics.frechet import frechet_distance
from pgan.metrics.ms_ssim import mean_pair_similarity
from pgan.metrics.sliced_wasserstein import laplacian_pyramid, levels, swd_metrics
from pgan.networks.checkpoint import Checkpoint, shrink
from pgan.networks.progressive.networks import Critic, Generator
from pgan.process import begin, fail
from pgan.training.config import Training
from pgan.training.draws import CriticBatch, GeneratorBatch
from pgan.training.losses import critic_loss, fast_squared_norms, generator_loss
from pgan.training.step import Step

NetworkT = TypeVar("NetworkT", Generator, Critic)

OFFICIAL = Training(
    loss="wgan-gp",
    critic_steps=1,
    simultaneous=False,
    gradient_penalty=10.0,
    gradient_target=1.0,
    weight_clip=None,
    drift=0.001,
    label_weight=1.0,
    adam_beta1=0.0,
    adam_beta2=0.99,
    adam_epsilon=1e-8,
    lr_jitter=None,
    ema_beta=0.999,
    ema_half_life_kimg=None,
    mirror=False,
    augment_reals=None,
    diff_augment=[],
    samples=1,
    sample_frames=2,
    log_every_kimg=1.0,
    divergence_limit=1e6,
    precision="fp32",
    recompute=False,
    compile="never",
)
"""The official code's defaults, as far as the losses and Adam know them."""
LEARNING_RATE = 0.001
ADAM_STEPS = 5
SWD_SEEDS = 5
SWD_PATCHES, SWD_DIRECTIONS = 128, 512

TOLERANCES = {
    torch.float32: {"images": 1e-4, "scores": 1e-4, "losses": 1e-3, "gradients": 1e-3, "adam": 1e-3},
    torch.float64: {"images": 1e-5, "scores": 1e-5, "losses": 1e-5, "gradients": 1e-3, "adam": 1e-3},
}
"""The official arrays are float32: in float64, what is left is their rounding.  It is tighter where the fixtures allow:
gray16's D_grad/4x4/Dense1/bias, nearly 0, is 1.3e-4 off by their rounding alone."""
RESOLVED = 1e-7
"""Share of a whole gradient's norm that float32 resolves: an array may be off by less, and is named where it is."""
NOISES = tuple(2.0**-25 * 2 ** (i / 4) for i in range(24))
"""Relative noise on the inputs when a gradient that misses its tolerance is tried again, see `retried`: from a fraction
of float32's last digit to twenty times that digit."""
EXCUSED = 20.0
"""Rounding excuses a deviation of up to so many times the tolerance."""
INPUTS = ("latents", "labels", "lods", "reals", "mix", "loss_lod")
STATE = ("G_var/lod", "D_var/lod", "Gs_var/lod")
"""Where the official networks keep their current level of detail: known, with nothing to compare."""
FAMILIES = ("G_var/", "D_var/", "Gs_var/", "D_grad/", "G_grad/", "D_adam5/")


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
    missed: float = 0.0
    """Largest deviation of the arrays that are not in `unresolved`."""
    unresolved: dict[str, float] = field(default_factory=dict)
    """Deviations beyond the tolerance whose absolute size is below what float32 resolves, by array."""
    retry: bool = False
    """Whether other rounding may be tried, see `retried`."""
    plain: "Row | None" = None
    """The row as it was at first, where other rounding made the difference."""
    noise: float = 0.0
    """The relative noise with which it then held."""

    @property
    def held(self) -> bool:
        """Whether the tolerance is."""
        return self.tolerance is None or self.missed <= self.tolerance

    @property
    def excusable(self) -> bool:
        """Whether it missed its tolerance by no more than rounding may explain."""
        return self.retry and not self.held and self.missed <= EXCUSED * (self.tolerance or 0.0)

    @property
    def verdict(self) -> str:
        """The table's last cell."""
        if self.tolerance is None:
            return "–"
        if not self.held:
            return "**no**"
        return "with rounding" if self.plain else "but for those below" if self.unresolved else "yes"


class Arrays(Mapping[str, np.ndarray]):
    """The arrays of an .npz file; which that were wanted it does not hold, and which were not looked at."""

    def __init__(self, path: Path) -> None:
        try:
            with np.load(path, allow_pickle=False) as file:
                self._arrays = {name: file[name] for name in file.files}
        except FileNotFoundError:
            raise InputError(f"{path}: no such file") from None
        except Exception as error:  # numpy and zipfile raise a dozen kinds on a file that is no .npz
            raise InputError(f"{path}: not an .npz file of plain arrays ({type(error).__name__})") from None
        for name, array in self._arrays.items():
            if array.dtype.kind not in ("U" if name.endswith("_names") else "fiu"):
                raise InputError(f"{path}: {name} is of type {array.dtype}, and should be numbers")
        self.missing: list[str] = []
        self._used: set[str] = set()

    def __getitem__(self, name: str) -> np.ndarray:
        self._used.add(name)
        return self._arrays[name]

    def __contains__(self, name: object) -> bool:
        return name in self._arrays

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def holds(self, *names: str) -> bool:
        """Whether all are there; those that are not are remembered."""
        missing = [name for name in names if name not in self._arrays]
        self.missing += [name for name in missing if name not in self.missing]
        return not missing

    @property
    def unused(self) -> list[str]:
        """Those that nothing was compared with."""
        return [name for name in self._arrays if name not in self._used]


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

    def column(self, name: str) -> Tensor:
        """An array of one value per image, (N,) or (N, 1), as (N,)."""
        values = self.tensor(name)
        return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values

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


def absolute(name: str, ours: Tensor, theirs: Tensor) -> float:
    """Largest difference of any element."""
    check_shape(name, theirs.shape, ours.shape)
    return float((ours - theirs).abs().max()) if ours.numel() else 0.0


def relative(name: str, ours: Tensor, theirs: Tensor) -> float:
    """Norm of the difference over the norm of theirs."""
    check_shape(name, theirs.shape, ours.shape)
    difference, size = float((ours - theirs).detach().norm()), float(theirs.norm())
    return difference / size if size else (0.0 if difference == 0 else float("inf"))


def check_shape(name: str, found: Iterable[int], wanted: Iterable[int]) -> None:
    """Nothing is broadcast: InputError that names the array."""
    found, wanted = tuple(found), tuple(wanted)
    if found != wanted:
        raise InputError(f"{name}: is of shape {found}, and should be {wanted}: not an array of these networks")


def largest(
    quantity: str,
    measure: str,
    tolerance: float | None,
    found: dict[str, float],
    unresolved: Iterable[str] = (),
    retry: bool = False,
) -> Iterator[Row]:
    """The row of a quantity, if any array of it was there."""
    if found:
        # NaN is the worst of all
        found = {name: float("inf") if np.isnan(value) else value for name, value in found.items()}
        worst = max(found, key=found.__getitem__)
        names = set(unresolved)
        missed = max((value for name, value in found.items() if name not in names), default=0.0)
        below = {name: value for name, value in found.items() if name in names}
        yield Row(quantity, len(found), found[worst], measure, worst, tolerance, missed, below, retry)


# --- networks


def compare(pair: Pair) -> list[Row]:
    """All rows of a pair; InputError where an array's name or shape is none of these networks'."""
    known = known_names(pair)
    placed = {*known, *STATE}
    if "lods" not in pair.arrays:  # they have their place, but it is not known which
        placed |= {name for name in pair.arrays if name.startswith(("G_lod", "Gs_lod", "D_scores_lod", "D_labels_lod"))}
    unknown = [name for name in pair.arrays if (name.startswith(FAMILIES) or "_lod" in name) and name not in placed]
    if unknown:
        raise InputError(f"{', '.join(unknown)}: not arrays of these networks; correct their names, or leave them out")
    pair.arrays.missing += [name for name in known if name not in pair.arrays]
    check_inputs(pair)
    return [*variable_rows(pair), *output_rows(pair), *retried(loss_rows, pair), *retried(adam_rows, pair)]


def known_names(pair: Pair) -> list[str]:
    """Every array that can be compared, in the file's order."""
    classes = pair.ours.config.classes
    outputs = ["G", "Gs", "D_scores", *(["D_labels"] if classes or any("D_labels_" in n for n in pair.arrays) else [])]
    lods = range(pair.arrays["lods"].size if "lods" in pair.arrays else 0)
    terms = ["real_scores", "fake_scores", "mixed_scores", "mixed_norms", "gradient_penalty", "drift"]
    terms += ["label_penalty_reals", "label_penalty_fakes"] if classes else []
    names = [*INPUTS, *(f"{output}_lod{i}" for i in lods for output in outputs), *(f"loss_{term}" for term in terms)]
    names += ["D_loss", "G_loss", "D_adam_losses"]
    variables = {o.role: variables_of(o.role, pair.ours.resolution, o.variables) for o in pair.official}
    return names + [f"{family}{v.name}" for family in FAMILIES for v in variables[family[: family.index("_")]]]


def check_inputs(pair: Pair) -> None:
    """The shapes of what the networks are given."""
    arrays, config = pair.arrays, pair.ours.config
    given = [name for name in ("latents", "labels", "reals", "mix") if name in arrays]
    count = max((arrays[name].shape[0] for name in given if arrays[name].ndim), default=0)
    shapes = {
        "latents": (count, config.latent_dimensions),
        "labels": (count, config.classes),
        "reals": (count, config.channels, pair.ours.resolution, pair.ours.resolution),
        "mix": (count, 1, 1, 1),
    }
    for name in given:
        check_shape(name, arrays[name].shape, shapes[name])
    for name, wanted in (("lods", 1), ("loss_lod", 0)):
        if name in arrays and (arrays[name].ndim != wanted or not np.isfinite(arrays[name]).all()):
            raise InputError(f"{name}: should be {'one finite number' if not wanted else 'a row of finite numbers'}")


def retried(rows_of: Callable[[Pair], Iterator[Row]], pair: Pair) -> list[Row]:
    """Rows of gradients, or of what follows from them; one that is not held is tried again with other rounding.

    The slope of leaky ReLU jumps at 0.  Where an activation comes so close to 0 that rounding decides its sign, two
    correct programs may land on either side, and a share of the gradient with them.  With inputs changed in their last
    digits the two sides come up in turn; a quantity is held if all its arrays are, together, in one of these tries.
    The precision stays the pair's own: a fault of float32 alone is a fault.  Nor is a loss, which has no such jump,
    tried again, nor what is far from its tolerance.
    """
    rows = list(rows_of(pair))
    for noise in NOISES:
        if not any(row.excusable for row in rows):
            break
        again = {row.quantity: row for row in rows_of(replace(pair, noise=noise))}
        for i, row in enumerate(rows):
            other = again[row.quantity]
            if row.excusable and other.held:
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
                theirs = official_tensor(pair, official, variable, name).float()
                found[name] = absolute(name, parameters[variable.parameter], theirs)
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
                name = f"{role}_lod{i}"
                found[role][at] = absolute(name, images, pair.tensor(name))
        if arrays.holds("reals"):
            scores, logits = level.critic(level.reduce(pair.tensor("reals")), level.alpha)
            name = f"D_scores_lod{i}"
            if arrays.holds(name):
                found["scores"][at] = relative(name, scores, pair.column(name))
            name = f"D_labels_lod{i}"
            if pair.ours.config.classes and arrays.holds(name):
                found["labels"][at] = relative(name, logits, pair.tensor(name))
            elif name in arrays:
                check_shape(name, arrays[name].shape, (len(scores), 0))
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
    found = {name: relative(name, value, pair.column(name)) for name, value in terms.items() if arrays.holds(name)}
    yield from largest("loss terms", "relative norm", tolerance["losses"], found)

    latents = GeneratorBatch(pair.tensor("latents"), pair.labels(), level.alpha)
    fakes = level.generator(latents.latents, latents.labels, level.alpha)
    g_loss, _ = generator_loss(level.critic, latents, fakes, OFFICIAL)
    losses = {"D_loss": loss, "G_loss": g_loss}
    found = {name: relative(name, value, pair.tensor(name)) for name, value in losses.items() if arrays.holds(name)}
    yield from largest("losses", "relative", tolerance["losses"], found)

    for role, network, value in (("D", level.critic, loss), ("G", level.generator, g_loss)):
        names, parameters = zip(*network.named_parameters(), strict=True)
        gradients = torch.autograd.grad(value, parameters, allow_unused=True, materialize_grads=True)
        both = both_tensors(pair, role, f"{role}_grad", dict(zip(names, gradients, strict=True)))
        found = {name: relative(name, mine, theirs) for name, (mine, theirs) in both.items()}
        below = unresolved(both, found, tolerance["gradients"])
        yield from largest(f"gradients of {role}'s loss", "relative norm", tolerance["gradients"], found, below, True)


def unresolved(both: dict[str, tuple[Tensor, Tensor]], found: dict[str, float], tolerance: float) -> list[str]:
    """Arrays that miss the tolerance by less than float32 resolves of the whole official gradient."""
    if not both:
        return []
    size = float(torch.stack([theirs.norm() for _, theirs in both.values()]).norm())
    return [
        name
        for name, (mine, theirs) in both.items()
        if not found[name] <= tolerance and float((mine - theirs).norm()) < RESOLVED * size
    ]


def critic_terms(pair: Pair, level: Level) -> tuple[dict[str, Tensor], Tensor]:
    """The terms of the critic's loss under their official names, and the loss.

    The official critic takes full-size images at every level of detail, so its gradient's norm is 1/factor of that at
    the image's own resolution; a target of `factor` makes the penalty the same: λ/f²·(n - f)² = λ·(n/f - 1)².
    """
    settings = official_settings(level)
    shown, fakes = batch(pair, level)
    reals, mixed = shown.reals, torch.lerp(shown.reals, fakes, shown.mix)
    with torch.no_grad():
        real_scores, fake_scores, mixed_scores = (
            level.critic(images, level.alpha)[0] for images in (reals, fakes, mixed)
        )
    norms = fast_squared_norms(level.critic, mixed, level.alpha).detach().sqrt() / level.factor
    loss, _ = critic_loss(level.critic, shown, fakes, settings)
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
    if not arrays.holds(*needed) or not any(name.startswith("D_adam") for name in arrays):
        return
    changes, losses = adam_steps(pair, as_tensorflow=True)
    if arrays.holds("D_adam_losses"):
        found = {"D_adam_losses": relative("D_adam_losses", losses, pair.tensor("D_adam_losses"))}
        yield from largest("critic's loss over five Adam steps", "relative norm", tolerance["losses"], found)
    measure = "relative norm of the change"
    both = both_tensors(pair, "D", "D_adam5", changes, pair.ours.critic.state_dict())
    found = {name: relative(name, mine, theirs) for name, (mine, theirs) in both.items()}
    yield from largest("D after five Adam steps", measure, tolerance["adam"], found, retry=True)
    changes, _ = adam_steps(pair, as_tensorflow=False)
    both = both_tensors(pair, "D", "D_adam5", changes, pair.ours.critic.state_dict())
    found = {name: relative(name, mine, theirs) for name, (mine, theirs) in both.items()}
    yield from largest("the same with torch's ε", measure, None, found)


def adam_steps(pair: Pair, as_tensorflow: bool) -> tuple[dict[str, Tensor], Tensor]:
    """The critic's changes by our training step, and its loss before each update."""
    level = pair.level(float(pair.arrays["loss_lod"]))
    step = Step(level.generator, level.critic, level.ema, official_settings(level), LEARNING_RATE, 0.999)
    before = {name: parameter.detach().clone() for name, parameter in level.critic.named_parameters()}
    shown, _ = batch(pair, level)
    losses = []
    for t in range(1, ADAM_STEPS + 1):
        correction = float(np.sqrt(1 - OFFICIAL.adam_beta2**t)) if as_tensorflow else 1.0
        step.optimizers["critic"].param_groups[0]["eps"] = OFFICIAL.adam_epsilon / correction
        terms = step.update_critic(shown)
        parts = ("critic_fake", "gradient_penalty", "drift", "label_real", "label_fake")
        losses.append(sum(terms[part] for part in parts if part in terms) - terms["critic_real"])
    return {name: p.detach() - before[name] for name, p in level.critic.named_parameters()}, torch.stack(losses)


def official_settings(level: Level) -> Training:
    """Those of the official code, with the target of the penalty at the level's own resolution."""
    return OFFICIAL.model_copy(update={"gradient_target": OFFICIAL.gradient_target * level.factor})


def batch(pair: Pair, level: Level) -> tuple[CriticBatch, Tensor]:
    """The batch of the critic's update, and its fakes."""
    reals, latents, labels = level.reduce(pair.tensor("reals")), pair.tensor("latents"), pair.labels()
    with torch.no_grad():
        fakes = level.generator(latents, labels, level.alpha)
    return CriticBatch(reals, labels, latents, pair.tensor("mix"), level.alpha), fakes


def both_tensors(
    pair: Pair, role: str, prefix: str, ours: dict[str, Tensor], before: dict[str, Tensor] | None = None
) -> dict[str, tuple[Tensor, Tensor]]:
    """Ours and theirs by array; what our networks of that level do not have, or do not touch, is zero in ours."""
    official = pair.official[("G", "D").index(role)]
    found = {}
    for variable in variables_of(role, pair.ours.resolution, official.variables):
        name = f"{prefix}/{variable.name}"
        if pair.arrays.holds(name):
            theirs = official_tensor(pair, official, variable, name).to(pair.dtype)
            if before is not None:
                theirs = theirs - before[variable.parameter].to(pair.dtype)
            found[name] = (ours.get(variable.parameter, torch.zeros_like(theirs)), theirs)
    return found


def official_tensor(pair: Pair, official: Official, variable: Variable, name: str) -> Tensor:
    """An array of the shape of an official variable, in our layout."""
    check_shape(name, pair.arrays[name].shape, official.variables[variable.name].shape)
    return variable.tensor(pair.arrays[name])


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
                pyramids[f"{name}_pyramid{i}"] = absolute(f"{name}_pyramid{i}", level[: len(theirs)], theirs)
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


def table(title: str, rows: list[Row], arrays: Arrays, precision: str = "") -> str:
    """A Markdown table under a heading, and what there is to say of it."""
    lines = [
        f"## {title}",
        "",
        "| quantity | arrays | largest deviation | measure | at | tolerance | held |",
        "|---|---:|---:|---|---|---:|---|",
    ]
    for row in rows:
        tolerance = "–" if row.tolerance is None else f"{row.tolerance:g}"
        cells = (row.quantity, row.arrays, f"{row.deviation:.1e}", row.measure, row.worst, tolerance, row.verdict)
        lines.append(f"| {' | '.join(map(str, cells))} |")
    for row in rows:
        if row.plain:
            before = f"{row.plain.deviation:.1e} at {row.plain.worst}"
            changed = f"held in {precision} with inputs changed by {row.noise:.0e} (*Rounding*)"
            lines += ["", f"{row.quantity}: {before} at first, more than allowed; {changed}."]
        if row.unresolved:
            names = ", ".join(f"{name} ({deviation:.1e})" for name, deviation in row.unresolved.items())
            lines += ["", f"{row.quantity}: beyond the tolerance, but below what float32 resolves: {names}."]
    if arrays.missing:
        lines += ["", f"Missing, so not compared: {', '.join(f'`{name}`' for name in gathered(arrays))}."]
    if arrays.unused:
        lines += ["", f"In the file, but not compared: {', '.join(f'`{name}`' for name in arrays.unused)}."]
    return "\n".join(lines) + "\n"


def gathered(arrays: Arrays) -> list[str]:
    """The missing names, with one `D_grad/…` for a family of which there is nothing."""
    gone = tuple(family for family in FAMILIES if not any(name.startswith(family) for name in arrays))
    shorter = (f"{name.split('/')[0]}/…" if name.startswith(gone) else name for name in arrays.missing)
    return list(dict.fromkeys(shorter))


def complete(arrays: Arrays, partial: bool) -> bool:
    """Whether nothing that is needed is missing; copies of the pickle's own variables are not."""
    return partial or all(name.startswith(("G_var/", "D_var/", "Gs_var/")) for name in arrays.missing)


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
  the image's own resolution. Its penalty with target t is exactly ours with a `gradient_target` of t·2^k, which a phase
  can have for itself; where a loss is compared at a level k ≥ 1, it is compared so.
- **Adam.** TensorFlow adds ε before the bias of the second moment is corrected, torch after. The comparison sets ε to
  1e-8/√(1 - β2^t) at step t, with which torch's Adam is TensorFlow's; the line after it shows how far torch's own way
  is from it in the first five steps. The difference vanishes as t grows; training here uses torch's.
- **Relative norm** is ‖ours - theirs‖ / ‖theirs‖ over one array. A gradient that our networks do not have at that level
  of detail must be zero in the file. float32 resolves no more than about 1e-7 of a whole gradient's norm: an array that
  is off by less than that is let pass beyond its tolerance, and then named below the table with its deviation.
- **Rounding.** The slope of leaky ReLU jumps at 0. Where an activation lies so close to 0 that rounding decides its
  sign, correct programs may take either slope, and their gradients differ by more than the tolerance. A gradient, or a
  change by Adam, that misses by no more than 20 times its tolerance is therefore computed again, in the same precision,
  with reals and latents changed in their last digits (by 3e-8 to 2e-6); the table then says "with rounding", and a line
  below it what the deviation was at first. Images, scores and losses are computed once.
- **float64** means that our side computes in double precision: what is left is the rounding of the official float32.
  Its tolerances are tighter where that allows it. For gradients and Adam it does not: they are those of float32.
"""


def pair_tables(pickle: Path, arrays: Path, dtypes: list[torch.dtype], partial: bool) -> tuple[str, bool]:
    """The tables of a pair, and whether every tolerance is held and nothing is missing."""
    official = read_official(pickle)
    texts, held = [], True
    for dtype in dtypes:
        pair = Pair(official, to_checkpoint(*official), Arrays(arrays), dtype, TOLERANCES[dtype])
        rows = compare(pair)
        if not rows:
            raise InputError(f"{arrays}: holds nothing that could be compared")
        precision = str(dtype).removeprefix("torch.")
        texts.append(table(f"{arrays.stem}, {precision}", rows, pair.arrays, precision))
        held = held and all(row.held for row in rows) and told(arrays, pair.arrays, partial)
    return "\n".join(texts), held


def metric_table(path: Path, partial: bool = False) -> tuple[str, bool]:
    """The table of the metrics, and whether every tolerance is held and nothing is missing."""
    arrays = Arrays(path)
    with tempfile.TemporaryDirectory() as folder:
        rows = [*metric_rows(arrays, Path(folder)), *frechet_rows()]
    return table(path.stem, rows, arrays), all(row.held for row in rows) and told(path, arrays, partial)


def told(path: Path, arrays: Arrays, partial: bool) -> bool:
    """`complete`; a line to stderr where it is not."""
    if not complete(arrays, partial):
        print(f"{path}: lacks {', '.join(gathered(arrays))}; with --partial it is compared without", file=sys.stderr)
    return complete(arrays, partial)


def document(folder: Path, partial: bool) -> tuple[str, bool]:
    """docs/fidelity.md: the tables of every pair in a folder, and of its metrics.npz."""
    pairs = [path for path in sorted(folder.glob("*.pkl")) if path.with_suffix(".npz").is_file()]
    if not pairs:
        raise InputError(f"{folder}: no pair of NAME.pkl and NAME.npz here")
    both = [torch.float32, torch.float64]
    found = [pair_tables(path, path.with_suffix(".npz"), both, partial) for path in pairs]
    if (folder / "metrics.npz").is_file():
        found.append(metric_table(folder / "metrics.npz", partial))
    return "\n".join([INTRODUCTION, *(text for text, _ in found)]), all(held for _, held in found)


def main(arguments: list[str] | None = None) -> int:
    """0: every tolerance is held; 1: one is missed, or an array is missing; 2: the files are not what they should."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pickle", type=Path, nargs="?", help="official networks")
    parser.add_argument("arrays", type=Path, nargs="?", help="what they computed")
    parser.add_argument("--float64", action="store_true", help="compute in double precision, with tighter tolerances")
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="write docs/fidelity.md from every pair in a folder")
    parser.add_argument("--partial", action="store_true", help="allow arrays to be missing")
    options = parser.parse_args(arguments)
    if (options.all is None) == (options.arrays is None):
        parser.error("give NAME.pkl NAME.npz, or --all FOLDER")
    try:
        if options.all:
            text, held = document(options.all, options.partial)
        else:
            dtype = torch.float64 if options.float64 else torch.float32
            text, held = pair_tables(options.pickle, options.arrays, [dtype], options.partial)
    except PganError as error:
        fail(error)
    print(text, end="")
    return 0 if held else 1


if __name__ == "__main__":
    begin()
    sys.exit(main())
