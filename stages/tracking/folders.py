"""Where the stages write, relative to the repository."""

from pathlib import Path

from pgan.untrusted.inputs import read_json

TRAIN = Path("data/train")
EVALUATE = Path("data/evaluate")
FEATURES = Path("data/features")
PYRAMID = Path("data/pyramid")
RENDER = Path("data/render")
FOLDERS = {
    "prepare": PYRAMID,
    "init": TRAIN / "init",
    "train": TRAIN,
    "features": FEATURES,
    "evaluate": EVALUATE,
    "render": RENDER,
}


def images(phase: str) -> int:
    """Real images shown since `init` at the end of a phase."""
    return round(read_json(TRAIN / phase / "summary.json")["total_kimg"] * 1000)
