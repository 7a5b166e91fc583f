"""A pickle of the official code: containers, arrays, and `tfutil.Network` as a record.

The source text that such a network carries is a string like any other.
"""

from pathlib import Path
from typing import Any

from pgan.errors import InputError
from pgan.untrusted.inputs import read_bytes
from pgan.untrusted.recognise import CHECKPOINT, EXPORTED, OFFICIAL, Kind, recognise, refusal
from pgan.untrusted.unpickle import Array, loads
from pgan.untrusted.unpickle import Record as OfficialNetwork

__all__ = ["Array", "OfficialNetwork", "load"]

LARGEST = 2**31
"""Bytes of a pickle; the official one of 1024×1024 has 270 MB."""


def load(path: Path) -> Any:
    """What a pickle holds: containers, strings, numbers, `Array` and `OfficialNetwork`.

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
