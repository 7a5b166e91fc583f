"""Reading `params.yaml`: strict sections, and one clear line for every mistake.

Each area of the library keeps its own section as a pydantic model in `pgan/<area>/config.py`, so that a stage depends
on the parameters that it reads and on no others.  `pgan/experiment.py` checks the file as a whole.
"""

import difflib
import hashlib
import json
import os
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import pydantic
import yaml

from pgan.errors import SEPARATOR, InputError, RunError, shown
from pgan.untrusted.inputs import read_bytes
from pgan.untrusted.strict_yaml import parse


class Section(pydantic.BaseModel):
    """A group of parameters: unknown keys and wrong types are errors, nothing is converted silently."""

    model_config = pydantic.ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    @classmethod
    def names(cls) -> list[str]:
        """As they stand in a parameter file."""
        return [field.alias or name for name, field in cls.model_fields.items()]


def _without_home(value: str) -> str:
    """Refuse a path that only a shell would expand: DVC, which watches the same parameter, does not."""
    if value == "~" or value.startswith(("~/", "~\\")):
        raise ValueError(f"'~' is not expanded in a parameter file; write {os.path.expanduser(value)}")
    return value


PathText = Annotated[str, pydantic.AfterValidator(_without_home)]
"""The path of a file or folder, as a parameter."""


def _no_boolean(value: Any) -> Any:
    """Refuse `true` for 1, to which it is equal in Python."""
    if isinstance(value, bool):
        raise ValueError(f"must be a whole number, found {value}")
    return value


NotBoolean = pydantic.BeforeValidator(_no_boolean)
"""For numbers named by Literal; pydantic's own strictness sees to the others."""

Channels = Annotated[Literal[1, 3], NotBoolean]
"""Of an image: 1 for grey, 3 for colour."""


def _once_each(value: list[str]) -> list[str]:
    for item in value:
        if value.count(item) > 1:
            raise ValueError(f"{item[:40]} is listed twice; list it once")
    return value


OnceEach = pydantic.AfterValidator(_once_each)
"""For a list of names in which none may stand twice."""

SectionT = TypeVar("SectionT", bound=Section)


MOST_BYTES = 2**18
"""Of a parameter file: forty times the demo's."""

MOST_KNOWN = 12
"""Keys that a message lists."""

YAML_ADVICE = {
    "mapping values are not allowed": "; look for a second ':' on the line, or for wrong indentation",
    "'\\t'": "; indent with spaces, not with tabs",
    "expected <block end>": "; look for wrong indentation there or above",
    "could not find expected ':'": "; look for a missing ':' or quotation mark",
}
"""What most likely is wrong where the parser stumbles in these words."""

WORDS = {
    "Input should be a valid integer": "must be a whole number",
    "Input should be a valid number": "must be a number",
    "Input should be a valid boolean": "must be true or false",
    "Input should be a valid string": "must be text; put it into quotes",
    "Input should be a valid dictionary": "expected a mapping",
    "Input should be a valid list": "must be a list such as [a, b]",
    "Input should be": "must be",
}
"""Pydantic's words and plainer ones; the first that fits counts."""


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        InputError: the file is missing, is not YAML or larger than any parameter file, or holds no mapping.
    """
    try:
        content = parse(read_bytes(path, MOST_BYTES).decode("utf-8"))
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(f"{path}: no such file; run the command where params.yaml is, or pass --params") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file in UTF-8; save it as one") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or str(error).partition("\n")[0]
        advice = next((advice for sign, advice in YAML_ADVICE.items() if sign in reason), "")
        raise InputError(f"{path}{line}: not valid YAML: {reason}{advice}") from None
    if not isinstance(content, dict):
        what = "nothing" if content is None else shown(content)
        raise InputError(f"{path}: expected parameters as a mapping, such as `seed: 0`, found {what}")
    return content


EXPECTED = "PGAN_READ_BY_STAGE"
"""The environment variable in which `stages/runner.py` says what it has read: digests of values, by their keys."""


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


MISSING: Any = _Missing()
"""Stands for the value of a key that a file lacks."""


@dataclass(frozen=True)
class Parameters:
    """A parameter file as it was when a command began: read once, so that all of a command sees the same.

    It remembers which keys were asked for.  A key may be dotted: `phases.grow_8`.
    """

    path: Path
    """Of the file, for messages."""
    content: dict[str, Any]
    _asked: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def read(cls, path: Path) -> "Parameters":
        """The file as it is now.

        Raises:
            InputError: as `read_yaml`.
            RunError: it says something else than who started this command has read: see `EXPECTED`.
        """
        parameters = cls(path, read_yaml(path))
        expected = json.loads(os.environ.get(EXPECTED, "{}"))
        for key, digest in expected.items():
            if digest != _digest(find(parameters.content, key)):
                raise RunError(f"{path}: {key}: changed while this started; run it again")
        return parameters

    def get(self, key: str) -> Any:
        """The value as it stands in the file, or `MISSING`."""
        self._asked[key] = value = find(self.content, key)
        return value

    def section(self, key: str, model: type[SectionT]) -> SectionT:
        """A section of the file.

        Raises:
            InputError: naming the file, the key and what is wrong with its value.
        """
        return validate(self._present(key), model, self.path, key)

    def value(self, key: str, kind: type) -> Any:
        """A scalar such as `seed`. Raises InputError when it is missing, of another type or negative."""
        value = self._present(key)
        if type(value) is not kind:
            raise InputError(f"{self.path}: {key}: expected {kind.__name__}, found {shown(value)}")
        if isinstance(value, int) and value < 0:
            raise InputError(f"{self.path}: {key}: must be 0 or more, found {value}")
        return value

    def expectation(self) -> str:
        """What `EXPECTED` says for a command that must find the same, of all that was asked for."""
        return json.dumps({key: _digest(value) for key, value in self._asked.items()})

    def check_unchanged(self, then: str = "") -> None:
        """Whether the file still says what it said, of all that was asked for; the rest may have changed.

        `then` ends the message: when that was, and what follows from it.

        Raises:
            RunError: naming the first key that changed, or the file where it can no longer be read.
        """
        try:
            now = read_yaml(self.path)
        except (InputError, OSError):
            raise RunError(f"{self.path}: gone, or no longer a parameter file, since it was read{then}") from None
        for key, before in self._asked.items():
            if found := _difference(before, find(now, key), key):
                raise RunError(f"{self.path}: {found}{then}")

    def _present(self, key: str) -> Any:
        value = self.get(key)
        if value is MISSING:
            *parents, name = key.split(".")
            while find(self.content, ".".join(parents)) is MISSING:
                *parents, name = parents
            around = find(self.content, ".".join(parents))
            known = around.keys() if isinstance(around, dict) else ()
            raise InputError(f"{self.path}: {key}: missing{_suggestion(name, known)}")
        return value


def find(content: dict[str, Any], key: str) -> Any:
    """The value under a dotted key of nested mappings, or `MISSING`; of no key, the whole."""
    value: Any = content
    for part in key.split(".") if key else ():
        if not isinstance(value, dict) or part not in value:
            return MISSING
        value = value[part]
    return value


def _digest(value: Any) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


def _difference(before: Any, now: Any, key: str) -> str | None:
    """The first difference between two values, with the key at which it lies; None where they are the same."""
    if isinstance(before, dict) and isinstance(now, dict):
        parts = ((part, before.get(part, MISSING), now.get(part, MISSING)) for part in before | now)
        return next(filter(None, (_difference(b, n, f"{key}.{part}") for part, b, n in parts)), None)
    if before == now and isinstance(before, bool) == isinstance(now, bool):
        return None
    return f"{key}: changed from {shown(before)} to {shown(now)}"


def validate(value: Any, model: type[SectionT], file: Path, key: str = "") -> SectionT:
    """`value`, found in `file` under `key`, as a `model`; every mistake of the section in one InputError."""
    if not isinstance(value, dict):
        raise InputError(f"{file}: {key}: expected a mapping, found {shown(value)}")
    try:
        return model.model_validate(value)
    except pydantic.ValidationError as error:
        lines = [_describe(problem, model, file, key) for problem in error.errors(include_url=False)]
        raise InputError(SEPARATOR.join(lines)) from None


def _describe(problem: Any, model: type[Section], file: Path, key: str) -> str:
    """One pydantic error as `file: key: what is wrong`."""
    path = [str(part) for part in problem["loc"]]
    place = f"{file}: {'.'.join([key, *path] if key else path)}"
    match problem["type"]:
        case "extra_forbidden":
            return f"{place}: unknown parameter{_suggestion(path[-1], _fields_at(model, path[:-1]))}"
        case "missing":
            return f"{place}: missing; add it, as the files of `pgan preset --list` have it"
        case "model_type":
            return f"{place}: expected a mapping, found {shown(problem['input'])}"
        case _:
            return f"{place}: {_in_words(problem)}"


def first_problem(error: pydantic.ValidationError, *above: str) -> str:
    """The first mistake that pydantic found, as `key: what is wrong`. The key begins with those above the section."""
    problem = error.errors(include_url=False)[0]
    key = ".".join(map(str, (*above, *problem["loc"])))
    return f"{key}: {_in_words(problem)}" if key else _in_words(problem)


def _in_words(problem: Any) -> str:
    """One pydantic error in plain words, without its place."""
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"])
    if problem["type"] == "missing":
        return "missing"
    said = str(problem["msg"])
    theirs, ours = next(((theirs, ours) for theirs, ours in WORDS.items() if said.startswith(theirs)), ("", ""))
    message = ours + said[len(theirs) :] if theirs else said[0].lower() + said[1:]
    return f"{message}, found {shown(problem['input'])}"


def _fields_at(model: type[Section], path: list[str]) -> list[str]:
    """The names known at a nested place of a section."""
    annotation: Any = model
    for part in path:
        if isinstance(annotation, type) and issubclass(annotation, Section):
            field = next((f for name, f in annotation.model_fields.items() if part in (name, f.alias)), None)
            annotation = field.annotation if field else None
        else:  # a mapping of name -> section
            annotation = next(iter(typing.get_args(annotation)[1:]), None)
    if not (isinstance(annotation, type) and issubclass(annotation, Section)):
        return []
    return annotation.names()


def _suggestion(name: str, known: Any) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; known are {', '.join(known)}" if 0 < len(known) <= MOST_KNOWN else ""
