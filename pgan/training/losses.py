"""The losses as they are trained: an adversarial loss, its gradient penalty, drift, and AC-GAN's label terms.

With WGAN-GP they are those of the progressive GAN (official `loss.py`).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from pgan.networks.progressive import Alpha, Critic
from pgan.training.adversarial import LOSSES
from pgan.training.config import Training
from pgan.training.image_gradient import image_gradient

Terms = dict[str, Tensor]


def critic_loss(
    critic: Critic, reals: Tensor, fakes: Tensor, labels: Tensor, mix: Tensor, alpha: Alpha, settings: Training
) -> tuple[Tensor, Terms]:
    """mean(adversarial) + penalty + drift·mean(D(real)²) + label_weight·(cross-entropies of reals and fakes).

    Args:
        reals, fakes: (N, C, r, r) in [-1, 1]; the fakes detached from the generator.
        labels: (N,) of the reals, of which the fakes were made too; unused when the networks have no classes.
        mix: (N, 1, 1, 1), uniform on [0, 1], one factor per sample; unused by all losses but WGAN-GP.

    Returns:
        The loss and its terms, each a scalar: `critic_real` and `critic_fake`, the mean scores; `critic_loss`, the
        adversarial term alone; `gradient_penalty` and `drift` with their weights; `gradient_norm`, the mean norm of the
        gradients that are penalised. A loss without a penalty has no terms of that name.
    """
    (real_scores, real_logits), (fake_scores, fake_logits) = judge(critic, reals, fakes, alpha)
    terms = {
        "critic_real": real_scores.mean(),
        "critic_fake": fake_scores.mean(),
        "critic_loss": LOSSES[settings.loss].of_scores(real_scores, fake_scores)[0].mean(),
        "drift": settings.drift * real_scores.square().mean(),
    }
    loss = terms["critic_loss"] + terms["drift"]
    penalty = penalty_terms(critic, reals, fakes, mix, alpha, settings)
    if penalty:
        loss = loss + penalty["gradient_penalty"]
    if critic.config.classes:
        terms["label_real"] = F.cross_entropy(real_logits, labels)
        terms["label_fake"] = F.cross_entropy(fake_logits, labels)
        loss = loss + settings.label_weight * (terms["label_real"] + terms["label_fake"])
    return loss, terms | penalty


def judge(
    critic: Critic, reals: Tensor, fakes: Tensor, alpha: Alpha
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Scores (N,) and logits (N, classes) of reals and of fakes: by one call of the critic where that is the same.

    They are dealt out alternately, real, fake, real, fake, …  The minibatch stddev groups sample i with i + 2N/group,
    an even distance: so it finds exactly the groups that it would find among N reals, and among N fakes.
    """
    if len(reals) < critic.config.minibatch_stddev:  # a whole batch is less than a group: one group would hold both
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
        if isinstance(critic, Critic):
            gradient = image_gradient(critic, mixed, alpha)
        else:  # any other function of images
            mixed.requires_grad_(True)
            (gradient,) = torch.autograd.grad(critic(mixed, alpha)[0].sum(), mixed, create_graph=True)
        return gradient.square().sum((1, 2, 3)).sqrt()


def gradient_penalty(norms: Tensor, settings: Training) -> Tensor:
    """λ/target² · mean((‖∇D(x̂)‖₂ - target)²)."""
    target = settings.gradient_target
    return settings.gradient_penalty / target**2 * (norms - target).square().mean()


def penalty_terms(critic: Critic, reals: Tensor, fakes: Tensor, mix: Tensor, alpha: Alpha, settings: Training) -> Terms:
    """`gradient_penalty` and `gradient_norm` where the loss has a penalty, else nothing."""
    match LOSSES[settings.loss].penalty:
        case "at mixed images":
            norms = gradient_norms(critic, reals, fakes, mix, alpha)
            return {"gradient_penalty": gradient_penalty(norms, settings), "gradient_norm": norms.mean()}
        case "at reals":
            squares = [squared_norms(critic, reals, alpha)]
        case "at reals and fakes":
            squares = [squared_norms(critic, reals, alpha), squared_norms(critic, fakes, alpha)]
        case None:
            return {}
    return {
        "gradient_penalty": 0.5 * settings.gradient_penalty * torch.stack(squares).sum(0).mean(),
        "gradient_norm": torch.stack(squares).detach().sqrt().mean(),
    }


def squared_norms(critic: Critic, images: Tensor, alpha: Alpha) -> Tensor:
    """‖∇D(x)‖² at each image, (N,), differentiable: R1 takes it at reals, R2 at fakes (Mescheder et al. 2018, (9)).

    In float32 or better, as `gradient_norms`. Not the square of a norm: at a gradient of zero, where these penalties
    lead, the norm has no derivative.
    """
    precise = torch.promote_types(images.dtype, torch.float32)
    with torch.autocast(images.device.type, enabled=False):
        images = images.to(precise)
        if isinstance(critic, Critic):
            gradient = image_gradient(critic, images, alpha)
        else:  # any other function of images
            images = images.detach().requires_grad_(True)
            (gradient,) = torch.autograd.grad(critic(images, alpha)[0].sum(), images, create_graph=True)
        return gradient.square().sum((1, 2, 3))


def generator_loss(
    critic: Critic, fakes: Tensor, labels: Tensor, alpha: Alpha, settings: Training, reals: Tensor | None = None
) -> tuple[Tensor, Terms]:
    """mean(adversarial) + label_weight · cross-entropy of the fakes' labels; `generator_loss` is the first term alone.

    Args:
        fakes: (N, C, r, r), attached to the generator.
        labels: (N,), of which they were made.
        reals: as many, for the losses that pair them; the others do without.
    """
    scores, logits = critic(fakes, alpha)
    adversarial = LOSSES[settings.loss]
    if adversarial.pairs:
        assert reals is not None
        real_scores = critic(reals, alpha)[0].detach()
    else:  # the reals are not judged: a loss that uses them all the same must not go unnoticed
        real_scores = torch.full_like(scores, torch.nan)
    loss = adversarial.of_scores(real_scores, scores)[1].mean()
    terms = {"generator_loss": loss}
    if critic.config.classes:
        terms["label_generator"] = F.cross_entropy(logits, labels)
        loss = loss + settings.label_weight * terms["label_generator"]
    return loss, terms
