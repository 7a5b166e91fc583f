"""One training step: critic updates with the EMA after each, then a generator update; or both networks at once."""

import math
from collections.abc import Callable, Iterator
from typing import Any, cast

import torch
from torch import Tensor
from torch._dynamo.exc import TorchDynamoException
from torch.func import functional_call

from pgan.networks.network import Alpha, Critic, Generator, Network
from pgan.training.config import Training
from pgan.training.diff_augment import diff_augment
from pgan.training.draws import CriticBatch, Draws, GeneratorBatch, Update
from pgan.training.engine import PLAIN, Engine, compiled, warn_of_failed_compilation
from pgan.training.losses import Terms, critic_loss, generator_loss
from pgan.training.parallel import ALONE, Ranks
from pgan.training.precision import autocast

Batch = CriticBatch | GeneratorBatch


class Step:
    """Both networks with their optimizers, and the updates that train them. Each update returns detached loss terms.

    What makes it fast is elsewhere: one call of the critic for all images and a gradient penalty without a second
    derivative (`losses.choose_path`), compiled code and memory layout (`engine`).  Here it is fused Adam, one call for
    the whole average, and a critic that computes no gradients of its own while the generator learns.
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
        accumulate: int = 1,
    ) -> None:
        """The networks stay the caller's own; the engine may lay out their parameters in memory differently.

        Each batch is computed in `accumulate` parts, which need less memory.
        """
        self.ranks, self.accumulate = ranks, accumulate
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

    # --- the step (Gulrajani et al. 2017, algorithm 1)

    def run(self, draws: Draws, number: int) -> list[Terms]:
        """Step `number` of a phase: `critic_steps` updates of the critic, then one of the generator; or one of both."""
        if self.settings.simultaneous:
            batch = draws.critic_batch(number, 0)
            self._begin_update(draws, number, "both")
            return [self.update_both(batch)]
        terms = []
        for repeat in range(self.settings.critic_steps):
            batch = draws.critic_batch(number, repeat)
            self._begin_update(draws, number, "critic", repeat)
            terms.append(self.update_critic(batch))
        generator_batch = draws.generator_batch(number, shown=batch)
        self._begin_update(draws, number, "generator")
        return [*terms, self.update_generator(generator_batch)]

    def update_critic(self, batch: CriticBatch) -> Terms:
        """One Adam step of the critic, then the EMA of the generator."""
        return self._update_and_average("critic", batch)

    def update_generator(self, batch: GeneratorBatch) -> Terms:
        """One Adam step of the generator."""
        self.critic.requires_grad_(False)  # its gradients would be computed and thrown away
        return self._update("generator", batch)

    def update_both(self, batch: CriticBatch) -> Terms:
        """One Adam step of both networks, each by its gradient before either has moved; then the EMA."""
        return self._update_and_average("both", batch)

    def set_lr(self, lr: float) -> None:
        """Adam's learning rate from here on."""
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = lr

    # --- the losses

    def critic_loss(self, batch: CriticBatch) -> tuple[Tensor, Terms]:
        """The critic's loss; see `losses.critic_loss`."""
        with torch.no_grad():
            fakes = self.fakes(batch)
        return critic_loss(self.critic, batch, fakes, self.settings)

    def generator_loss(self, batch: GeneratorBatch) -> tuple[Tensor, Terms]:
        """The generator's loss; see `losses.generator_loss`."""
        return generator_loss(self.critic, batch, self.fakes(batch), self.settings)

    def both_losses(self, batch: CriticBatch) -> tuple[Tensor, Terms]:
        """The sum of both losses, of the same fakes. Each network's gradient comes from its own loss alone."""
        fakes = self.fakes(batch)
        critics, terms = critic_loss(self.critic, batch, fakes.detach(), self.settings)
        frozen = cast(Critic, FrozenCritic(self.critic))
        generators, more = generator_loss(frozen, batch, fakes, self.settings)
        return critics + generators, terms | more

    def fakes(self, batch: Batch) -> Tensor:
        """Generated images as the critic sees them, (N, C, r, r)."""
        images = self.generator(batch.latents, batch.labels, batch.alpha)
        if not self.settings.diff_augment:
            return images
        assert batch.augmentation is not None
        return diff_augment(images, batch.augmentation, self.settings.diff_augment)

    # --- what is kept

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
        """Continue with a saved Adam state; learning rate, betas and epsilon stay as they are."""
        for name, optimizer in self.optimizers.items():
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": state[name]["state"], "param_groups": groups})
            for parameter, own in optimizer.state.items():
                own["step"] = own["step"].clone()  # leave the caller's tensors as they are
                for key in ("exp_avg", "exp_avg_sq"):  # fused Adam expects the parameter's memory layout
                    own[key] = torch.empty_like(parameter).copy_(own[key])

    def _adam(self, network: Network, lr: float) -> torch.optim.Adam:
        s, fused = self.settings, self.device in ("cpu", "cuda")
        return torch.optim.Adam(
            network.parameters(), lr, betas=(s.adam_beta1, s.adam_beta2), eps=s.adam_epsilon, fused=fused
        )

    # --- an update

    def _begin_update(self, draws: Draws, number: int, update: Update, repeat: int = 0) -> None:
        self.set_lr(draws.lr(number, update, repeat))
        draws.seed_layers(number, update, repeat)

    def _update_and_average(self, update: Update, batch: CriticBatch) -> Terms:
        """An update that trains the critic, alone or not; then the EMA."""
        self.critic.requires_grad_(True)
        terms = self._update(update, batch)
        average(self.ema, self.generator, self.ema_decay)
        return terms

    def _update(self, update: Update, batch: Batch) -> Terms:
        """One Adam step on a loss; the detached terms. Where compiled code fails, this and later steps run eagerly."""
        moved = list(self.optimizers.values()) if update == "both" else [self.optimizers[update]]
        try:
            terms = self._differentiate(update, batch, moved)
        except TorchDynamoException as error:
            if not self.compiled:
                raise
            warn_of_failed_compilation(error)
            self.compiled = False
            self.losses = self._losses()
            return self._update(update, batch)  # the failure came before Adam's step: nothing has changed
        self._apply(update, moved, terms)
        return terms

    def _differentiate(self, update: Update, batch: Batch, moved: list[torch.optim.Adam]) -> Terms:
        """Leave the loss's gradient in the parameters; returns the terms. Both are means over the batch's parts."""
        for optimizer in moved:
            optimizer.zero_grad()
        found: Terms = {}
        for part in in_parts(batch, self.accumulate):
            with autocast(self.settings.precision, self.device):
                loss, terms = self.losses[update](part)
            (loss if self.accumulate == 1 else loss / self.accumulate).backward()
            for name, term in terms.items():
                share = term.detach() if self.accumulate == 1 else term.detach() / self.accumulate
                found[name] = found[name] + share if name in found else share
        return found

    def _losses(self) -> dict[Update, Callable[..., tuple[Tensor, Terms]]]:
        return {"critic": self.critic_loss, "generator": self.generator_loss, "both": self.both_losses}

    def _apply(self, update: Update, moved: list[torch.optim.Adam], terms: Terms) -> None:
        parameters = [p for optimizer in moved for p in optimizer.param_groups[0]["params"]]
        gradients = [p.grad for p in parameters if p.grad is not None]
        self.ranks.average([*gradients, *terms.values()])  # the terms travel along in the same exchange
        for optimizer in moved:
            optimizer.step()
        if self.settings.weight_clip is not None and update != "generator":
            clip(self.critic, self.settings.weight_clip)


def in_parts(batch: Batch, count: int) -> Iterator[Batch]:
    """A batch in `count` parts of the same size: part i has the samples i, i + count, i + 2·count, …

    As with ranks (`parallel.Ranks.share`), each part then has whole minibatch-stddev groups: those of the whole batch.
    """
    if count == 1:
        yield batch
        return
    tensors = {name: value for name, value in batch._asdict().items() if isinstance(value, Tensor) and value.dim()}
    for part in range(count):
        yield batch._replace(**{name: value[part::count].contiguous() for name, value in tensors.items()})


class FrozenCritic:
    """The critic with its weights as constants: gradients pass through it to the images, and none reach its weights.

    In one backward pass, the generator learns through it while the critic itself learns from its own loss.
    """

    def __init__(self, critic: Critic) -> None:
        self._critic = critic
        self._parameters = {name: p.detach() for name, p in critic.named_parameters()}

    def conditioned_on(self, labels: Tensor) -> "FrozenCritic":
        """See `Critic.conditioned_on`."""
        return FrozenCritic(self._critic.conditioned_on(labels))

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
