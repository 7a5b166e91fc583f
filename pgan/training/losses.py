"""The losses of the progressive GAN: WGAN-GP with drift, and AC-GAN's label terms (official `loss.py`)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from pgan.networks.progressive import Alpha, Critic, Generator
from pgan.training.config import Training
from pgan.training.image_gradient import judge_and_gradient

Terms = dict[str, Tensor]
Judgement = tuple[Tensor, Tensor]
"""The critic's scores (N,) and logits (N, classes)."""


def critic_loss(
    critic: Critic, reals: Tensor, fakes: Tensor, labels: Tensor, mix: Tensor, alpha: Alpha, settings: Training
) -> tuple[Tensor, Terms]:
    """mean(D(fake) - D(real)) + penalty + drift·mean(D(real)²) + label_weight·(cross-entropies of reals and fakes).

    Args:
        reals, fakes: (N, C, r, r) in [-1, 1]; the fakes detached from the generator.
        labels: (N,) of the reals, of which the fakes were made too; unused when the networks have no classes.
        mix: (N, 1, 1, 1), uniform on [0, 1], one factor per sample.

    Returns:
        The loss and its terms, each a scalar; `gradient_penalty` and `drift` with their weights.
    """
    (real_scores, real_logits), (fake_scores, fake_logits), norms = examine(critic, reals, fakes, mix, alpha)
    terms = {
        "critic_real": real_scores.mean(),
        "critic_fake": fake_scores.mean(),
        "gradient_penalty": gradient_penalty(norms, settings),
        "drift": settings.drift * real_scores.square().mean(),
    }
    loss = terms["critic_fake"] - terms["critic_real"] + terms["gradient_penalty"] + terms["drift"]
    if critic.config.classes:
        terms["label_real"] = F.cross_entropy(real_logits, labels)
        terms["label_fake"] = F.cross_entropy(fake_logits, labels)
        loss = loss + settings.label_weight * (terms["label_real"] + terms["label_fake"])
    terms["gradient_norm"] = norms.mean()
    return loss, terms


def examine(
    critic: Critic, reals: Tensor, fakes: Tensor, mix: Tensor, alpha: Alpha
) -> tuple[Judgement, Judgement, Tensor]:
    """What the critic says of reals and of fakes, and the norms of its gradient between them; see `gradient_norms`.

    One pass of all three where they have the same precision.  Without the minibatch stddev, no gradient flows through
    the critic's scores of the mixed images, and they stay apart so that none is computed.
    """
    autocast = torch.is_autocast_enabled(reals.device.type)
    if isinstance(critic, Critic) and critic.config.minibatch_stddev and not autocast:
        mixed = torch.lerp(reals, fakes, mix)
        scores, logits, gradient = judge_and_gradient(critic, [reals, fakes, mixed], alpha)
        real, fake, _ = zip(scores.chunk(3), logits.chunk(3), strict=True)
        return real, fake, norm_per_image(gradient)
    return *judge(critic, reals, fakes, alpha), gradient_norms(critic, reals, fakes, mix, alpha)


def judge(critic: Critic, reals: Tensor, fakes: Tensor, alpha: Alpha) -> tuple[Judgement, Judgement]:
    """Scores (N,) and logits (N, classes) of reals and of fakes, by one call of the critic."""
    scores, logits = critic(torch.cat([reals, fakes]), alpha, sets=2)
    real, fake = zip(scores.chunk(2), logits.chunk(2), strict=True)
    return real, fake


def gradient_norms(critic: Critic, reals: Tensor, fakes: Tensor, mix: Tensor, alpha: Alpha) -> Tensor:
    """‖∇D(x̂)‖₂ at x̂ = lerp(real, fake, mix), (N,), differentiable (Gulrajani et al. 2017, algorithm 1).

    Always in float32 or better, also inside autocast: gradients of gradients lose too much in half precision.
    """
    precise = torch.promote_types(reals.dtype, torch.float32)
    with torch.autocast(reals.device.type, enabled=False):
        mixed = torch.lerp(reals.to(precise), fakes.to(precise), mix.to(precise))
        if isinstance(critic, Critic):
            _, _, gradient = judge_and_gradient(critic, [mixed], alpha)
        else:  # any other function of images
            mixed.requires_grad_(True)
            (gradient,) = torch.autograd.grad(critic(mixed, alpha)[0].sum(), mixed, create_graph=True)
        return norm_per_image(gradient)


def norm_per_image(gradient: Tensor) -> Tensor:
    """‖∇D‖₂ of each image: (N, C, r, r) -> (N,)."""
    return gradient.square().sum((1, 2, 3)).sqrt()


def gradient_penalty(norms: Tensor, settings: Training) -> Tensor:
    """λ/target² · mean((‖∇D(x̂)‖₂ - target)²)."""
    target = settings.gradient_target
    return settings.gradient_penalty / target**2 * (norms - target).square().mean()


def generator_loss(
    generator: Generator, critic: Critic, latents: Tensor, labels: Tensor, alpha: Alpha, settings: Training
) -> tuple[Tensor, Terms]:
    """-mean(D(G(z))) + label_weight · cross-entropy of the fakes' labels; `generator_loss` is the first term alone."""
    scores, logits = critic(generator(latents, labels, alpha), alpha)
    loss = -scores.mean()
    terms = {"generator_loss": loss}
    if critic.config.classes:
        terms["label_generator"] = F.cross_entropy(logits, labels)
        loss = loss + settings.label_weight * terms["label_generator"]
    return loss, terms
