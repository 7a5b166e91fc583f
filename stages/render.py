"""Stage `render`: all phases' samples, losses and metrics, the last checkpoint, the reals -> data/render.

The page about the run comes last, and holds the pictures: where it is, everything is.
"""

from pathlib import Path

from pgan.rendering.command import render
from pgan.reporting.command import report
from stages.runner import run
from stages.tracking.stage import Stage

PYRAMID = Path("data/pyramid")
TRAIN = Path("data/train")
EVALUATE = Path("data/evaluate")
RENDER = Path("data/render")
FINDINGS = Path("findings.json")
"""Of `pgan new`. DVC cannot watch what may be missing. The page ignores it if it is about other images."""


def main() -> None:
    """Draw what `params.render` says, and put it on a page."""
    render(train=TRAIN, evaluate=EVALUATE, pyramid=PYRAMID, out=RENDER)
    report(
        train=TRAIN,
        evaluate=EVALUATE,
        pyramid=PYRAMID,
        pictures=RENDER,
        findings=FINDINGS,
        out=RENDER / "report.html",
    )


if __name__ == "__main__":
    run(Stage("render", out=RENDER, gathers=(TRAIN, EVALUATE)), main)
