"""One parameter file laid over another, as text: what the upper one says replaces what the lower one says.

Text rather than values, because the comments are half of a parameter file. Both are written as `params.yaml` is: keys
in lines of their own, nested ones indented by two, comments above a key or after its value.
"""

import re

from pgan.untrusted.strict_yaml import parse

WHOLE = ("phases",)
"""Mappings that are never mixed: the upper file's replaces the lower one's."""
COLUMN = 28
"""Where the comment after a value begins, if that is not too long."""
KEY = re.compile(r"( *)(\w+):(.*)")

Entries = dict[str, list[str]]
"""Key → its lines: comments and blank lines above it, the key, and all that is nested in it."""


def overlay(lower: str, upper: str) -> str:
    """The lower file with the upper one's values, comments and further keys.

    A comment of the lower file stays where the upper one has none of its own.  A section that names another
    `architecture` than the lower one's replaces it as a whole, since its keys are others.
    """
    return "\n".join(_merged(lower.splitlines(), upper.splitlines(), "")) + "\n"


def _merged(lower: list[str], upper: list[str], indent: str) -> list[str]:
    merged = _entries(lower, indent)
    for key, lines in _entries(upper, indent).items():
        merged[key] = _replaced(key, merged[key], lines, indent) if key in merged else lines
    return [line for lines in merged.values() for line in lines]


def _replaced(key: str, lower: list[str], upper: list[str], indent: str) -> list[str]:
    """The entry that is to stand where `lower` stood."""
    above, (first, *nested) = _split(lower)
    own, (head, *body) = _split(upper)
    above = above if not any(map(_is_comment, own)) else own
    if nested and body and key not in WHOLE and not _other_architecture(nested, body):
        return [*above, head if _comment(head) else first, *_merged(nested, body, f"{indent}  ")]
    comment = "" if nested or _comment(head) else _comment(first)
    return [*above, f"{head + '  ':<{COLUMN}}{comment}" if comment else head, *body]


def _entries(lines: list[str], indent: str) -> Entries:
    """The entries at one depth, in order."""
    entries: Entries = {}
    waiting: list[str] = []
    last: list[str] = waiting
    for line in lines:
        found = KEY.match(line)
        if found and found[1] == indent:
            last = entries[found[2]] = [*waiting, line]
            waiting = []
        elif _is_comment(line) or not line.strip():
            waiting.append(line)
        else:
            last += [*waiting, line]
            waiting = []
    last += waiting
    return entries


def _split(entry: list[str]) -> tuple[list[str], list[str]]:
    """What stands above an entry's key, and the rest."""
    start = next(i for i, line in enumerate(entry) if KEY.match(line))
    return entry[:start], entry[start:]


def _other_architecture(lower: list[str], upper: list[str]) -> bool:
    """Whether the upper section is about other networks than the lower one."""
    said = parse("\n".join(upper)).get("architecture")
    return said is not None and said != parse("\n".join(lower)).get("architecture")


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _comment(line: str) -> str:
    """What follows a value, from its # on. No value of a preset holds a # itself."""
    return line[line.index("#") :] if "#" in line else ""
