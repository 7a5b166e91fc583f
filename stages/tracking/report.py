"""After `dvc repro`: complete the MLflow run from the files, and print where everything is.

This is no stage, because it makes nothing.  Run it whenever MLflow missed something: after `dvc pull` into a fresh
clone, or after its server was down.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

from pgan.errors import RunError
from pgan.process import begin, user_errors
from pgan.untrusted.inputs import read_json
from stages.tracking.stage import PARAMS, resolved, root
from stages.tracking.tracker import settle
from stages.tracking.troubles import advice, brief

RENDER = Path("data/render")
EVALUATE = Path("data/evaluate")


@user_errors
def main() -> None:
    """Complete the parent run and print the summary."""
    parameters = resolved(PARAMS)
    if subprocess.run([sys.executable, "-m", "dvc", "status", "--quiet"], check=False).returncode:
        raise RunError(f"data/ is not yet, or no longer, what {PARAMS} and the code make; run `dvc repro` first")
    failure = complete(parameters)
    lasts = failure is not None and _print_failure(failure)
    for line in summary(failure is None):
        print(line)
    if lasts:
        sys.exit(RunError.exit_code)


def _print_failure(failure: Exception) -> bool:
    """Print why tracking failed, and return whether only the user can change that. It comes before the summary."""
    remedy, problem = advice(failure), f"MLflow tracking failed ({brief(failure)})"
    if remedy:
        line = f"error: {problem}; {remedy}; the files are whole, and after that this command logs them"
    else:
        line = f"warning: {problem}; the files are whole, and this command logs them later"
    print(line, file=sys.stderr, flush=True)
    return bool(remedy)


def complete(parameters: dict[str, Any]) -> Exception | None:
    """Log what MLflow missed. Returns the error if that failed."""
    try:
        settle()
        from stages.tracking.runs import Runs

        Runs(parameters, root()).complete()
    except Exception as error:  # MLflow may fail in any way
        return error
    return None


def summary(tracked: bool) -> list[str]:
    """The lines for the user: pictures, metrics, and MLflow if it has the run."""
    lines = [
        "",
        f"  progress through all phases  {RENDER / 'progress.gif'}",
        f"  a GIF of each phase          {RENDER / 'phases'}",
        f"  grid of samples              {RENDER / 'samples.png'}",
        f"  real beside generated        {RENDER / 'real_vs_fake.png'}",
        f"  walk between latents         {RENDER / 'interpolation.gif'}",
        f"  from near and far latents    {RENDER / 'transitions.png'}",
        f"  loss curves                  {RENDER / 'losses.png'}",
        f"  metrics by phase             {EVALUATE}/<phase>/metrics.json   (or: dvc metrics show)",
    ]
    rows = [(path.parent.name, read_json(path)) for path in EVALUATE.glob("*/metrics.json")]
    if rows:
        lines += ["", *_table(rows)]
    browser = "  compare runs in the browser: make ui   (MLflow at http://127.0.0.1:5000)"
    return [*lines, "", *([browser, ""] if tracked else [])]


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
    begin()
    main()
