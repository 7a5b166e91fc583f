"""Stage `features`: the pyramid -> data/features (the feature network, the reals' features, its accuracy)."""

from pathlib import Path

from pgan.metrics.command import features
from stages.runner import run
from stages.tracking.stage import Stage

PYRAMID = Path("data/pyramid")
FEATURES = Path("data/features")


def main() -> None:
    """Make the feature space of `params.features`."""
    features(pyramid=PYRAMID, out=FEATURES)


if __name__ == "__main__":
    run(Stage("features", out=FEATURES), main)
