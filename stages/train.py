"""Stage `train@<phase>`: the parent's checkpoint, one level of the pyramid -> data/train/<phase>.

Some things are written outside these outputs, for eyes and MLflow.  While the phase trains, data/logs/<phase>.csv has
the losses and the speed, data/logs/<phase>/ grids of samples, and data/render/preview.png the newest grid.
.pgan/snapshots, in the repository's root, has the snapshots of an unfinished phase.
"""

from contextlib import suppress
from pathlib import Path

from pgan.training.command import train
from stages.launch import launch
from stages.runner import phase_argument, run
from stages.tracking.stage import Stage, root

PYRAMID = Path("data/pyramid")
TRAIN = Path("data/train")
LOGS = Path("data/logs")
PREVIEW = Path("data/render/preview.png")


def main(phase: str) -> None:
    """Train the phase of `params.phases`, in as many processes as $PGAN_LAUNCHER starts."""
    snapshots, log, finished = root() / ".pgan/snapshots", LOGS / f"{phase}.csv", _finished(phase)
    finished.unlink(missing_ok=True)
    live = {"log": log, "preview": PREVIEW, "pictures": LOGS / phase}
    launch(train, phase, pyramid=PYRAMID, out=TRAIN / phase, snapshots=snapshots, finished=finished, **live)


def forget(phase: str) -> None:
    """Delete the last snapshot: DVC is about to record the outputs, which hold the same."""
    from pgan.training.snapshots import discard

    with suppress(OSError):
        discard(Path(_finished(phase).read_text(encoding="utf-8")))
        _finished(phase).unlink()


def _finished(phase: str) -> Path:
    """The file in which `pgan train` says where its last snapshot is."""
    return LOGS / f"{phase}.finished"


if __name__ == "__main__":
    name = phase_argument()
    kept = "; the trained phase is kept as a snapshot"
    stage = Stage("train", name, out=TRAIN / name, live=LOGS / f"{name}.csv", pictures=LOGS / name, kept=kept)
    run(stage, lambda: main(name), last=lambda: forget(name))
