"""Stage `init`: the networks' parameters and the seed -> data/train/init/checkpoint.pt, untrained, the first parent.

It lies among the phases so that dvc.yaml can name any phase's parent as data/train/<from>.
"""

from pathlib import Path

from pgan.networks.command import init
from stages.runner import run
from stages.tracking.stage import Stage

OUT = Path("data/train/init")


def main() -> None:
    """Make the networks of `params.networks`."""
    init(out=OUT / "checkpoint.pt")


if __name__ == "__main__":
    run(Stage("init", out=OUT), main)
