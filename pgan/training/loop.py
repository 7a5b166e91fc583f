"""One phase of training, from the parent's checkpoint to the phase's outputs."""

import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from pgan.data.batches import Stream
from pgan.errors import InputError, PganError
from pgan.files import whole_folder
from pgan.networks import checkpoint
from pgan.networks.checkpoint import Checkpoint, Progress
from pgan.networks.network import Alpha
from pgan.networks.progressive import Progressive
from pgan.networks.sampling import generate, latents, sample_labels
from pgan.phases import Phase
from pgan.randomness import derive, seed_layers, torch_generator
from pgan.training import engine
from pgan.training.adversarial import LOSSES
from pgan.training.augment_reals import augment_reals, draws_per_image
from pgan.training.config import Training
from pgan.training.diff_augment import DRAWS, diff_augment
from pgan.training.inputs import Inputs
from pgan.training.interrupt import LAUNCHER_DIED, StopRequest, stop_requests
from pgan.training.memory import memory_errors
from pgan.training.parallel import ALONE, Ranks
from pgan.training.records import LiveLog, Means, Row, check_health, write_losses, write_samples, write_summary
from pgan.training.schedule import Schedule
from pgan.training.snapshots import Cadence, Position, Snapshots, read_position
from pgan.training.step import Step, prepare_reals
from pgan.training.transfer import Batches

SAMPLE_BATCH = 64


@dataclass(frozen=True)
class Job:
    """All that determines a phase, and where its images come from."""

    name: str
    phase: Phase
    settings: Training
    seed: int
    images: np.ndarray
    """(N, C, r, r) uint8 at the phase's resolution."""
    labels: np.ndarray
    """(N,) int64."""
    inputs: Inputs = field(default_factory=lambda: Inputs([]))
    """The files that all this was read from."""


class PhaseRun:
    """The state of a running phase, and the loop that advances it.

    Everything random is drawn from (seed, phase, step, purpose), so the state after step k is a function of the job and
    of k, however often the run was stopped on the way there.
    """

    def __init__(self, job: Job, parent: Checkpoint, device: torch.device, ranks: Ranks = ALONE) -> None:
        """With several ranks: one of those who run the phase together."""
        self.job, self.device, self.ranks = job, device, ranks
        phase, settings = job.phase, job.phase.settings(job.settings)
        self.schedule = Schedule(
            kimg=phase.kimg,
            batch=phase.batch,
            critic_steps=settings.critic_steps,
            grow=phase.kind == "grow",
            log_every_kimg=settings.log_every_kimg,
            sample_frames=settings.sample_frames,
        )
        self.parent = parent.progress
        grown = checkpoint.grow(parent, phase.resolution, job.seed)
        self.ema = grown.ema.to(device)
        self.step_ = Step(
            grown.generator.to(device),
            grown.critic.to(device),
            self.ema,
            settings,
            phase.lr,
            settings.ema_decay(phase.batch),
            engine.choose(parent.config, settings, phase, self.schedule.steps, device.type),
            ranks,
        )
        if _continues_level(parent, phase) and parent.optimizers:
            self.step_.load_state(parent.optimizers)
        self.batches = Batches(Stream(job.images, job.labels, job.seed, job.name), device)
        self.step = 0
        self.means = Means()
        self.rows: list[Row] = []
        self.frames: list[np.ndarray] = []
        self.warned = False
        """That no snapshot can be written."""

    def run(self, snapshots: Snapshots, snapshot_seconds: float, log: Path | None) -> None:
        """Advance to the last step, with a progress bar, snapshots no more often than that, and a live log.

        Raises:
            RunError: a loss is no longer a number, or exceeds the limit; memory ran out; a file that it reads changed.
            Interrupted: SIGINT or SIGTERM came; the snapshot is written.
        """
        self._resume(snapshots)
        cadence = Cadence(snapshot_seconds)
        first = self.step
        with (
            self._memory_errors(snapshots),
            LiveLog(log if self.ranks.leads else None, self.rows) as live,
            stop_requests() as stop,
            self._bar() as bar,
        ):
            while self.step < self.schedule.steps:
                self._take_pictures()
                self._advance()
                self.job.inputs.check()
                bar.update(self.schedule.images_per_step)
                if self.schedule.logs_after(self.step - 1):
                    self._finish_row(snapshots)
                    live.add(self.rows[-1], self.schedule.images(self.step - first))
                    bar.set_postfix_str(_postfix(self.rows[-1]), refresh=False)
                number, due = self._agree(stop, cadence)
                if number or due:
                    with stop.saving(), cadence.measured():
                        self._save_if_healthy(snapshots, required=bool(number))
                        number, _ = self._agree(stop, cadence)  # who asked meanwhile need not wait for another step
                stop.obey(number)
            self._take_pictures()
            if self.step > first:  # whatever befalls the outputs, the training is not lost
                with stop.saving():
                    self._save_if_healthy(snapshots, required=False)
        stop.obey(stop.signal)

    def write(self, out: Path) -> None:
        """Write the phase's outputs: all of them, or none. Raises as `whole_folder` does."""
        with whole_folder(out) as part:
            checkpoint.dump(checkpoint.state(self.checkpoint()), part / "checkpoint.pt")
            write_losses(part / "losses.csv", self.rows)
            write_samples(part / "samples.npy", self.frames)
            write_summary(part / "summary.json", self.summary())

    def checkpoint(self) -> Checkpoint:
        """The networks as they are now."""
        images = self.schedule.images(self.step)
        progress = Progress(self.job.name, self.job.phase.kind, images, self.parent.total_images + images)
        return Checkpoint(self.step_.generator, self.step_.critic, self.ema, progress, self.step_.state())

    def summary(self) -> dict[str, Any]:
        """What the phase was and where it ended: no times, no places."""
        before = self.parent.total_images
        return {
            "phase": self.job.name,
            "kind": self.job.phase.kind,
            "resolution": self.job.phase.resolution,
            "steps": self.schedule.steps,
            "kimg": self.schedule.images(self.step) / 1000,
            "total_kimg": (before + self.schedule.images(self.step)) / 1000,
            "sample_kimg": [(before + self.schedule.images(s)) / 1000 for s in self.schedule.sample_steps()],
            "generator_parameters": sum(p.numel() for p in self.step_.generator.parameters()),
            "critic_parameters": sum(p.numel() for p in self.step_.critic.parameters()),
            "final": {key: float(f"{value:.6g}") for key, value in self.rows[-1].items()},
        }

    # --- what the ranks decide together

    def _agree(self, stop: StopRequest, cadence: Cadence) -> tuple[int, int]:
        """The signal that any rank was sent, or 0; and whether rank 0 finds a snapshot due."""
        number = stop.signal or (LAUNCHER_DIED if self.ranks.abandoned else 0)
        number, due = self.ranks.largest(number, self.ranks.leads and cadence.due())
        return number, due

    # --- one step

    def _advance(self) -> None:
        """The critic's updates, then the generator's; or both at once."""
        alpha = self._alpha()
        if self.job.settings.simultaneous:
            inputs = self._critic_inputs(0, alpha)
            self._draw_lr("learning rate", 0)
            self._seed_layers("layers", 0)
            self.means.add(self.step_.update_both(*inputs))
        else:
            for repeat in range(self.job.settings.critic_steps):
                inputs = self._critic_inputs(repeat, alpha)
                self._draw_lr("critic learning rate", repeat)
                self._seed_layers("critic layers", repeat)
                self.means.add(self.step_.update_critic(*inputs))
            generator_inputs = self._generator_inputs(alpha, reals=inputs[0], labels=inputs[1])
            self._draw_lr("generator learning rate", 0)
            self._seed_layers("generator layers", 0)
            self.means.add(self.step_.update_generator(*generator_inputs))
        self.step += 1

    def _critic_inputs(self, repeat: int, alpha: Alpha) -> tuple[Any, ...]:
        """Reals, labels, latents, mixing factors, fade and draws, as `Step` takes them."""
        job, n = self.job, self.job.phase.batch
        job.inputs.check()  # reading a mapped file that was cut short would kill the process
        images, labels = self.batches.batch(self.schedule.images(self.step) + repeat * n, n, self.ranks.share)
        reals = self._reals(images, alpha, repeat)
        z = self._normal("critic latents", repeat)
        mix = self._random("mix", repeat, (n, 1, 1, 1))
        draws = self._diff_augment_draws("critic fakes", repeat)
        return reals, labels, z, mix, alpha, draws

    def _generator_inputs(self, alpha: Alpha, reals: Tensor, labels: Tensor) -> tuple[Any, ...]:
        """Latents, labels, fade, draws, and the reals that the critic saw last.

        Where the loss pairs reals and fakes, the labels are those of these reals; else drawn, as often as in the data.
        """
        if not LOSSES[self.job.settings.loss].pairs:
            labels = self._drawn_labels()
        z = self._normal("generator latents", 0)
        draws = self._diff_augment_draws("generator fakes", 0)
        return z, labels, alpha, draws, reals

    def _drawn_labels(self) -> Tensor:
        """(N,) int64, of random images."""
        drawn = self._random("labels", 0, (self.job.phase.batch,)).cpu().double().numpy()
        labels = np.asarray(self.job.labels[(drawn * len(self.job.labels)).astype(np.int64)])
        return torch.from_numpy(labels).to(self.device)

    def _reals(self, images: Tensor, alpha: Alpha, repeat: int) -> Tensor:
        """uint8 (N, C, r, r) -> what the critic sees."""
        settings, n, channels = self.job.settings, self.job.phase.batch, images.shape[1]
        mirror = self._random("mirror", repeat, (n,)) < 0.5 if settings.mirror else None
        augment = None
        if settings.augment_reals is not None:
            drawn = self._random("augment reals", repeat, (n, draws_per_image(channels)))
            augment = partial(augment_reals, draws=drawn, settings=settings.augment_reals)
        reals = prepare_reals(images, alpha, mirror, augment)
        draws = self._diff_augment_draws("reals", repeat)
        return reals if draws is None else diff_augment(reals, draws, settings.diff_augment)

    def _diff_augment_draws(self, what: str, repeat: int) -> Tensor | None:
        if not self.job.settings.diff_augment:
            return None
        return self._random(f"diff augment {what}", repeat, (self.job.phase.batch, DRAWS))

    def _draw_lr(self, purpose: str, repeat: int) -> None:
        """Another learning rate for the next update, where `lr_jitter` wants it."""
        job, jitter = self.job, self.job.settings.lr_jitter
        if jitter is not None:
            rng = np.random.default_rng(derive(job.seed, job.name, self.step, purpose, repeat))
            self.step_.set_lr(job.phase.lr * jitter ** rng.uniform(-1.0, 1.0))

    def _seed_layers(self, purpose: str, repeat: int) -> None:
        """What layers draw by themselves in the next update: dropout, for each rank's share something else."""
        seed_layers(self.job.seed, self.job.name, self.step, purpose, repeat, self.ranks.rank)

    def _alpha(self) -> Alpha:
        if not self.schedule.grow:
            return 1.0
        return torch.tensor(self.schedule.alpha(self.step), device=self.device)

    def _normal(self, purpose: str, repeat: int) -> Tensor:
        generator = torch_generator(self.device, self.job.seed, self.job.name, self.step, purpose, repeat)
        size = (self.job.phase.batch, self.ema.latent_size)
        return torch.randn(size, generator=generator, device=self.device)[self.ranks.share].contiguous()

    def _random(self, purpose: str, repeat: int, size: tuple[int, ...]) -> Tensor:
        generator = torch_generator(self.device, self.job.seed, self.job.name, self.step, purpose, repeat)
        return torch.rand(size, generator=generator, device=self.device)[self.ranks.share].contiguous()

    # --- what is kept

    def _take_pictures(self) -> None:
        """The fixed latents' images by the EMA generator, when this step is one of those."""
        if not self.ranks.leads or self.step not in self.schedule.sample_steps()[len(self.frames) :]:
            return
        count = self.job.settings.samples
        z = latents(count, self.ema.latent_size, self.job.seed, "samples")
        done = self.step == self.schedule.steps
        alpha = 1.0 if done else self._alpha()
        self.frames.append(generate(self.ema, z, sample_labels(count, self.ema.classes), SAMPLE_BATCH, alpha))

    def _finish_row(self, snapshots: Snapshots) -> None:
        images = self.schedule.images(self.step)
        row: Row = {
            "images": images,
            "kimg": images / 1000,
            "total_kimg": (self.parent.total_images + images) / 1000,
            "alpha": self.schedule.alpha(self.step),
        }
        means = self.means.values()
        self._check(means, snapshots)
        self.rows.append(row | {"generator_loss": means.pop("generator_loss")} | means)
        self.means = Means()

    def _check(self, means: Row, snapshots: Snapshots) -> None:
        kept = f"the last good state is {snapshots.path}" if snapshots.exist() else "its parent's checkpoint stands"
        advice = f"{kept}; lower phases.{self.job.name}.lr or raise the batch"
        kimg = self.schedule.images(self.step) / 1000
        check_health(means, self.job.settings.divergence_limit, self.job.name, kimg, advice)

    def _memory_errors(self, snapshots: Snapshots) -> AbstractContextManager[None]:
        job, r = self.job, self.job.phase.resolution
        what = f"{job.name}: a batch of {job.phase.batch} at {r}×{r} pixels on {self.device}"
        networks = self.ema.config
        helps = isinstance(networks, Progressive) and not job.settings.recompute
        advice = (
            f"{'set training.recompute, or ' * helps}lower phases.{job.name}.batch or {networks.width_key}; "
            f"if another program took the memory, the same command continues from {snapshots.path}"
        )
        return memory_errors(what, advice)

    def _save_if_healthy(self, snapshots: Snapshots, required: bool) -> None:
        """Save a snapshot. One that cannot be written ends the phase only where it is `required`: when it stops."""
        self._check(self.means.values(), snapshots)
        self._check(self.step_.finiteness(), snapshots)  # the last update came after the last loss
        if not self.ranks.leads:
            return
        frames = list(map(torch.from_numpy, self.frames))
        run = Position(self.step, self.rows, self.means.sums, self.means.counts, frames, self._machine())
        try:
            snapshots.save(checkpoint.state(self.checkpoint()) | {"run": vars(run)})
            self.warned = False
        except PganError as error:
            if required:
                raise
            if not self.warned:  # not every few seconds for days
                tqdm.write(f"warning: no snapshot, training continues and tries again: {error}", file=sys.stderr)
            self.warned = True

    def _resume(self, snapshots: Snapshots) -> None:
        """Take up the newest snapshot, if there is one."""
        content = self.ranks.from_leader(snapshots.load)
        if content is None:
            return
        try:
            position = read_position(content["run"], self.schedule.steps)
            self._load_state(checkpoint.from_state(content, "snapshot"), position)
        except (InputError, KeyError, TypeError, ValueError):  # whole, but not what we write
            what = "holds no state of this phase; delete it, and the phase begins again"
            raise InputError(f"{snapshots.path}: {what}") from None
        if self.ranks.leads:
            self._compare_machines(position.machine)

    def _compare_machines(self, before: dict[str, str]) -> None:
        """Say so where the results will not be those of a run on one machine."""
        changes = [
            f"{key} {before[key]} → {now}" for key, now in self._machine().items() if before.get(key, now) != now
        ]
        if changes:
            message = f"{self.job.name} continues with other {', '.join(changes)}"
            tqdm.write(
                f"warning: {message}: its last digits may differ from those of an uninterrupted run", file=sys.stderr
            )

    def _machine(self) -> dict[str, str]:
        """What of this machine, and of its luck with the compiler, decides over the last digits."""
        return machine(self.device) | {"processes": str(self.ranks.count), "compiled": str(self.step_.compiled)}

    def _load_state(self, saved: Checkpoint, position: Position) -> None:
        self.step_.generator.load_state_dict(saved.generator.state_dict())
        self.step_.critic.load_state_dict(saved.critic.state_dict())
        self.ema.load_state_dict(saved.ema.state_dict())
        self.step_.load_state(saved.optimizers or {})
        self.step, self.rows = position.step, position.rows
        self.means = Means(position.sums, position.counts)
        self.frames = [frame.numpy() for frame in position.frames]

    def _bar(self) -> "tqdm[Any]":
        """kimg done, img/s, time left, losses; every ten seconds where it goes to a file."""
        return tqdm(
            total=self.schedule.images(self.schedule.steps),
            initial=self.schedule.images(self.step),
            desc=self.job.name,
            unit="img",
            unit_scale=True,
            mininterval=0.5 if sys.stderr.isatty() else 10.0,
            bar_format="{desc}: {percentage:3.0f}%|{bar:20}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, "
            "{rate_fmt}{postfix}]",
            dynamic_ncols=True,
            disable=not self.ranks.leads,
        )


def machine(device: torch.device) -> dict[str, str]:
    """What of this machine decides over the last digits of a sum."""
    if device.type == "cuda":
        strict = torch.are_deterministic_algorithms_enabled()
        return {"device": torch.cuda.get_device_name(device), "deterministic": str(strict)}
    if device.type == "mps":
        return {"device": "MPS"}
    return {"threads": str(torch.get_num_threads()), "instructions": torch.backends.cpu.get_cpu_capability()}


def _continues_level(parent: Checkpoint, phase: Phase) -> bool:
    """Whether the level of detail stays constant from the parent on: then the official code keeps Adam's state."""
    same = parent.resolution == phase.resolution and phase.kind != "grow"
    return same and parent.progress.kind == phase.kind


def _postfix(row: Row) -> str:
    scores = f"D(real) {row['critic_real']:.3g}, D(fake) {row['critic_fake']:.3g}"
    return f"{scores}, penalty {row['gradient_penalty']:.3g}" if "gradient_penalty" in row else scores
