"""The losses of the progressive GAN: WGAN-GP with drift, and AC-GAN's label terms (official `loss.py`)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from pgan.networks import progressive
from pgan.networks.network import Alpha, Critic, Generator
from pgan.training.config import Training
from pgan.training.image_gradient import image_gradient, is_written_out

Terms = dict[str, Tensor]


def critic_loss(
    critic: Critic, reals: Tensor, fakes: Tensor, labels: Tensor, mix: Tensor, alpha: Alpha, settings: Training
) -> tuple[Tensor, Terms]:
    """mean(D(fake) - D(real)) + penalty + drift·mean(D(real)²) + label_weight·(cross-entropies of reals and fakes).

    Args:
        reals, fakes: (N, C, r, r) in [-1, 1]; the fakes detached from the generator.
        labels: (N,) of the reals, of which the fakes were made too; unused when the networks have no classes.  Critics
            that give logits are trained to tell them, others are told them.
        mix: (N, 1, 1, 1), uniform on [0, 1], one factor per sample.

    Returns:
        The loss and its terms, each a scalar; `gradient_penalty` and `drift` with their weights.
    """
    critic = critic.told(labels)
    (real_scores, real_logits), (fake_scores, fake_logits) = judge(critic, reals, fakes, alpha)
    norms = gradient_norms(critic, reals, fakes, mix, alpha)
    terms = {
        "critic_real": real_scores.mean(),
        "critic_fake": fake_scores.mean(),
        "gradient_penalty": gradient_penalty(norms, settings),
        "drift": settings.drift * real_scores.square().mean(),
    }
    loss = terms["critic_fake"] - terms["critic_real"] + terms["gradient_penalty"] + terms["drift"]
    if real_logits.shape[1]:
        terms["label_real"] = F.cross_entropy(real_logits, labels)
        terms["label_fake"] = F.cross_entropy(fake_logits, labels)
        loss = loss + settings.label_weight * (terms["label_real"] + terms["label_fake"])
    terms["gradient_norm"] = norms.mean()
    return loss, terms


def judge(
    critic: Critic, reals: Tensor, fakes: Tensor, alpha: Alpha
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Scores (N,) and logits (N, classes) of reals and of fakes: by one call of the critic where that is the same.

    They are dealt out alternately, real, fake, real, fake, …  The minibatch stddev groups sample i with i + 2N/group,
    an even distance: so it finds exactly the groups that it would find among N reals, and among N fakes.
    """
    if not critic.config.shares_batches(len(reals)):
        return critic(reals, alpha), critic(fakes, alpha)
    scores, logits = critic(torch.stack([reals, fakes], 1).flatten(0, 1), alpha)
    return (scores[::2], logits[::2]), (scores[1::2], logits[1::2])


def gradient_norms(critic: Critic, reals: Tensor, fakes: Tensor, mix: Tensor, alpha: Alpha) -> Tensor:
    """‖∇D(x̂)‖₂ at x̂ = lerp(real, fake, mix), (N,), differentiable (Gulrajani et al. 2017, algorithm 1).

    Always in float32 or better, also inside autocast: gradients of gradients lose too much in half precision.
    """
    precise = torch.promote_types(reals.dtype, torch.float32)
    with torch.autocast(reals.device.type, enabled=False):
        mixed = torch.lerp(reals.to(precise), fakes.to(precise), mix.to(precise))
        if isinstance(critic, progressive.Critic) and is_written_out(critic.config):
            gradient = image_gradient(critic, mixed, alpha)
        else:  # any other function of images
            mixed.requires_grad_(True)
            (gradient,) = torch.autograd.grad(critic(mixed, alpha)[0].sum(), mixed, create_graph=True)
        return gradient.square().sum((1, 2, 3)).sqrt()


def gradient_penalty(norms: Tensor, settings: Training) -> Tensor:
    """λ/target² · mean((‖∇D(x̂)‖₂ - target)²)."""
    target = settings.gradient_target
    return settings.gradient_penalty / target**2 * (norms - target).square().mean()


def generator_loss(
    generator: Generator, critic: Critic, latents: Tensor, labels: Tensor, alpha: Alpha, settings: Training
) -> tuple[Tensor, Terms]:
    """-mean(D(G(z))) + label_weight · cross-entropy of the fakes' labels; `generator_loss` is the first term alone."""
    scores, logits = critic.told(labels)(generator(latents, labels, alpha), alpha)
    loss = -scores.mean()
    terms = {"generator_loss": loss}
    if logits.shape[1]:
        terms["label_generator"] = F.cross_entropy(logits, labels)
        loss = loss + settings.label_weight * terms["label_generator"]
    return loss, terms
