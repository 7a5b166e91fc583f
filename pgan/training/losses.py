"""The losses as they are trained: an adversarial loss, its gradient penalty, drift, and AC-GAN's label terms.

With WGAN-GP they are those of the progressive GAN (official `loss.py`).
"""

from typing import TypeGuard

import torch
import torch.nn.functional as F
from torch import Tensor

from pgan.networks.network import Alpha, Critic
from pgan.networks.progressive import networks as progressive
from pgan.training.adversarial import LOSSES, Penalised
from pgan.training.config import Training
from pgan.training.image_gradient import is_written_out, judge_and_gradient

Terms = dict[str, Tensor]
Judgement = tuple[Tensor, Tensor]
"""The critic's scores (N,) and logits (N, classes)."""


def critic_loss(
    critic: Critic, reals: Tensor, fakes: Tensor, labels: Tensor, mix: Tensor, alpha: Alpha, settings: Training
) -> tuple[Tensor, Terms]:
    """mean(adversarial) + penalty + drift·mean(D(real)²) + label_weight·(cross-entropies of reals and fakes).

    Args:
        reals, fakes: (N, C, r, r) in [-1, 1]; the fakes detached from the generator.
        labels: (N,) of the reals, of which the fakes were made too; unused when the networks have no classes.  Critics
            that give logits are trained to tell them, others are told them.
        mix: (N, 1, 1, 1), uniform on [0, 1], one factor per sample; unused by all losses but WGAN-GP.

    Returns:
        The loss and its terms, each a scalar: `critic_real` and `critic_fake`, the mean scores; `critic_loss`, the
        adversarial term alone; `gradient_penalty` and `drift` with their weights; `gradient_norm`, the mean norm of the
        gradients that are penalised. A loss without a penalty has no terms of that name.
    """
    adversarial, critic = LOSSES[settings.loss], critic.conditioned_on(labels)
    (real_scores, real_logits), (fake_scores, fake_logits), squares = examine(
        critic, reals, fakes, mix, alpha, adversarial.penalty
    )
    terms = {
        "critic_real": real_scores.mean(),
        "critic_fake": fake_scores.mean(),
        "critic_loss": adversarial.of_scores(real_scores, fake_scores)[0].mean(),
        "drift": settings.drift * real_scores.square().mean(),
    }
    loss = terms["critic_loss"] + terms["drift"]
    penalty = {} if squares is None else penalty_terms(squares, len(reals), settings)
    if penalty:
        loss = loss + penalty["gradient_penalty"]
    if real_logits.shape[1]:
        terms["label_real"] = F.cross_entropy(real_logits, labels)
        terms["label_fake"] = F.cross_entropy(fake_logits, labels)
        loss = loss + settings.label_weight * (terms["label_real"] + terms["label_fake"])
    return loss, terms | penalty


# --- scores and gradients

PASSES = {
    "at mixed images": (("real", "fake", "mixed"), 1),
    "at reals": (("fake", "real"), 1),
    "at reals and fakes": (("real", "fake"), 2),
}
"""Where the gradient is penalised -> what passes the critic together; at how many of these, from the end, it is."""


def examine(
    critic: Critic, reals: Tensor, fakes: Tensor, mix: Tensor, alpha: Alpha, penalised: Penalised | None
) -> tuple[Judgement, Judgement, Tensor | None]:
    """What the critic says of reals and of fakes, and ‖∇D(x)‖² where it is penalised, (N,) or (2N,): reals, fakes.

    By one pass of all where they have the same precision.  Mixed images stay apart where nothing flows back through
    their scores, as without the minibatch stddev: in one pass with the others, zeros would be sent back at full cost.
    So do images whose gradient is penalised where maps are not to be kept: the way back needs all of theirs.
    """
    if penalised is None:
        return *judge(critic, reals, fakes, alpha), None
    names, wanted = PASSES[penalised]
    images = {"real": reals, "fake": fakes}
    if penalised == "at mixed images":  # x̂ of Gulrajani et al. 2017, algorithm 1
        images["mixed"] = torch.lerp(reals, fakes, mix)
    apart = torch.is_autocast_enabled(reals.device.type) or ("mixed" in images and not critic.config.group)
    if apart or not by_hand(critic) or critic.recompute:
        squares = [squared_norms(critic, images[name], alpha) for name in names[-wanted:]]
        return *judge(critic, reals, fakes, alpha), torch.cat(squares)
    scores, logits, gradient = judge_and_gradient(critic, [images[name] for name in names], alpha, wanted)
    found = dict(zip(names, zip(scores.chunk(len(names)), logits.chunk(len(names)), strict=True), strict=True))
    return found["real"], found["fake"], gradient.square().sum((1, 2, 3))


def judge(critic: Critic, reals: Tensor, fakes: Tensor, alpha: Alpha) -> tuple[Judgement, Judgement]:
    """Scores (N,) and logits (N, classes) of reals and of fakes, by one call of the critic."""
    scores, logits = critic(torch.cat([reals, fakes]), alpha, sets=2)
    real, fake = zip(scores.chunk(2), logits.chunk(2), strict=True)
    return real, fake


def squared_norms(critic: Critic, images: Tensor, alpha: Alpha) -> Tensor:
    """‖∇D(x)‖² at each image, (N,), differentiable.

    Always in float32 or better, also inside autocast: gradients of gradients lose too much in half precision.
    """
    precise = torch.promote_types(images.dtype, torch.float32)
    with torch.autocast(images.device.type, enabled=False):
        images = images.to(precise)
        if by_hand(critic):
            _, _, gradient = judge_and_gradient(critic, [images], alpha)
        else:  # any other function of images
            images = images.detach().requires_grad_(True)
            (gradient,) = torch.autograd.grad(critic(images, alpha)[0].sum(), images, create_graph=True)
        return gradient.square().sum((1, 2, 3))


def by_hand(critic: Critic) -> TypeGuard[progressive.Critic]:
    """Whether `image_gradient` knows all of a critic's layers."""
    return isinstance(critic, progressive.Critic) and is_written_out(critic.config)


# --- penalties


def penalty_terms(squares: Tensor, count: int, settings: Training) -> Terms:
    """`gradient_penalty` and `gradient_norm` of the squared norms at N = `count` images, or at N each of two kinds."""
    if LOSSES[settings.loss].penalty == "at mixed images":
        penalty = gradient_penalty(squares.sqrt(), settings)
    else:  # R1 at reals, R2 at fakes (Mescheder et al. 2018, equation 9): γ/2 times the mean of each
        penalty = 0.5 * settings.gradient_penalty * squares.sum() / count
    return {"gradient_penalty": penalty, "gradient_norm": squares.detach().sqrt().mean()}


def gradient_penalty(norms: Tensor, settings: Training) -> Tensor:
    """λ/target² · mean((‖∇D(x̂)‖₂ - target)²) (Gulrajani et al. 2017, equation 3)."""
    target = settings.gradient_target
    return settings.gradient_penalty / target**2 * (norms - target).square().mean()


# --- the generator


def generator_loss(
    critic: Critic, fakes: Tensor, labels: Tensor, alpha: Alpha, settings: Training, reals: Tensor | None = None
) -> tuple[Tensor, Terms]:
    """mean(adversarial) + label_weight · cross-entropy of the fakes' labels; `generator_loss` is the first term alone.

    Args:
        fakes: (N, C, r, r), attached to the generator.
        labels: (N,), of which they were made.
        reals: as many, for the losses that pair them; the others do without.
    """
    critic = critic.conditioned_on(labels)
    scores, logits = critic(fakes, alpha)
    adversarial = LOSSES[settings.loss]
    if adversarial.pairs:
        assert reals is not None
        real_scores = critic(reals, alpha)[0].detach()
    else:  # the reals are not judged: a loss that uses them all the same must not go unnoticed
        real_scores = torch.full_like(scores, torch.nan)
    loss = adversarial.of_scores(real_scores, scores)[1].mean()
    terms = {"generator_loss": loss}
    if logits.shape[1]:
        terms["label_generator"] = F.cross_entropy(logits, labels)
        loss = loss + settings.label_weight * terms["label_generator"]
    return loss, terms
