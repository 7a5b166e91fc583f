"""The description of an experiment's run, in Markdown: what ran, how good it is, how to see it and to make it again."""

import os
import subprocess
from math import isfinite
from pathlib import Path
from typing import Any

import yaml

from pgan.config import Parameters
from pgan.errors import InputError, readable, redacted
from pgan.metric_table import ARROWS, values
from pgan.reporting.parameters import Comparison, compare
from pgan.reporting.words import HEADLINES, MOST_HEADLINES, SOURCES
from pgan.significance import figure, shown
from pgan.untrusted.inputs import read_json
from stages.tracking.folders import EVALUATE, RENDER
from stages.tracking.markdown import table
from stages.tracking.stage import PARAMS, resolved

LONGEST = 5000
"""Characters. MLflow's servers take as many in a tag, newer ones 8000."""
MOST_PHASES = 20
MOST_DIFFERENCES = 25
LOCK = Path("dvc.lock")
Metrics = dict[str, float]


def describe(parameters: dict[str, Any], run: str, revision: str) -> str:
    """All of it, from the parameters and the files that are there.

    Args:
        run: MLflow's id.
        revision: git's, or "".
    """
    parts = [_what(parameters), _metrics(list(parameters["phases"])), _pictures(run), _again(parameters, revision)]
    text = "\n\n".join(filter(None, [*parts, _preset(parameters)]))
    return text if len(text) <= LONGEST else text[: LONGEST - 2].rsplit("\n", 1)[0] + "\n…"


def _what(parameters: dict[str, Any]) -> str:
    """One sentence."""
    source, phases = parameters["prepare"]["source"], parameters["phases"]
    sizes = [phase["resolution"] for phase in phases.values() if "resolution" in phase]
    grown = f", {sizes[0]}×{sizes[0]} to {sizes[-1]}×{sizes[-1]} pixels" if sizes else ""
    kimg = sum(phase.get("kimg", 0) for phase in phases.values())
    loss = f", loss {parameters['training']['loss']}" if "loss" in parameters["training"] else ""
    images = SOURCES.get(source, ("", source))[1]
    return f"A generator of {images}{grown}: {len(phases)} phases, {kimg:g} thousand images{loss}."


def _metrics(phases: list[str]) -> str:
    """A table: a row for each phase that is evaluated, the last ones where there are many."""
    measured = {phase: found for phase in phases if (found := _read(phase))}
    names = [name for name in HEADLINES if any(name in each for each in measured.values())][:MOST_HEADLINES]
    if not names:
        return ""
    known = values()
    head = ["phase", *(f"{name}{ARROWS[known[name].better]}" for name in names)]
    rows = [[phase, *(_cell(found, name) for name in names)] for phase, found in measured.items()]
    return "## Quality\n\n" + table(head, rows[-MOST_PHASES:])


def _read(phase: str) -> Metrics:
    """The finite numbers of a phase's metrics.json."""
    path = EVALUATE / phase / "metrics.json"
    content = read_json(path) if path.is_file() else {}
    return {key: float(value) for key, value in content.items() if isinstance(value, int | float) and isfinite(value)}


def _cell(metrics: Metrics, name: str) -> str:
    found = figure(metrics, name)
    return "" if found is None else shown(found)


def _pictures(run: str) -> str:
    """One of them, and where the others are. MLflow's server gives out a run's artifacts at this address."""
    if not (RENDER / "samples.png").is_file():
        return ""
    link = f"get-artifact?path=pictures/{{}}&run_uuid={run}"
    listed = ", ".join(f"[{name}]({link.format(name)})" for name in ("progress.gif", "report.html"))
    return (
        f"## Pictures\n\n![samples]({link.format('samples.png')})\n\n{listed}, and more under Artifacts in `pictures`. "
        "Under Model metrics, a slider shows the grids of samples by step."
    )


def _again(parameters: dict[str, Any], revision: str) -> str:
    """The commands, and the revisions that they need."""
    experiment, lines = os.environ.get("DVC_EXP_NAME", ""), ["dvc repro"]
    if experiment:
        lines = [f"dvc exp apply {experiment}", *lines]
    elif revision:
        lines = [f"git checkout {revision[:12]}", *lines]
    facts = [f"git {revision[:12]}{_changed()}" if revision else "no git revision"]
    if experiment:
        facts.append(f"DVC's experiment `{experiment}`")
    if digest := _locked(list(parameters["phases"])[-1]):
        facts.append(f"the last checkpoint is `{digest}` in DVC's cache")
    commands = "\n".join(f"    {line}" for line in lines)
    return f"## Make it again\n\n{commands}\n\nMade from {', '.join(facts)}."


def _changed() -> str:
    """Whether files that git knows were changed after the commit, `params.yaml` for example."""
    command = ["git", "status", "--porcelain", "--untracked-files=no"]
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    except OSError:
        return ""
    names = [line[3:] for line in done.stdout.splitlines() if not line.endswith("dvc.lock")]
    return f" with changes in {readable(', '.join(names[:3]))}{' …' if len(names) > 3 else ''}" if names else ""


def _locked(phase: str) -> str:
    """What dvc.lock says of a phase's checkpoint; "" where it says nothing."""
    try:
        stages = yaml.safe_load(LOCK.read_text(encoding="utf-8"))["stages"]
        outs = stages[f"train@{phase}"]["outs"]
        return next(str(out["md5"]) for out in outs if out["path"].endswith("checkpoint.pt"))
    except (OSError, yaml.YAMLError, KeyError, TypeError, StopIteration):
        return ""


def _preset(parameters: dict[str, Any]) -> str:
    """What differs from the nearest preset; "" where params.yaml is of another experiment by now.

    The file is compared, because the run's parameters have the defaults filled in.
    """
    try:
        file = Parameters.read(PARAMS)
        if resolved(PARAMS) != parameters:
            return ""
        found: Comparison = compare(file.content)
    except InputError:
        return ""
    title = f"## Parameters\n\nNearest preset: `{found.preset}`"
    if not found.differences:
        return f"{title}, without a difference."
    rows = [[f"`{each.key}`", _code(each.here), _code(each.preset)] for each in found.differences]
    more = f"\n\n… and {len(rows) - MOST_DIFFERENCES} more." if len(rows) > MOST_DIFFERENCES else ""
    return f"{title}. What differs:\n\n" + table(["parameter", "here", "preset"], rows[:MOST_DIFFERENCES]) + more


def _code(value: str) -> str:
    return "`" + redacted(value).replace("`", "'").replace("|", "¦") + "`"
