"""The loop of a phase: step after step, with log, pictures and snapshots, to its outputs."""

import sys
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from pgan.errors import InputError, PganError
from pgan.files import whole_folder
from pgan.networks import checkpoint
from pgan.networks.checkpoint import Checkpoint, Progress
from pgan.networks.sampling import generate, latents, sample_labels
from pgan.phases import Phase
from pgan.training import engine
from pgan.training.cadence import Cadence
from pgan.training.determinism import machine
from pgan.training.draws import Draws
from pgan.training.interrupt import LAUNCHER_DIED, StopRequest, stop_requests
from pgan.training.job import Job
from pgan.training.parallel import ALONE, Ranks
from pgan.training.preview import NO_FILES, LiveFiles, Preview
from pgan.training.records import LiveLog, Means, Record, Row, check_health, in_short, progress_bar, time_of_all_phases
from pgan.training.snapshots import Position, Snapshots, read_position
from pgan.training.step import Step

SAMPLE_BATCH = 64


class PhaseRun:
    """The state of a running phase, and the loop that advances it."""

    def __init__(self, job: Job, parent: Checkpoint, device: torch.device, ranks: Ranks = ALONE) -> None:
        """`ranks` says which of several processes this is, where they train the phase together."""
        self.job, self.device, self.ranks = job, device, ranks
        self.schedule, self.parent = job.schedule, parent.progress
        phase, settings = job.phase, job.phase.settings(job.settings)
        grown = checkpoint.grow(parent, phase.resolution, job.seed)
        self.ema = grown.ema.to(device)
        self.step = Step(
            grown.generator.to(device),
            grown.critic.to(device),
            self.ema,
            settings,
            phase.lr,
            settings.ema_decay(phase.batch),
            engine.choose(parent.config, settings, phase, device.type),
            ranks,
            phase.accumulate,
        )
        if _continues_level(parent, phase) and parent.optimizers:
            self.step.load_state(parent.optimizers)
        self.draws = Draws(job, self.ema.latent_size, device, ranks)
        self.steps_done = 0
        self.record = Record(job, parent.progress.total_images)
        self.warned = False
        """That no snapshot can be written."""

    def run(
        self, snapshots: Snapshots, snapshot_seconds: float, files: LiveFiles = NO_FILES, ahead: float = 0.0
    ) -> None:
        """Train to the last step, with a progress bar, live files, and snapshots at least `snapshot_seconds` apart.

        `ahead` is what the progress bar should know of later phases (`ahead.images_ahead`).

        Raises:
            RunError: a loss is no longer a number, or exceeds the limit; a file that the phase reads changed.
            Interrupted: SIGINT or SIGTERM came; the snapshot is written.
        """
        self.resume(snapshots)
        cadence, first = Cadence(snapshot_seconds), self.steps_done
        shown = files if self.ranks.leads else NO_FILES
        preview = Preview(shown, self.record.pictures())
        with (
            LiveLog(shown.log, self.record.rows) as live,
            stop_requests() as stop,
            progress_bar(self.job.name, self.schedule, first, shown=self.ranks.leads) as bar,
        ):
            while self.steps_done < self.schedule.steps:
                self._take_pictures(preview)
                self.advance()
                self.job.inputs.check()
                bar.update(self.schedule.images_per_step)
                if self.schedule.logs_after(self.steps_done - 1):
                    row = self._finish_row(snapshots)
                    live.add(row, self.schedule.images(self.steps_done - first))
                    bar.set_postfix_str(in_short(row) + time_of_all_phases(bar, ahead), refresh=False)
                if preview.due():
                    preview.refresh(self._picture)
                number, due = self._agree(stop, cadence)
                if number or due:
                    with stop.saving(), cadence.measured():
                        self.save(snapshots, required=bool(number))
                        number, _ = self._agree(stop, cadence)  # a signal that came meanwhile waits for no other step
                stop.obey(number)
            self._take_pictures(preview)
            if self.steps_done > first:  # should the outputs fail, the training is not lost
                with stop.saving():
                    self.save(snapshots, required=False)
        stop.obey(stop.signal)

    def advance(self) -> None:
        """One step."""
        self.record.add(self.step.run(self.draws, self.steps_done))
        self.steps_done += 1

    def write(self, out: Path) -> None:
        """Write the phase's outputs: all of them, or none. Raises as `whole_folder` does."""
        with whole_folder(out) as part:
            checkpoint.dump(checkpoint.state(self.checkpoint()), part / "checkpoint.pt")
            self.record.write(part, self.step.generator, self.step.critic)

    def checkpoint(self) -> Checkpoint:
        """The networks as they are now."""
        images = self.schedule.images(self.steps_done)
        progress = Progress(self.job.name, self.job.phase.kind, images, self.parent.total_images + images)
        return Checkpoint(self.step.generator, self.step.critic, self.ema, progress, self.step.state())

    # --- snapshots

    def save(self, snapshots: Snapshots, required: bool) -> None:
        """Save a snapshot. One that cannot be written ends the phase only where it is `required`: when it stops.

        Raises:
            RunError: the networks are not worth saving; or the snapshot is required and the disk is full.
        """
        self._check(self.record.means.values(), snapshots)
        self._check(self.step.finiteness(), snapshots)  # the last update came after the last loss
        if not self.ranks.leads:
            return
        rows, means, frames = self.record.rows, self.record.means, list(map(torch.from_numpy, self.record.frames))
        run = Position(self.steps_done, rows, means.sums, means.counts, frames, self._machine())
        try:
            snapshots.save(checkpoint.state(self.checkpoint()) | {"run": vars(run)})
            self.warned = False
        except PganError as error:
            if required:
                raise
            if not self.warned:  # once, not every few seconds for days
                _say(f"no snapshot, training continues and tries again: {error}")
            self.warned = True

    def resume(self, snapshots: Snapshots) -> None:
        """Continue from the newest snapshot, if there is one. Raises InputError where it holds something else."""
        content = self.ranks.from_leader(snapshots.load)
        if content is None:
            return
        try:
            position = read_position(content["run"], self.schedule.steps)
            self._load_state(checkpoint.from_state(content, "snapshot"), position)
        except (InputError, KeyError, TypeError, ValueError):  # whole, but not what we write
            what = "holds no state of this phase; delete it, and the phase begins again"
            raise InputError(f"{snapshots.path}: {what}") from None
        now, before = self._machine(), position.machine
        changes = [f"{key} {before[key]} → {value}" for key, value in now.items() if before.get(key, value) != value]
        if changes and self.ranks.leads:
            what = "its last digits may differ from those of an uninterrupted run"
            _say(f"{self.job.name} continues with other {', '.join(changes)}: {what}")

    def _load_state(self, saved: Checkpoint, position: Position) -> None:
        self.step.generator.load_state_dict(saved.generator.state_dict())
        self.step.critic.load_state_dict(saved.critic.state_dict())
        self.ema.load_state_dict(saved.ema.state_dict())
        optimizers = saved.optimizers or {}
        self.step.load_state(optimizers)
        self.step.set_lr(optimizers["critic"]["param_groups"][0]["lr"])  # a drawn one is kept in the outputs
        self.steps_done, self.record.rows = position.step, position.rows
        self.record.means = Means(position.sums, position.counts)
        self.record.frames = [frame.numpy() for frame in position.frames]

    def _machine(self) -> dict[str, str]:
        """What decides over the last digits: this machine, and whether its compiler worked."""
        return machine(self.device) | {"processes": str(self.ranks.count), "compiled": str(self.step.compiled)}

    def _agree(self, stop: StopRequest, cadence: Cadence) -> tuple[int, int]:
        """What all ranks decide: the signal that any of them received, or 0; whether rank 0 finds a snapshot due."""
        number = stop.signal or (LAUNCHER_DIED if self.ranks.abandoned else 0)
        number, due = self.ranks.largest(number, self.ranks.leads and cadence.due())
        return number, due

    # --- what is recorded

    def _take_pictures(self, preview: Preview) -> None:
        """The fixed latents' images by the EMA generator, if they are due before this step."""
        if self.ranks.leads and self.record.picture_is_due(self.steps_done):
            self.record.frames.append(self._picture())
            preview.keep(self.record.frames[-1], self.record.images_before + self.schedule.images(self.steps_done))

    def _picture(self) -> np.ndarray:
        """The fixed latents' images by the EMA generator as it is: uint8 (n, C, r, r)."""
        count = self.job.settings.samples
        z = latents(count, self.ema.latent_size, self.job.seed, "samples")
        alpha = 1.0 if self.steps_done == self.schedule.steps else self.draws.alpha(self.steps_done)
        return generate(self.ema, z, sample_labels(count, self.ema.classes), SAMPLE_BATCH, alpha)

    def _finish_row(self, snapshots: Snapshots) -> Row:
        means = self.record.means.values()
        self._check(means, snapshots)
        self.record.finish_row(self.steps_done, means)
        return self.record.rows[-1]

    def _check(self, terms: Row, snapshots: Snapshots) -> None:
        kept = f"the last good state is {snapshots.path}" if snapshots.exist() else "its parent's checkpoint stands"
        advice = f"{kept}; lower phases.{self.job.name}.lr or raise the batch"
        kimg = self.schedule.images(self.steps_done) / 1000
        check_health(terms, self.job.settings.divergence_limit, self.job.name, kimg, advice)


def _continues_level(parent: Checkpoint, phase: Phase) -> bool:
    """Whether the level of detail stays constant from the parent on: then the official code keeps Adam's state."""
    same = parent.resolution == phase.resolution and phase.kind != "grow"
    return same and parent.progress.kind == phase.kind


def _say(warning: str) -> None:
    tqdm.write(f"warning: {warning}", file=sys.stderr)
