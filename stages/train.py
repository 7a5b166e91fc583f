"""Stage `train@<phase>`: the parent's checkpoint, one level of the pyramid -> data/train/<phase>.

Beside these outputs, and no part of them: data/logs/<phase>.csv, the losses and img/s as they come, and the snapshots
of an unfinished phase under .pgan/snapshots in the repository's root.
"""

from pathlib import Path

from pgan.training.command import train
from stages.launch import launch
from stages.runner import Stage, phase_argument, root, run

PYRAMID = Path("data/pyramid")
TRAIN = Path("data/train")
LOGS = Path("data/logs")


def main(phase: str) -> None:
    """Train the phase of `params.phases`, in as many processes as $PGAN_LAUNCHER starts."""
    snapshots, log = root() / ".pgan/snapshots", LOGS / f"{phase}.csv"
    launch(train, phase, pyramid=PYRAMID, out=TRAIN / phase, snapshots=snapshots, log=log)


if __name__ == "__main__":
    name = phase_argument()
    run(Stage("train", name, out=TRAIN / name, live=LOGS / f"{name}.csv"), lambda: main(name))
