"""The presets that come with the package: files beside this one, each laid over the one that it is based on.

A preset says only what differs, in the form of `params.yaml`.  Its first lines are comments: what it reproduces, a line
`# Source: …`, and, but for the first of all, a line `# Based on: NAME`.
"""

import difflib
import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgan.errors import InputError
from pgan.presets.values import laid_over
from pgan.untrusted.strict_yaml import parse

FOLDER = Path(__file__).parent
BASED_ON = re.compile(r"# Based on: ([\w-]+)\n")


@dataclass(frozen=True)
class Preset:
    """A parameter file that reproduces a system."""

    name: str
    text: str
    """Of a whole params.yaml, comments included."""
    reproduces: str
    source: str

    @property
    def content(self) -> dict[str, Any]:
        """Its parameters, as params.yaml would have them."""
        content: dict[str, Any] = parse(self.text)
        return content


def names() -> list[str]:
    """Of all presets, in alphabetical order."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


@functools.cache  # many presets are based on one
def read_preset(name: str) -> Preset:
    """A preset by its name. Raises InputError where there is none."""
    if name not in names():
        near = difflib.get_close_matches(name.lower(), names(), n=1, cutoff=0.5)
        hint = f"did you mean '{near[0]}'?" if near else "see `pgan preset --list`"
        raise InputError(f"{name}: no such preset; {hint}")
    head, body = _head((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    below = BASED_ON.search(head)
    if below:
        from pgan.presets.overlay import overlay  # ruamel.yaml is needed by no other command

        base_head, base_body = _head(read_preset(below[1]).text)
        head = BASED_ON.sub("", head) + base_head[base_head.index("#\n") :]
        body = overlay(base_body, body)
    reproduces, source = head.split("#\n")[0].split("# Source: ")
    return Preset(name, f"{head}\n{body}", _sentence(reproduces), _sentence(source))


@functools.cache
def read_values(name: str) -> dict[str, Any]:
    """The values of a preset: its `content`, without the time that its text with all comments takes."""
    head, body = _head((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    own: dict[str, Any] = parse(body)
    below = BASED_ON.search(head)
    return laid_over(read_values(below[1]), own) if below else own


def _head(text: str) -> tuple[str, str]:
    """The comments at the beginning of a file, and what follows the blank line below them."""
    head, _, body = text.partition("\n\n")
    return f"{head}\n", body


def _sentence(comment: str) -> str:
    """The text of a comment's lines."""
    return " ".join(line.removeprefix("#").strip() for line in comment.splitlines()).strip()
