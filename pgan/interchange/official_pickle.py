"""Pickles of the official TensorFlow code; any other file is refused with advice.

Such a pickle holds (G, D, Gs): the generator, the discriminator (our critic) and the generator's moving average (our
EMA).  Each is a `tfutil.Network` with the keyword arguments that built it, its variables, and its source text.  The
text is never run.
"""

import reprlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pgan.errors import InputError
from pgan.untrusted.inputs import read_bytes
from pgan.untrusted.recognise import CHECKPOINT, EXPORTED, OFFICIAL, Kind, recognise, refusal
from pgan.untrusted.unpickle import Array, Record, loads

ROLES = ("G", "D", "Gs")
FUNCTIONS = {"G": "G_paper", "D": "D_paper", "Gs": "G_paper"}
LARGEST = 2**31
"""Limit of a pickle's bytes; the official one of 1024×1024 has 270 MB."""


@dataclass(frozen=True)
class Official:
    """One network of an official pickle."""

    role: str
    arguments: dict[str, Any]
    """Keyword arguments that it was built with, as plain values."""
    variables: dict[str, np.ndarray]
    """By the official name; without `lod`."""
    lod: float
    """Level of detail that it was at: 0 is the full resolution."""


def read_official(path: Path) -> tuple[Official, Official, Official]:
    """G, D and Gs of an official pickle. Raises InputError when it holds anything else."""
    content = load(path)
    if not isinstance(content, tuple | list) or len(content) != 3:
        what = "expected the three networks (G, D, Gs) of the official code"
        raise InputError(f"{path}: {what}, found a pickled {type(content).__name__}")
    try:
        g, d, gs = (_network(role, record) for role, record in zip(ROLES, content, strict=True))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return g, d, gs


def load(path: Path) -> Any:
    """What a pickle holds: containers, strings, numbers, `Array`, and `Record` for each network.

    Raises:
        InputError: the file is missing, damaged or no pickle, or asks for anything else, which is named.
    """
    found = recognise(path)
    if found is None or found.kind is not Kind.PICKLE:
        advice = "only networks of that code can be imported, such as karras2018iclr-celebahq-1024x1024.pkl"
        raise refusal(path, OFFICIAL, advice, {CHECKPOINT: "it needs no import", EXPORTED: "it needs no import"})
    try:
        return loads(read_bytes(path, LARGEST), "the official networks", "tfutil.Network")
    except InputError as error:
        raise InputError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from None


def _network(role: str, record: Any) -> Official:
    """A record of the pickle, its structure checked."""
    if not isinstance(record, Record) or not isinstance(record.state, dict):
        raise InputError(f"{role}: not a network of the official code")
    state = record.state
    if state.get("version") != 2:
        raise InputError(f"{role}: a network of format version {reprlib.repr(state.get('version'))}, expected 2")
    if state.get("build_func_name") != FUNCTIONS[role]:
        function = reprlib.repr(state.get("build_func_name"))
        raise InputError(f"{role}: built by {function}, which cannot be represented, only {FUNCTIONS[role]}")
    arguments, variables = state.get("static_kwargs"), state.get("variables")
    if not isinstance(arguments, dict) or not all(isinstance(key, str) for key in arguments):
        raise InputError(f"{role}: static_kwargs are missing")
    values = _variables(role, variables)
    lod = values.pop("lod", np.zeros(()))
    if lod.size != 1 or not 0 <= float(lod.reshape(())) < 32:
        raise InputError(f"{role}: the variable lod is no level of detail")
    plain = {key: _plain(value) for key, value in arguments.items()}
    return Official(role, plain, values, float(lod.reshape(())))


def _variables(role: str, content: Any) -> dict[str, np.ndarray]:
    pairs = list(content.items()) if isinstance(content, dict) else content
    if not isinstance(pairs, list | tuple):
        raise InputError(f"{role}: variables are missing")
    found: dict[str, np.ndarray] = {}
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2 or not isinstance(pair[0], str):
            raise InputError(f"{role}: a variable without a name")
        name, value = pair
        array = value.value if isinstance(value, Array) else np.asarray(value) if type(value) is float else None
        if array is None or array.dtype.kind != "f":
            raise InputError(f"{role}: the variable {name[:100]} is no array of floating-point numbers")
        if name in found:
            raise InputError(f"{role}: the variable {name[:100]} is there twice")
        found[name] = array
    return found


def _plain(value: Any) -> Any:
    """A numpy scalar as Python's own number."""
    return (
        value.value.item() if isinstance(value, Array) and value.value is not None and not value.value.shape else value
    )
