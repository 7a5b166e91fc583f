"""Stage `prepare`: a source of images -> data/pyramid (one uint8 array per resolution, labels, meta.json)."""

from pathlib import Path

from pgan.prepare.command import prepare
from stages.runner import run
from stages.tracking.stage import Stage

PYRAMID = Path("data/pyramid")


def main() -> None:
    """Make the pyramid of `params.prepare`."""
    prepare(out=PYRAMID)


if __name__ == "__main__":
    run(Stage("prepare", out=PYRAMID), main)
