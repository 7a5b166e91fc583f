"""Reading a pickle without running anything that it holds.

A pickle is a program that may call any function.  Here it can reach the few names that such pickles need, and each name
is bound to a stand-in of this module, never to numpy's or anybody's own function: containers, numpy arrays and scalars
of plain numbers, and at most one class, as a record without behaviour.
"""

import io
import math
import pickle
import pickletools
import re
from collections import OrderedDict
from typing import Any, ClassVar

import numpy as np

from pgan.errors import InputError

NUMBERS = re.compile(r"f[248]|[iu][1248]|b1")
"""The element types of arrays: no objects, no structures, no text."""


class Record:
    """What a pickled instance of an admitted class holds."""

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


def loads(data: bytes, kind: str, record: str = "") -> Any:
    """What a pickle holds: containers, strings, numbers, `Array`, and `Record` for instances of the class `record`.

    Args:
        kind: what the pickle should be of, for the message.
        record: `module.name` of the one class whose instances are admitted.

    Raises:
        InputError: it is damaged or no pickle, or asks for anything else, which is named.
    """
    try:
        _check_memory(data)
        return _Unpickler(data, kind, record).load()
    except InputError:
        raise
    except Exception:  # a damaged pickle raises whatever its last instruction stumbled over
        raise InputError(f"cut off or damaged: not a whole pickle of {kind}; download or copy it again") from None


_Python: Any = pickle._Unpickler


class _Unpickler(_Python):
    """The unpickler that is written in Python, so that its steps can be watched; it finds nothing but the stand-ins."""

    dispatch: ClassVar[dict[int, Any]] = dict(_Python.dispatch)
    for code in (pickle.EMPTY_SET, pickle.ADDITEMS, pickle.FROZENSET):
        del dispatch[code[0]]

    def __init__(self, data: bytes, kind: str, record: str) -> None:
        super().__init__(io.BytesIO(data), encoding="latin1")  # for the byte strings of Python 2
        self.admitted, self.kind = _stand_ins(record), kind

    def find_class(self, module: str, name: str) -> Any:
        found = self.admitted.get((module, name))
        if found is None:
            raise InputError(f"refused: it asks for {module}.{name}, which is no part of {self.kind}")
        return found

    def load_setitem(self) -> None:
        _check_keys(self.stack[-2:-1])
        super().load_setitem()

    def load_setitems(self) -> None:
        _check_keys(self.stack[::2])
        super().load_setitems()

    def load_dict(self) -> None:
        _check_keys(self.stack[::2])
        super().load_dict()

    dispatch[pickle.SETITEM[0]] = load_setitem
    dispatch[pickle.SETITEMS[0]] = load_setitems
    dispatch[pickle.DICT[0]] = load_dict


def _check_keys(keys: list[Any]) -> None:
    """Tuples that hold one another twice, thirty deep, would take forever to hash."""
    if not all(type(key) in (str, bytes, int) for key in keys):
        raise InputError("refused: a key that is neither text nor a number")


def _stand_ins(record: str) -> dict[tuple[str, str], Any]:
    """Stand-ins by (module, name). Each file gets new ones, so that it can leave nothing behind in them."""

    class Instance(Record):
        pass

    class Element(ElementType):
        pass

    def ndarray(*_: Any) -> None:
        """Only ever an argument."""
        raise InputError("refused: it calls numpy.ndarray")

    def instance_of_object(*_: Any) -> None:
        """Only ever an argument."""
        raise InputError("refused: it calls object")

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

    def ordered(pairs: Any = ()) -> OrderedDict[Any, Any]:
        """An OrderedDict, which protocol 2 makes of a list of pairs."""
        if not isinstance(pairs, list | tuple) or not all(isinstance(pair, list | tuple) for pair in pairs):
            raise InputError("an OrderedDict that is not made of pairs")
        _check_keys([pair[0] for pair in pairs])
        return OrderedDict(pairs)

    def reconstruct(kind: Any, base: Any, state: Any) -> Record:
        """How protocols below 2 write an instance."""
        if kind is not Instance or base is not instance_of_object:
            raise InputError("an instance of a class that is not admitted")
        return Instance()

    found: dict[tuple[str, str], Any] = {
        ("collections", "OrderedDict"): ordered,
        ("_codecs", "encode"): encode,
        ("codecs", "encode"): encode,
        ("numpy", "ndarray"): ndarray,
        ("numpy", "dtype"): Element,
    }
    if record:
        module, _, name = record.rpartition(".")
        found[module, name] = Instance
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
        if instruction.name == "FRAME" and int(argument or 0) > len(data):
            raise InputError("cut off: the pickle in it is longer than the file; download or copy it again")
        if instruction.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(argument or 0) > count:
            raise InputError("refused: not a pickle that Python wrote (its memo is out of order)")
