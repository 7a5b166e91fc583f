"""Which stages need not run again, by what `dvc status --json` says.

This package does not know DVC: the user hands its answer over.
"""

import json
import sys
from pathlib import Path

from pgan.errors import InputError
from pgan.phases import ROOT, Phases
from pgan.untrusted.inputs import read_json

MOST_BYTES = 2**26


def done_stages(status: Path, phases: Phases) -> set[str]:
    """Stages that are neither changed nor after a changed one. `-` reads the standard input.

    Raises:
        InputError: the file is not what `dvc status --json` prints.
    """
    try:
        found = json.loads(sys.stdin.read(MOST_BYTES)) if str(status) == "-" else read_json(status)
    except OSError as error:
        raise InputError(f"--status {status}: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InputError(f"--status {status}: not what `dvc status --json` prints; give it that")
    return unchanged(set(found), phases)


def unchanged(changed: set[str], phases: Phases) -> set[str]:
    """The stages that neither changed nor follow one that changed."""
    done: set[str] = set()
    for stage, needed in graph(phases).items():
        if stage not in changed and needed <= done:
            done.add(stage)
    return done


def graph(phases: Phases) -> dict[str, set[str]]:
    """Each stage of dvc.yaml, in an order in which they can run, with the stages that it directly follows."""
    stages: dict[str, set[str]] = {"prepare": set(), "init": set()}
    for name, phase in phases.items():
        parent = "init" if phase.from_ == ROOT else f"train@{phase.from_}"
        stages[f"train@{name}"] = {"prepare", parent}
    stages["features"] = {"prepare"}
    for name in phases:
        stages[f"evaluate@{name}"] = {f"train@{name}", "features"}
    stages["render"] = set(stages) - {"render"}
    return stages
