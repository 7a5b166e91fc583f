"""What critic and generator minimise: first WGAN-GP, as the papers write it, then what other losses need.

The functions of the critic, down to `gradient_penalty`, are WGAN-GP in plain autograd.  The fast path at the end
computes the same numbers where `choose_path` allows it.  With WGAN-GP, drift and labels, these are the losses of the
progressive GAN (official `loss.py`).
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from pgan.networks.network import Alpha, Critic
from pgan.networks.progressive import networks as progressive
from pgan.training.adversarial import LOSSES, Images
from pgan.training.config import Training
from pgan.training.draws import CriticBatch, GeneratorBatch
from pgan.training.image_gradient import is_written_out, score_and_gradient

Terms = dict[str, Tensor]
Output = tuple[Tensor, Tensor]
"""The critic's scores (N,) and logits (N, classes)."""


# --- the critic


def critic_loss(critic: Critic, batch: CriticBatch, fakes: Tensor, settings: Training) -> tuple[Tensor, Terms]:
    """WGAN-GP with drift: mean(D(fake) - D(real)) + λ·mean((‖∇D(x̂)‖ - 1)²) + drift·mean(D(real)²).

    Other losses have another first term, and penalise the gradient at other images or nowhere (`adversarial.LOSSES`).
    With classes, a critic that gives logits learns the labels of reals and fakes, too (AC-GAN).

    Args:
        fakes: (N, C, r, r) in [-1, 1], made from the batch's latents and labels, detached from the generator.

    Returns:
        The loss and its terms, each a scalar: `critic_real` and `critic_fake`, the mean scores; `critic_loss`, the
        adversarial term alone; `gradient_penalty` and `drift` with their weights; `gradient_norm`, the mean norm of the
        penalised gradients. A loss without a penalty has no terms of that name.
    """
    adversarial, critic = LOSSES[settings.loss], critic.conditioned_on(batch.labels)
    (real, real_logits), (fake, fake_logits), squares = score_and_penalise(critic, batch, fakes, adversarial.penalised)
    terms = {
        "critic_real": real.mean(),
        "critic_fake": fake.mean(),
        "critic_loss": adversarial.of_scores(real, fake)[0].mean(),  # WGAN: mean(D(fake) - D(real))
        "drift": settings.drift * real.square().mean(),
    }
    loss = terms["critic_loss"] + terms["drift"]
    penalty = {} if squares is None else penalty_terms(squares, len(fakes), settings)
    if penalty:
        loss = loss + penalty["gradient_penalty"]
    if real_logits.shape[1]:
        terms["label_real"] = F.cross_entropy(real_logits, batch.labels)
        terms["label_fake"] = F.cross_entropy(fake_logits, batch.labels)
        loss = loss + settings.label_weight * (terms["label_real"] + terms["label_fake"])
    return loss, terms | penalty


def score_and_penalise(
    critic: Critic, batch: CriticBatch, fakes: Tensor, penalised: tuple[Images, ...]
) -> tuple[Output, Output, Tensor | None]:
    """The critic's output for reals and for fakes; ‖∇D(x)‖² at the penalised images, N for each kind, or None."""
    images = {"reals": batch.reals, "fakes": fakes}
    if "mixed" in penalised:
        images["mixed"] = torch.lerp(batch.reals, fakes, batch.mix)  # x̂ of Gulrajani et al. 2017, algorithm 1
    if not penalised:
        return *score(critic, images, batch.alpha), None
    path = choose_path(critic, penalised, fakes.device.type)
    if path == "fast, in one pass":
        return score_and_penalise_in_one_pass(critic, images, batch.alpha, penalised)
    norms = squared_norms if path == "autograd" else fast_squared_norms
    squares = [norms(critic, images[kind], batch.alpha) for kind in penalised]
    return *score(critic, images, batch.alpha), torch.cat(squares)


def score(critic: Critic, images: dict[str, Tensor], alpha: Alpha) -> tuple[Output, Output]:
    """The output for reals and for fakes, by one call of the critic."""
    scores, logits = critic(torch.cat([images["reals"], images["fakes"]]), alpha, sets=2)
    real, fake = zip(scores.chunk(2), logits.chunk(2), strict=True)
    return real, fake


def squared_norms(critic: Critic, images: Tensor, alpha: Alpha) -> Tensor:
    """‖∇D(x)‖² at each image x, (N,), by automatic differentiation, and itself differentiable."""
    with single_precision(images):
        x = at_least_single(images).detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(critic(x, alpha)[0].sum(), x, create_graph=True)
        return gradient.square().sum((1, 2, 3))


def gradient_penalty(norms: Tensor, settings: Training) -> Tensor:
    """λ/target² · mean((‖∇D(x̂)‖₂ - target)²) (Gulrajani et al. 2017, equation 3)."""
    target = settings.gradient_target
    return settings.gradient_penalty / target**2 * (norms - target).square().mean()


# --- other penalties


def zero_centred_penalty(squares: Tensor, count: int, settings: Training) -> Tensor:
    """γ/2 · mean(‖∇D(x)‖²) at N = `count` reals, R1, and the same at fakes, R2 (Mescheder et al. 2018, equation 9)."""
    return 0.5 * settings.gradient_penalty * squares.sum() / count


def penalty_terms(squares: Tensor, count: int, settings: Training) -> Terms:
    """`gradient_penalty` and `gradient_norm` from the squared norms at N = `count` images of each penalised kind."""
    if "mixed" in LOSSES[settings.loss].penalised:
        penalty = gradient_penalty(squares.sqrt(), settings)
    else:
        penalty = zero_centred_penalty(squares, count, settings)
    return {"gradient_penalty": penalty, "gradient_norm": squares.detach().sqrt().mean()}


# --- the generator


def generator_loss(
    critic: Critic, batch: GeneratorBatch | CriticBatch, fakes: Tensor, settings: Training
) -> tuple[Tensor, Terms]:
    """WGAN: mean(-D(fake)); with classes, the cross-entropy of the fakes' labels, too.

    Args:
        fakes: (N, C, r, r), made from the batch's latents and labels, attached to the generator.

    Returns:
        The loss and its terms: `generator_loss`, the adversarial term alone, and `label_generator`.
    """
    adversarial, critic = LOSSES[settings.loss], critic.conditioned_on(batch.labels)
    scores, logits = critic(fakes, batch.alpha)
    if adversarial.pairs:
        assert batch.reals is not None
        real_scores = critic(batch.reals, batch.alpha)[0].detach()
    else:  # the critic does not see the reals: a loss that uses their scores all the same must not go unnoticed
        real_scores = torch.full_like(scores, torch.nan)
    loss = adversarial.of_scores(real_scores, scores)[1].mean()
    terms = {"generator_loss": loss}
    if logits.shape[1]:
        terms["label_generator"] = F.cross_entropy(logits, batch.labels)
        loss = loss + settings.label_weight * terms["label_generator"]
    return loss, terms


# --- the fast path


def choose_path(
    critic: Critic, penalised: tuple[Images, ...], device: str
) -> Literal["autograd", "fast", "fast, in one pass"]:
    """How a critic's penalised gradients are computed: the one place that decides. Results differ in rounding alone.

    `autograd` works for every critic.  `fast` knows the progressive critic's layers (see `image_gradient`), and
    torch.compile can follow it.  `in one pass` shares one call of the critic between all images.
    """
    if not isinstance(critic, progressive.Critic) or not is_written_out(critic.config):
        return "autograd"
    apart = (
        torch.is_autocast_enabled(device),  # scores may be in half precision, the gradient may not
        critic.recompute,  # the gradient keeps the maps of all images in its pass
        # nothing flows back through the scores of mixed images, unless they share minibatch-stddev layers with others:
        # zeros would be sent back at full cost
        "mixed" in penalised and not critic.config.group,
    )
    return "fast" if any(apart) else "fast, in one pass"


def fast_squared_norms(critic: Critic, images: Tensor, alpha: Alpha) -> Tensor:
    """As `squared_norms`, by the gradient that `image_gradient` writes out."""
    with single_precision(images):
        _, _, gradient = score_and_gradient(critic, [at_least_single(images)], alpha)
        return gradient.square().sum((1, 2, 3))


def score_and_penalise_in_one_pass(
    critic: Critic, images: dict[str, Tensor], alpha: Alpha, penalised: tuple[Images, ...]
) -> tuple[Output, Output, Tensor]:
    """As `score_and_penalise`, by a single call for all images; the penalised ones come last."""
    kinds = [*(kind for kind in ("reals", "fakes") if kind not in penalised), *penalised]
    scores, logits, gradient = score_and_gradient(critic, [images[kind] for kind in kinds], alpha, len(penalised))
    outputs = dict(zip(kinds, zip(scores.chunk(len(kinds)), logits.chunk(len(kinds)), strict=True), strict=True))
    return outputs["reals"], outputs["fakes"], gradient.square().sum((1, 2, 3))


def single_precision(images: Tensor) -> torch.autocast:
    """Around a gradient that is differentiated again: half precision loses too much there, also inside autocast."""
    return torch.autocast(images.device.type, enabled=False)


def at_least_single(images: Tensor) -> Tensor:
    """In float32, or float64 where the images are."""
    return images.to(torch.promote_types(images.dtype, torch.float32))
