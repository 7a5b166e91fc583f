"""Stage `render`: all phases' samples, losses and metrics, the last checkpoint, the reals -> data/render.

Beside that folder: data/metrics.json, by which DVC compares runs, and data/generator.safetensors, the final generator
by itself, which `dvc artifacts get` hands out.

The page about the run comes last, and holds the pictures: where it is, everything is.
"""

from pathlib import Path

from pgan.config import Parameters
from pgan.interchange.export_command import export
from pgan.phases import read_phases
from pgan.rendering.command import render
from pgan.reporting.command import report
from stages.runner import run
from stages.tracking.stage import PARAMS, Stage

PYRAMID = Path("data/pyramid")
TRAIN = Path("data/train")
EVALUATE = Path("data/evaluate")
RENDER = Path("data/render")
HEADLINE = Path("data/metrics.json")
GENERATOR = Path("data/generator.safetensors")
"""Its description, generator.json, comes to lie beside it."""
FINDINGS = Path("findings.json")
"""Of `pgan new`. DVC cannot watch what may be missing. The page ignores it if it is about other images."""


def main() -> None:
    """Draw what `params.render` says, put it on a page, and export the generator of the last phase."""
    final = list(read_phases(Parameters.read(PARAMS)))[-1]
    render(train=TRAIN, evaluate=EVALUATE, pyramid=PYRAMID, out=RENDER, headline=HEADLINE)
    export(TRAIN / final / "checkpoint.pt", GENERATOR)
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
