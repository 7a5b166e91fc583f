"""One training step: critic updates with the EMA after each, then a generator update."""

import math
from typing import Any

import torch
from torch import Tensor
from torch._dynamo.exc import TorchDynamoException

from pgan.networks.layers import downsample, upsample
from pgan.networks.progressive import Alpha, Critic, Generator
from pgan.training.config import Training
from pgan.training.engine import PLAIN, Engine, Loss, compiled, warn_of_failed_compilation
from pgan.training.losses import Terms, critic_loss, generator_loss
from pgan.training.parallel import ALONE, Ranks


class Step:
    """The networks with their optimizers, and the two updates.

    What makes it fast stands where it belongs: one call of the critic for reals and fakes (`losses.judge`), a gradient
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
        self.compiled = engine.compiled
        engine.prepare(generator, critic, ema)
        self.optimizers = {
            "generator": self._adam(generator, lr),
            "critic": self._adam(critic, lr),
        }
        self.losses: dict[str, Loss] = {"critic": self.critic_loss, "generator": self.generator_loss}
        if self.compiled:
            self.losses = {name: compiled(loss) for name, loss in self.losses.items()}

    def update_critic(self, reals: Tensor, labels: Tensor, latents: Tensor, mix: Tensor, alpha: Alpha) -> Terms:
        """One Adam step of the critic, then the EMA of the generator; returns the detached loss terms."""
        self.critic.requires_grad_(True)
        terms = self._update("critic", reals, labels, latents, mix, alpha)
        average(self.ema, self.generator, self.ema_decay)
        return terms

    def update_generator(self, latents: Tensor, labels: Tensor, alpha: Alpha) -> Terms:
        """One Adam step of the generator; returns the detached loss terms."""
        self.critic.requires_grad_(False)  # its gradients would be computed and thrown away
        return self._update("generator", latents, labels, alpha)

    def critic_loss(
        self, reals: Tensor, labels: Tensor, latents: Tensor, mix: Tensor, alpha: Alpha
    ) -> tuple[Tensor, Terms]:
        """The critic's loss on reals (N, C, r, r) and as many fakes; see `losses.critic_loss`."""
        with torch.no_grad():
            fakes = self.generator(latents, labels, alpha)
        return critic_loss(self.critic, reals, fakes, labels, mix, alpha, self.settings)

    def generator_loss(self, latents: Tensor, labels: Tensor, alpha: Alpha) -> tuple[Tensor, Terms]:
        """The generator's loss; see `losses.generator_loss`."""
        return generator_loss(self.generator, self.critic, latents, labels, alpha, self.settings)

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

    def _adam(self, network: Generator | Critic, lr: float) -> torch.optim.Adam:
        s = self.settings
        fused = next(network.parameters()).device.type in ("cpu", "cuda")
        return torch.optim.Adam(
            network.parameters(), lr, betas=(s.adam_beta1, s.adam_beta2), eps=s.adam_epsilon, fused=fused
        )

    def _update(self, name: str, *inputs: Any) -> Terms:
        """One Adam step on a loss; the detached terms. Where compiled code fails, go on without it from here."""
        try:
            loss, terms = self.losses[name](*inputs)
            terms = {key: term.detach() for key, term in terms.items()}
            self._apply(name, loss, terms)
        except TorchDynamoException as error:
            if not self.compiled:
                raise
            warn_of_failed_compilation(error)
            self.compiled = False
            self.losses = {"critic": self.critic_loss, "generator": self.generator_loss}
            return self._update(name, *inputs)  # the failure came before Adam's step: nothing has changed
        return terms

    def _apply(self, name: str, loss: Tensor, terms: Terms) -> None:
        optimizer = self.optimizers[name]
        optimizer.zero_grad()
        loss.backward()
        gradients = [p.grad for p in optimizer.param_groups[0]["params"] if p.grad is not None]
        self.ranks.average([*gradients, *terms.values()])  # the terms travel with them, for nothing
        optimizer.step()


@torch.no_grad()
def average(ema: Generator, generator: Generator, decay: float) -> None:
    """ema ← decay·ema + (1 - decay)·generator, parameter by parameter."""
    torch._foreach_lerp_(list(ema.parameters()), list(generator.parameters()), 1.0 - decay)


def prepare_reals(images: Tensor, alpha: Alpha, mirror: Tensor | None) -> Tensor:
    """Real images as the critic sees them.

    uint8 (N, C, r, r) -> float in [-1, 1]; flipped where `mirror` (N,) is true; while growing, faded with their own
    2×2 means like the generator's images: lerp(x, up(down(x)), 1 - alpha).
    """
    x = images.float() / 127.5 - 1.0
    if mirror is not None:
        x = torch.where(mirror.view(-1, 1, 1, 1), x.flip(3), x)
    if isinstance(alpha, Tensor) or alpha < 1.0:
        coarse = upsample(downsample(x))
        x = coarse + (x - coarse) * alpha
    return x
