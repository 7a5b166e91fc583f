"""The text of params.yaml: the demo's, with every decision laid over it and its reason beside it."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import yaml

from pgan.errors import readable
from pgan.experiment import Experiment
from pgan.new_experiment.decision import Decision
from pgan.presets.catalogue import read_preset
from pgan.presets.checked import experiment_of
from pgan.presets.overlay import overlay

BASE = "digits"
"""The preset that says what is not decided."""
COLUMN = 28
"""Where comments begin, if there is room."""


@cache
def base() -> Experiment:
    """The preset's parameters."""
    return experiment_of(read_preset(BASE))


def parameter_file(
    headline: str, decisions: Iterable[Decision], phases: dict[str, Any], about_phases: Sequence[str]
) -> str:
    """A whole params.yaml.

    Args:
        headline: its first lines say what it is for.
        phases: the section of that name.
        about_phases: lines of comment on them.
    """
    head, _, body = read_preset(BASE).text.partition("\n\n")
    explained = head[head.index("#\n") :]
    lines = [*_section_lines(_tree(decisions)), "phases:", *(f"  # {readable(line)}" for line in about_phases)]
    lines += [f"  {name}: {_flow(values)}" for name, values in phases.items()]
    comment = "\n".join(f"# {readable(line)}" for line in headline.splitlines())
    return f"{comment}\n{explained}\n\n{overlay(body, chr(10).join(lines) + chr(10))}"


def _tree(decisions: Iterable[Decision]) -> dict[str, Any]:
    """Nested by their keys."""
    tree: dict[str, Any] = {}
    for decision in decisions:
        *above, name = decision.key.split(".")
        place = tree
        for part in above:
            place = place.setdefault(part, {})
        place[name] = decision
    return tree


def _section_lines(tree: dict[str, Any], indent: str = "") -> list[str]:
    lines = []
    for name, entry in tree.items():
        if isinstance(entry, Decision):
            line = f"{indent}{name}: {_flow(entry.value)}"
            lines.append(f"{line:<{COLUMN - 2}}  # {readable(entry.reason)}" if entry.reason else line)
        else:
            lines += [f"{indent}{name}:", *_section_lines(entry, f"{indent}  ")]
    return lines


def _flow(value: Any) -> str:
    """A value as YAML writes it in one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10**9, allow_unicode=True, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")
