"""The parameters of a run: the preset that is most like them, what differs from it, and all of them as text."""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from pgan.config import MISSING
from pgan.errors import readable, redacted
from pgan.presets.catalogue import names, read_values

APART = ("phases",)
"""Sections in which an entry that is not there is missing as a whole."""


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
    found = {name: _differences(here, _preset(name)) for name in names()}
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
    text = _dumped(value, unicode=True)
    return redacted(text if text.isprintable() else _dumped(value, unicode=False))


def _dumped(value: Any, unicode: bool) -> str:
    text = yaml.dump(value, Dumper=_Plain, default_flow_style=True, width=10**9, allow_unicode=unicode, sort_keys=False)
    return str(text).removesuffix("\n").removesuffix("\n...")


@functools.cache
def _preset(name: str) -> Mapping[str, Any]:
    return dict(flat(read_values(name)))


def _differences(here: Mapping[str, Any], there: Mapping[str, Any]) -> list[Difference]:
    keys = [*here, *(key for key in there if key not in here)]
    return list(_compared({key: (here.get(key, MISSING), there.get(key, MISSING)) for key in keys}))


def _compared(pairs: dict[str, tuple[Any, Any]]) -> Iterator[Difference]:
    """Of an entry that both have, only what differs in it; of any other, all of it."""
    for key, (a, b) in pairs.items():
        if isinstance(a, dict) and isinstance(b, dict):
            yield from _compared({f"{key}.{name}": (a.get(name, MISSING), b.get(name, MISSING)) for name in a | b})
        elif not _same(a, b):
            yield Difference(key, _cell(a), _cell(b))


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
    """Writes a value that occurs twice in full, where YAML would refer to the first, and no text as a number."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: _Plain, text: str) -> yaml.ScalarNode:
    """In quotation marks where the text would be read as a number, such as `1e3`, or has several lines."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, '"' if "\n" in text or _is_number(text) else None)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


_Plain.add_representer(str, _represent_text)
