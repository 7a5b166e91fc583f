"""The headline of a run: a few numbers to compare runs with. They are the columns of `dvc exp show`."""

import json
from pathlib import Path

from pgan.files import whole_file
from pgan.rendering.metrics import Metrics
from pgan.rendering.phases import TrainedPhase

VALUES = ("frechet", "kid", "precision", "recall", "swd", "ms_ssim")
"""Of the final phase, where they were measured; under the names that they have in its metrics.json."""
JUDGED_BY = "frechet_target"
"""The best phase has the lowest. Distances at different sizes cannot be compared; these are all at the target size."""


def headline(phases: list[TrainedPhase], measured: list[Metrics]) -> dict[str, float | str]:
    """At most eight values.

    Args:
        phases: at least one; the last is the final one.
        measured: for each of the phases.

    Returns:
        The `VALUES` of the final phase; `kimg`, thousands of real images shown from `init` to its end; and
        `best_phase`, unless no phase has a Fréchet distance.
    """
    found: dict[str, float | str] = {name: measured[-1][name] for name in VALUES if name in measured[-1]}
    found["kimg"] = phases[-1].total_kimg
    distances = {
        phase.name: values[JUDGED_BY] for phase, values in zip(phases, measured, strict=True) if JUDGED_BY in values
    }
    if distances:
        found["best_phase"] = min(distances, key=lambda name: distances[name])
    return found


def write_headline(phases: list[TrainedPhase], measured: list[Metrics], path: Path) -> None:
    """Write the headline as JSON."""
    with whole_file(path) as part:
        part.write_text(json.dumps(headline(phases, measured), indent=2) + "\n", encoding="utf-8")
