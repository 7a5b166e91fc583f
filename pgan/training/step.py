"""One training step: critic updates with the EMA after each, then a generator update; or both networks at once."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._dynamo.exc import TorchDynamoException
from torch.func import functional_call

from pgan.networks.layers import downsample, upsample
from pgan.networks.network import Alpha, Critic, Generator, Network
from pgan.training.config import Training
from pgan.training.diff_augment import diff_augment
from pgan.training.engine import PLAIN, Engine, Loss, compiled, warn_of_failed_compilation
from pgan.training.losses import Terms, critic_loss, generator_loss
from pgan.training.parallel import ALONE, Ranks
from pgan.training.precision import autocast


class Step:
    """The networks with their optimizers, and their updates.

    All updates take: reals (N, C, r, r) as the critic is to see them; labels (N,); latents (N, latent_size); mix
    (N, 1, 1, 1), the mixing factors of the gradient penalty; the fade; draws (N, DRAWS), with which `diff_augment`
    changes the fakes, unused where `settings.diff_augment` is empty.  They return the detached loss terms.

    What makes it fast stands where it belongs: one call of the critic for all images (`losses.examine`), a gradient
    penalty without a second derivative (`image_gradient`), and here fused Adam, one call for the whole average, a
    critic that computes no gradients of its own while the generator learns, and what the engine says.
    """

    def __init__(
        self,
        generator: Generator,
        critic: Critic,
        ema: Generator,
        settings: Training,
        lr: float,
        ema_decay: float,
        engine: Engine = PLAIN,
        ranks: Ranks = ALONE,
    ) -> None:
        """The networks stay the caller's own; their parameters are laid out anew in memory where the engine says so."""
        self.ranks = ranks
        self.generator, self.critic, self.ema = generator, critic, ema
        self.settings, self.ema_decay = settings, ema_decay
        self.device = next(generator.parameters()).device.type
        self.compiled = engine.compiled
        engine.prepare(generator, critic, ema)
        self.optimizers = {
            "generator": self._adam(generator, lr),
            "critic": self._adam(critic, lr),
        }
        self.losses = self._losses()
        if self.compiled:
            self.losses = {name: compiled(loss) for name, loss in self.losses.items()}

    def update_critic(
        self, reals: Tensor, labels: Tensor, latents: Tensor, mix: Tensor, alpha: Alpha, draws: Tensor | None = None
    ) -> Terms:
        """One Adam step of the critic, then the EMA of the generator."""
        return self._update_and_average("critic", reals, labels, latents, mix, alpha, draws)

    def update_generator(
        self,
        latents: Tensor,
        labels: Tensor,
        alpha: Alpha,
        draws: Tensor | None = None,
        reals: Tensor | None = None,
    ) -> Terms:
        """One Adam step of the generator; reals are needed by losses that pair them."""
        self.critic.requires_grad_(False)  # its gradients would be computed and thrown away
        return self._update("generator", latents, labels, alpha, draws, reals)

    def update_both(
        self, reals: Tensor, labels: Tensor, latents: Tensor, mix: Tensor, alpha: Alpha, draws: Tensor | None = None
    ) -> Terms:
        """One Adam step of both networks, each by its gradient before either has moved; then the EMA."""
        return self._update_and_average("both", reals, labels, latents, mix, alpha, draws)

    def set_lr(self, lr: float) -> None:
        """Adam's learning rate from here on."""
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = lr

    def critic_loss(
        self, reals: Tensor, labels: Tensor, latents: Tensor, mix: Tensor, alpha: Alpha, draws: Tensor | None = None
    ) -> tuple[Tensor, Terms]:
        """The critic's loss; see `losses.critic_loss`."""
        with torch.no_grad():
            fakes = self.fakes(latents, labels, alpha, draws)
        return critic_loss(self.critic, reals, fakes, labels, mix, alpha, self.settings)

    def generator_loss(
        self,
        latents: Tensor,
        labels: Tensor,
        alpha: Alpha,
        draws: Tensor | None = None,
        reals: Tensor | None = None,
    ) -> tuple[Tensor, Terms]:
        """The generator's loss; see `losses.generator_loss`."""
        fakes = self.fakes(latents, labels, alpha, draws)
        return generator_loss(self.critic, fakes, labels, alpha, self.settings, reals)

    def both_losses(
        self, reals: Tensor, labels: Tensor, latents: Tensor, mix: Tensor, alpha: Alpha, draws: Tensor | None = None
    ) -> tuple[Tensor, Terms]:
        """The sum of both losses, of the same fakes, whose gradient by each network is that of its own loss alone."""
        fakes = self.fakes(latents, labels, alpha, draws)
        critics, terms = critic_loss(self.critic, reals, fakes.detach(), labels, mix, alpha, self.settings)
        frozen = Frozen(self.critic)
        generators, more = generator_loss(frozen, fakes, labels, alpha, self.settings, reals)  # type: ignore[arg-type]
        return critics + generators, terms | more

    def fakes(self, latents: Tensor, labels: Tensor, alpha: Alpha, draws: Tensor | None) -> Tensor:
        """Generated images as the critic sees them."""
        images = self.generator(latents, labels, alpha)
        if not self.settings.diff_augment:
            return images
        assert draws is not None
        return diff_augment(images, draws, self.settings.diff_augment)

    def finiteness(self) -> dict[str, float]:
        """For each network 0, or NaN where one of its weights is no longer a finite number."""
        networks = {"a weight of the generator": self.generator, "a weight of the critic": self.critic}
        finite = {name: all(bool(p.isfinite().all()) for p in n.parameters()) for name, n in networks.items()}
        return {name: 0.0 if good else math.nan for name, good in finite.items()}

    def state(self) -> dict[str, Any]:
        """Adam's state, by network."""
        return {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()}

    @torch.no_grad()
    def load_state(self, state: dict[str, Any]) -> None:
        """Continue with a saved Adam state; learning rate, betas and epsilon stay those of this step."""
        for name, optimizer in self.optimizers.items():
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": state[name]["state"], "param_groups": groups})
            for parameter, own in optimizer.state.items():
                own["step"] = own["step"].clone()  # what was given stays as it is
                for key in ("exp_avg", "exp_avg_sq"):  # fused Adam takes for granted that these lie like the parameter
                    own[key] = torch.empty_like(parameter).copy_(own[key])

    def _adam(self, network: Network, lr: float) -> torch.optim.Adam:
        s, fused = self.settings, self.device in ("cpu", "cuda")
        return torch.optim.Adam(
            network.parameters(), lr, betas=(s.adam_beta1, s.adam_beta2), eps=s.adam_epsilon, fused=fused
        )

    def _update_and_average(self, name: str, *inputs: Any) -> Terms:
        """An update by which the critic learns, then the EMA."""
        self.critic.requires_grad_(True)
        terms = self._update(name, *inputs)
        average(self.ema, self.generator, self.ema_decay)
        return terms

    def _update(self, name: str, *inputs: Any) -> Terms:
        """One Adam step on a loss; the detached terms. Where compiled code fails, go on without it from here."""
        try:
            with autocast(self.settings.precision, self.device):
                loss, terms = self.losses[name](*inputs)
            terms = {key: term.detach() for key, term in terms.items()}
            self._apply(name, loss, terms)
        except TorchDynamoException as error:
            if not self.compiled:
                raise
            warn_of_failed_compilation(error)
            self.compiled = False
            self.losses = self._losses()
            return self._update(name, *inputs)  # the failure came before Adam's step: nothing has changed
        return terms

    def _losses(self) -> dict[str, Loss]:
        """By what they move."""
        return {"critic": self.critic_loss, "generator": self.generator_loss, "both": self.both_losses}

    def _apply(self, name: str, loss: Tensor, terms: Terms) -> None:
        moved = self.optimizers.values() if name == "both" else [self.optimizers[name]]
        for optimizer in moved:
            optimizer.zero_grad()
        loss.backward()
        parameters = [p for optimizer in moved for p in optimizer.param_groups[0]["params"]]
        gradients = [p.grad for p in parameters if p.grad is not None]
        self.ranks.average([*gradients, *terms.values()])  # the terms travel with them, for nothing
        for optimizer in moved:
            optimizer.step()
        if self.settings.weight_clip is not None and name != "generator":
            clip(self.critic, self.settings.weight_clip)


class Frozen:
    """A critic through which gradients pass and at which none arrive, while the same critic learns elsewhere."""

    def __init__(self, critic: Critic) -> None:
        self.config = critic.config
        self._critic = critic
        self._parameters = {name: p.detach() for name, p in critic.named_parameters()}

    def conditioned_on(self, labels: Tensor) -> "Frozen":
        """See `Critic.conditioned_on`."""
        return Frozen(self._critic.conditioned_on(labels))

    def __call__(self, images: Tensor, alpha: Alpha) -> tuple[Tensor, Tensor]:
        return functional_call(self._critic, self._parameters, (images, alpha))


@torch.no_grad()
def clip(critic: Critic, limit: float) -> None:
    """Each parameter to [-limit, limit] (Arjovsky et al. 2017, algorithm 1)."""
    parameters = tuple(critic.parameters())
    torch._foreach_clamp_min_(parameters, -limit)
    torch._foreach_clamp_max_(parameters, limit)


@torch.no_grad()
def average(ema: Generator, generator: Generator, decay: float) -> None:
    """ema ← decay·ema + (1 - decay)·generator, parameter by parameter; batch norm's statistics, which are averages
    already, are copied."""
    torch._foreach_lerp_(list(ema.parameters()), list(generator.parameters()), 1.0 - decay)
    for mine, theirs in zip(ema.buffers(), generator.buffers(), strict=True):
        mine.copy_(theirs)


def prepare_reals(
    images: Tensor, alpha: Alpha, mirror: Tensor | None, augment: Callable[[Tensor], Tensor] | None = None
) -> Tensor:
    """Real images as the critic sees them.

    uint8 (N, C, r, r) -> float in [-1, 1]; flipped where `mirror` (N,) is true; augmented, as if the data set held such
    images; while growing, faded with their own 2×2 means like the generator's images: lerp(x, up(down(x)), 1 - alpha).
    """
    x = images.float() / 127.5 - 1.0
    if mirror is not None:
        x = torch.where(mirror.view(-1, 1, 1, 1), x.flip(3), x)
    if augment is not None:
        x = augment(x)
    if isinstance(alpha, Tensor) or alpha < 1.0:
        coarse = upsample(downsample(x))
        x = coarse + (x - coarse) * alpha
    return x
