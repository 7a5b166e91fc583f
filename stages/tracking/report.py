"""After `dvc repro`: complete the MLflow run from the files, and print where everything is.

This is no stage, because it makes nothing.  Run it whenever MLflow missed something: after `dvc pull` into a fresh
clone, or after its server was down.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

from pgan.errors import RunError
from pgan.metric_table import summary_columns
from pgan.process import begin, user_errors
from pgan.untrusted.inputs import read_json
from stages.tracking.folders import EVALUATE, RENDER
from stages.tracking.stage import PARAMS, resolved, root
from stages.tracking.tracker import settle
from stages.tracking.troubles import advice, brief

METRICS, GENERATOR = Path("data/metrics.json"), Path("data/generator.safetensors")


@user_errors
def main() -> None:
    """Complete the parent run and print the summary."""
    parameters = resolved(PARAMS)
    if subprocess.run([sys.executable, "-m", "dvc", "status", "--quiet"], check=False).returncode:
        raise RunError(f"data/ is not yet, or no longer, what {PARAMS} and the code make; run `dvc repro` first")
    failure = complete(parameters)
    lasts = failure is not None and _print_failure(failure)
    for line in summary(list(parameters["phases"]), failure is None):
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


def summary(phases: list[str], tracked: bool) -> list[str]:
    """The lines for the user: pictures, metrics of these phases, and MLflow, where it has the run."""
    nearest = RENDER / "nearest.png"
    lines = [
        "",
        f"  all of it on one page, open  {RENDER / 'report.html'}",
        f"  progress through all phases  {RENDER / 'progress.gif'}",
        f"  a GIF of each phase          {RENDER / 'phases'}",
        f"  grid of samples              {RENDER / 'samples.png'}",
        f"  real beside generated        {RENDER / 'real_vs_fake.png'}",
        f"  walk between latents         {RENDER / 'interpolation.gif'}",
        f"  from near and far latents    {RENDER / 'transitions.png'}",
        f"  loss curves                  {RENDER / 'losses.png'}",
        *([f"  nearest real images          {nearest}"] if nearest.is_file() else []),
        f"  metrics by phase             {EVALUATE}/<phase>/metrics.json",
        f"  headline metrics             {METRICS}   (or: dvc metrics show)",
        f"  the generator by itself      {GENERATOR}",
    ]
    measured = {phase: read_json(path) for phase in phases if (path := EVALUATE / phase / "metrics.json").is_file()}
    if measured:
        lines += ["", *_table(measured)]
    browser = "  compare runs in the browser: make ui   (MLflow at http://127.0.0.1:5000)"
    return [*lines, "", *([browser, ""] if tracked else [])]


def _table(measured: dict[str, dict[str, float]]) -> list[str]:
    """The phases in order of training, with the values that the table of metrics lists."""
    import pandas as pd

    table = pd.DataFrame.from_dict(measured, orient="index")
    table = table[[name for name in summary_columns() if name in table]].rename_axis(columns="phase")
    return [f"  {line}" for line in table.to_string(na_rep="-", float_format="{:.4g}".format).splitlines()]


if __name__ == "__main__":
    begin()
    main()
