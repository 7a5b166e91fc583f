"""Stage `evaluate@<phase>`: the phase's checkpoint, the reals of its resolution, the feature space -> metrics.json.

Beside it: generated images with the training images that are nearest to them.
"""

from pathlib import Path

from pgan.metrics.command import evaluate
from stages.runner import phase_argument, run
from stages.tracking.stage import Stage

PYRAMID = Path("data/pyramid")
FEATURES = Path("data/features")
TRAIN = Path("data/train")
EVALUATE = Path("data/evaluate")


def main(phase: str) -> None:
    """Measure the phase's EMA generator as `params.evaluate` says."""
    evaluate(
        checkpoint=TRAIN / phase / "checkpoint.pt",
        out=EVALUATE / phase / "metrics.json",
        pyramid=PYRAMID,
        features=FEATURES,
        nearest=EVALUATE / phase,
    )


if __name__ == "__main__":
    name = phase_argument()
    run(Stage("evaluate", name, out=EVALUATE / name), lambda: main(name))
