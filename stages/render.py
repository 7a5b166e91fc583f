"""Stage `render`: all phases' samples, losses and metrics, the last checkpoint, the reals -> data/render."""

from pathlib import Path

from pgan.rendering.command import render
from stages.runner import run
from stages.tracking.stage import Stage

PYRAMID = Path("data/pyramid")
TRAIN = Path("data/train")
EVALUATE = Path("data/evaluate")
RENDER = Path("data/render")


def main() -> None:
    """Draw what `params.render` says."""
    render(train=TRAIN, evaluate=EVALUATE, pyramid=PYRAMID, out=RENDER)


if __name__ == "__main__":
    run(Stage("render", out=RENDER, gathers=(TRAIN, EVALUATE)), main)
