"""Reading a pickle of the official code without running anything that it holds.

A pickle is a program that may call any function.  Here it can reach the few names that such pickles need, and each name
is bound to a stand-in of this module, never to numpy's or the official code's own function: containers, numpy arrays
and scalars of plain numbers, and the one network class, as a record without behaviour.  The source text that such a
network carries is a string like any other.
"""

import io
import math
import pickle
import pickletools
import re
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from pgan.errors import InputError

NUMBERS = re.compile(r"f[248]|[iu][1248]|b1")
"""The element types of arrays: no objects, no structures, no text."""


class OfficialNetwork:
    """What a pickled `tfutil.Network` holds: name, build function's name, keyword arguments, variables."""

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class Array:
    """A numpy array or scalar; `value` is None until its content has been read."""

    value: np.ndarray | None = None

    def fill(self, data: Any, dtype: Any, shape: Any, fortran: Any) -> None:
        """Take up `data`, whose length must be exactly what shape and type say."""
        if isinstance(data, str):  # Python 2's
            data = data.encode("latin-1")
        if not isinstance(dtype, ElementType) or not isinstance(data, bytes | bytearray):
            raise InputError("an array that does not hold plain numbers")
        if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
            raise InputError("an array without a proper shape")
        if math.prod(shape) * dtype.value.itemsize != len(data):
            raise InputError(f"an array whose {len(data)} bytes do not make up its shape {shape[:8]}")
        self.value = np.frombuffer(bytes(data), dtype.value).reshape(shape, order="F" if fortran else "C")

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, data = state
        self.fill(data, dtype, shape, fortran)


class ElementType:
    """A numpy dtype of plain numbers."""

    def __init__(self, code: Any, *alignment: Any) -> None:
        if not isinstance(code, str) or not NUMBERS.fullmatch(code):
            raise InputError("an array that does not hold plain numbers")
        self.value = np.dtype(code)

    def __setstate__(self, state: Any) -> None:
        order = state[1]
        if order not in ("<", ">", "=", "|"):
            raise InputError("an array of unknown byte order")
        self.value = self.value.newbyteorder(order)


def load(path: Path) -> Any:
    """What a pickle holds: containers, strings, numbers, `Array` and `OfficialNetwork`.

    Raises:
        InputError: the file is missing, damaged or no pickle, or asks for anything else, which is named.
    """
    try:
        data = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(f"{path}: no such file") from None
    try:
        _check_memory(data)
        return _Unpickler(data).load()
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except Exception as error:  # a damaged pickle raises whatever its last instruction stumbled over
        reason = str(error).splitlines()[0][:200] if str(error) else ""
        raise InputError(
            f"{path}: not a whole pickle of the official networks ({type(error).__name__}: {reason})"
        ) from None


class _Unpickler(pickle.Unpickler):
    """`pickle.Unpickler` that finds nothing but the stand-ins."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data), encoding="latin1")  # for the byte strings of Python 2
        self.admitted = _stand_ins()

    def find_class(self, module: str, name: str) -> Any:
        found = self.admitted.get((module, name))
        if found is None:
            raise InputError(f"refused: it asks for {module}.{name}, which is no part of an official network")
        return found


def _stand_ins() -> dict[tuple[str, str], Any]:
    """Stand-ins by (module, name); made anew for each file, which can thus leave nothing behind in them."""

    class Network(OfficialNetwork):
        pass

    class Element(ElementType):
        pass

    def ndarray() -> None:
        """Only ever an argument."""

    def instance_of_object() -> None:
        """Only ever an argument."""

    def empty_array(subtype: Any, shape: Any, code: Any) -> Array:
        if subtype is not ndarray:
            raise InputError("an array of a class of its own")
        return Array()

    def scalar(dtype: Any, data: Any) -> Array:
        array = Array()
        array.fill(data, dtype, (), False)
        return array

    def from_buffer(data: Any, dtype: Any, shape: Any, order: Any) -> Array:
        array = Array()
        array.fill(data, dtype, shape, order == "F")
        return array

    def encode(text: Any, encoding: Any) -> bytes:
        """How protocols below 3 write bytes."""
        if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
            raise InputError("bytes in an unknown encoding")
        return text.encode("latin-1")

    def empty_bytes(*content: Any) -> bytes:
        """How protocols below 3 write no bytes at all."""
        if content:
            raise InputError("bytes of unknown content")
        return b""

    def reconstruct(kind: Any, base: Any, state: Any) -> OfficialNetwork:
        """How protocols below 2 write an instance."""
        if kind is not Network or base is not instance_of_object:
            raise InputError("an instance of another class than tfutil.Network")
        return Network()

    found: dict[tuple[str, str], Any] = {
        ("tfutil", "Network"): Network,
        ("collections", "OrderedDict"): OrderedDict,
        ("_codecs", "encode"): encode,
        ("codecs", "encode"): encode,
        ("numpy", "ndarray"): ndarray,
        ("numpy", "dtype"): Element,
    }
    for core in ("numpy.core", "numpy._core"):  # numpy 2 renamed it
        found[f"{core}.multiarray", "_reconstruct"] = empty_array
        found[f"{core}.multiarray", "scalar"] = scalar
        found[f"{core}.numeric", "_frombuffer"] = from_buffer
    for registry, builtins in (("copyreg", "builtins"), ("copy_reg", "__builtin__")):
        found[registry, "_reconstructor"] = reconstruct
        found[builtins, "object"] = instance_of_object
        found[builtins, "bytes"] = empty_bytes
    return found


def _check_memory(data: bytes) -> None:
    """Refuse, before anything is loaded, what would make the unpickler allocate far more than the file's size.

    pickletools reads the instructions without carrying them out, and checks each length against the file.  A memo index
    far beyond the number of instructions is the one way left: the unpickler's table would grow to it.
    """
    for count, (instruction, argument, _) in enumerate(pickletools.genops(data)):
        if instruction.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(argument or 0) > count:
            raise InputError("not a pickle that Python wrote: its memo is out of order")
