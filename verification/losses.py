"""The terms of both losses, the losses, and their gradients."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from pgan.training.config import Training
from pgan.training.draws import CriticBatch, GeneratorBatch
from pgan.training.losses import critic_loss, fast_squared_norms, generator_loss
from verification.pair import Level, Pair, both_tensors
from verification.rows import Row, largest, relative

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
RESOLVED = 1e-7
"""Share of a whole gradient's norm that float32 resolves: an array may be off by less, and is then named."""


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

    The official critic takes full-size images at every level of detail, so its gradient's norm is 1/f of the norm at
    the image's own resolution, with f = `level.factor`.  A target of f gives the same penalty: λ/f²·(n - f)² =
    λ·(n/f - 1)².
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


def official_settings(level: Level) -> Training:
    """The official code's settings, with the target of the penalty at the level's own resolution."""
    return OFFICIAL.model_copy(update={"gradient_target": OFFICIAL.gradient_target * level.factor})


def batch(pair: Pair, level: Level) -> tuple[CriticBatch, Tensor]:
    """The batch of the critic's update, and its fakes."""
    reals, latents, labels = level.reduce(pair.tensor("reals")), pair.tensor("latents"), pair.labels()
    with torch.no_grad():
        fakes = level.generator(latents, labels, level.alpha)
    return CriticBatch(reals, labels, latents, pair.tensor("mix"), level.alpha), fakes
