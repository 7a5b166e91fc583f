"""A params.yaml turned into another by the options of `dvc exp run --set-param`, whose grammar is Hydra's."""

import json
from collections.abc import Iterator
from typing import Any

from stages.ablations.rows import Parameters


def overrides(raw: Parameters, present: Parameters, wanted: Parameters) -> list[str]:
    """The options that turn one params.yaml into another.

    Args:
        raw: the present file as it is: only its keys can be removed.
        present: the same with defaults filled in: only values that differ from it are set.
        wanted: the parameters after the change.
    """
    gone = [f"~{key}" for key in _gone(raw, wanted, "")]
    return gone + [f"++{key}={_written(value)}" for key, value in _changed(present, wanted, "")]


def _gone(raw: Parameters, wanted: Parameters, prefix: str) -> Iterator[str]:
    for key, value in raw.items():
        if key not in wanted:
            yield f"{prefix}{key}"
        elif isinstance(value, dict) and isinstance(wanted[key], dict):
            yield from _gone(value, wanted[key], f"{prefix}{key}.")


def _changed(present: Parameters, wanted: Parameters, prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in wanted.items():
        before = present.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            yield from _changed(before, value, f"{prefix}{key}.")
        elif key not in present or before != value:
            yield f"{prefix}{key}", value


def _written(value: Any) -> str:
    """A value in Hydra's grammar."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_written(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return json.dumps(value)
