"""The parameters of a run: the preset that is most like them, what differs from it, and all of them as text."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from pgan.config import MISSING
from pgan.errors import readable, redacted
from pgan.presets.catalogue import names, read_preset

APART = ("phases",)
"""Sections in which each entry is compared as a whole."""


@dataclass(frozen=True)
class Difference:
    """One parameter that has another value than in the preset."""

    key: str
    here: str
    """Its value as YAML writes it."""
    preset: str


@dataclass(frozen=True)
class Comparison:
    """With the preset that differs in the fewest parameters."""

    preset: str
    differences: list[Difference]


def compare(content: dict[str, Any]) -> Comparison:
    """Find the preset that differs in the fewest parameters; of several, the first in the alphabet."""
    here = dict(flat(content))
    found = {name: _differences(here, dict(flat(read_preset(name).content))) for name in names()}
    nearest = min(found, key=lambda name: (len(found[name]), name))
    return Comparison(nearest, found[nearest])


def flat(content: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and their values, in the order of the file."""
    for name, value in content.items():
        key = f"{above}.{name}" if above else str(name)
        if isinstance(value, dict) and value and above not in APART:
            yield from flat(value, key)
        else:
            yield key, value


def as_text(content: dict[str, Any]) -> str:
    """A whole params.yaml: a section below the other, without comments and without passwords.

    DVC watches values, not comments. So the text is made of values alone, and a run that is made again has the same.
    """
    return "\n".join(_section(str(name), value) for name, value in content.items())


def in_a_line(value: Any) -> str:
    """A value as YAML writes it."""
    if value is MISSING:
        return "–"
    text = yaml.dump(value, Dumper=_Plain, default_flow_style=True, width=10**9, allow_unicode=True, sort_keys=False)
    return redacted(text.removesuffix("\n").removesuffix("\n..."))


def _differences(here: dict[str, Any], there: dict[str, Any]) -> list[Difference]:
    keys = [*here, *(key for key in there if key not in here)]
    pairs = [(key, here.get(key, MISSING), there.get(key, MISSING)) for key in keys]
    return [Difference(key, _cell(a), _cell(b)) for key, a, b in pairs if not _same(a, b)]


def _same(one: Any, other: Any) -> bool:
    """Whether two values are equal, and not a number and a truth value."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _cell(value: Any) -> str:
    return readable(in_a_line(value))


def _section(name: str, value: Any) -> str:
    if not isinstance(value, dict) or not value:
        return f"{in_a_line(name)}: {in_a_line(value)}\n"
    lines = [f"  {in_a_line(key)}: {in_a_line(each)}\n" for key, each in value.items()]
    return f"{in_a_line(name)}:\n{''.join(lines)}"


class _Plain(yaml.SafeDumper):
    """Writes a value that occurs twice in full, where YAML would refer to the first."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
