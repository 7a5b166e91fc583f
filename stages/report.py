"""After `dvc repro`: complete the MLflow run from the files, and say where everything is.

No stage of its own, because it makes nothing: run it whenever MLflow missed something, as after `dvc pull` into a fresh
clone, or when its server was away.
"""

import json
import sys
from pathlib import Path

from stages.runner import PARAMS, root

RENDER = Path("data/render")
EVALUATE = Path("data/evaluate")


def main() -> None:
    """Complete the parent run and print the summary."""
    from stages.tracking import Runs

    if not RENDER.is_dir():
        sys.exit("error: data/render is missing: run `dvc repro` first")
    Runs(PARAMS, root()).complete()
    for line in summary():
        print(line)


def summary() -> list[str]:
    """The lines for the user: pictures, metrics, MLflow."""
    lines = [
        "",
        f"  progress through all phases  {RENDER / 'progress.gif'}",
        f"  a GIF of each phase          {RENDER / 'phases'}",
        f"  grid of samples              {RENDER / 'samples.png'}",
        f"  real beside generated        {RENDER / 'real_vs_fake.png'}",
        f"  walk between latents         {RENDER / 'interpolation.gif'}",
        f"  loss curves                  {RENDER / 'losses.png'}",
        f"  metrics by phase             {EVALUATE}/<phase>/metrics.json   (or: dvc metrics show)",
    ]
    rows = [(path.parent.name, json.loads(path.read_text())) for path in EVALUATE.glob("*/metrics.json")]
    if rows:
        lines += ["", *_table(rows)]
    return [*lines, "", "  compare runs in the browser: make ui   (MLflow at http://127.0.0.1:5000)", ""]


def _table(rows: list[tuple[str, dict[str, float]]]) -> list[str]:
    """The phases in order of training, with the few numbers that tell most."""
    from pgan.config import read_yaml

    order = list(read_yaml(PARAMS)["phases"])
    wanted = ["frechet", "frechet_target", "precision", "recall", "swd", "ms_ssim"]
    shown = [key for key in wanted if any(key in numbers for _, numbers in rows)]
    lines = ["  " + "phase".ljust(16) + "".join(key.rjust(16) for key in shown)]
    for phase, numbers in sorted((row for row in rows if row[0] in order), key=lambda row: order.index(row[0])):
        cells = [f"{numbers[key]:.4g}" if key in numbers else "-" for key in shown]
        lines.append("  " + phase.ljust(16) + "".join(cell.rjust(16) for cell in cells))
    return lines


if __name__ == "__main__":
    main()
