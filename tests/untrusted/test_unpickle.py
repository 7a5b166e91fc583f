"""Pickles are read without running anything, whatever is in them."""

import builtins
import collections
import os
import pickle
import struct
import sys

import numpy as np
import pytest
import torch
from oracles.official_reference import pickled

from pgan.errors import InputError
from pgan.untrusted.unpickle import Array, Record, loads

ARRAY = np.arange(12, dtype=np.float32).reshape(3, 4)


def loaded(content):
    return loads(content, "somebody's networks", "tfutil.Network")


def refusal(content):
    with pytest.raises(InputError) as error:
        loaded(content)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_every_protocol(protocol, order):
    values = [ARRAY.copy(order), ARRAY.astype(">f8"), ARRAY[0], ARRAY[:0], np.float32(2.5), np.int64(3)]
    content = pickle.dumps({"a": values, "b": collections.OrderedDict(c=(1, 2.5, "x", None, True, b"y"))}, protocol)
    found = loaded(content)
    assert found["b"] == {"c": (1, 2.5, "x", None, True, b"y")}
    for value, array in zip(values, found["a"], strict=True):
        assert isinstance(array, Array)
        assert array.value.shape == np.shape(value)
        assert array.value.dtype == value.dtype
        assert np.array_equal(array.value, value)


def test_the_name_that_numpy_had_before_its_second_version():
    content = pickle.dumps(ARRAY, 2).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert np.array_equal(loaded(content).value, ARRAY)


def test_a_pickle_of_python_2():
    # protocol 2 as Python 2 wrote it: names of old, and the bytes as a short byte string
    data = np.float32([1, 2]).tobytes()
    dtype = b"cnumpy\ndtype\n(U\x02f4K\x00K\x01tR(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR(K\x01(K\x02t" + dtype
    content = b"\x80\x02" + array + b"\x89U" + bytes([len(data)]) + data + b"tb."
    assert loaded(content).value.tolist() == [1, 2]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_instances_of_the_admitted_class_are_records_and_its_module_is_not_looked_for(protocol):
    first, second = loaded(pickled([{"a": 1}, {"source": "raise SystemExit('run')"}], protocol))
    assert isinstance(first, Record)
    assert (first.state, second.state) == ({"a": 1}, {"source": "raise SystemExit('run')"})
    assert "tfutil" not in sys.modules
    with pytest.raises(InputError, match=r"tfutil\.Network, which is no part of numbers"):
        loads(pickled([{}]), "numbers")


def instance_with(value):
    return pickled([{"arguments": value}])


class Call:
    """Pickles as a call."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (Call(os.system, "touch trapped"), "system"),
        (Call(builtins.eval, "open('trapped', 'w')"), "eval"),
        (Call(builtins.exec, "open('trapped', 'w')"), "exec"),
        (Call(builtins.getattr, "", "join"), "getattr"),
        (Call(builtins.open, "trapped", "w"), "open"),
        (Call(builtins.__import__, "os"), "__import__"),
        (Call(np.load, "trapped.npy", None, True), "load"),
        (Call(np.memmap, "trapped", "f4", "w+", 0, (4,)), "memmap"),
        (Call(torch.storage._load_from_bytes, b""), "_load_from_bytes"),
        (Call(collections.Counter, "aab"), "collections.Counter"),
        (Call(os.path.join, "a", "b"), "join"),
        (torch.zeros(2), "torch"),
        (np.array([object], dtype=object), "builtins.object"),
        (np.random.default_rng(0), "numpy.random"),
        (collections.defaultdict(list), "collections.defaultdict"),
        (np.ma.MaskedArray([1.0]), "numpy.ma"),
        (complex(1, 2), "complex"),
    ],
)
@pytest.mark.parametrize("wrap", [lambda v: pickle.dumps([v], 2), lambda v: pickle.dumps([v], 4), instance_with])
def test_any_other_name_is_refused_and_nothing_runs(call, name, wrap, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    message = refusal(wrap(call))
    assert name in message or "plain numbers" in message
    assert not list(tmp_path.iterdir())


def test_a_name_through_an_admitted_module_is_refused():
    for module, name in (("numpy", "ndarray.tofile"), ("collections", "OrderedDict.__init__"), ("tfutil", "run")):
        content = b"\x80\x04" + b"".join(b"\x8c" + bytes([len(x)]) + x.encode() for x in (module, name)) + b"\x93."
        assert f"{module}.{name}" in refusal(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"\x80\x04",
        b"\x80\x04.",
        pickle.dumps(ARRAY)[:-9],
        pickle.dumps(ARRAY)[:40],
        b"\x80\x63N.",
        b"PK\x03\x04" + bytes(100),
        b"\x80\x04B" + struct.pack("<I", 2**31) + b"abc.",
        b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b"abc.",
        b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"abc.",
        b"\x80\x02Nr" + struct.pack("<I", 2**31 - 1) + b".",
        b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"N.",
        b"Np1000000000\n.",
        b"Np-1\n.",
        b"(" * 100_000 + b"t" * 100_000,
        b"P1\n.",
        b"\x82\x01.",
    ],
)
def test_what_is_damaged_or_claims_absurd_sizes_is_refused_at_no_cost(content):
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refusal(content)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000, "KiB"


def array_of(shape, data, code="f4", order="<"):
    """A pickled array with that shape and content, whether they agree or not."""

    class Fake:
        def __reduce__(self):
            function, arguments, _ = ARRAY.__reduce__()
            dtype = np.dtype(f"{order}{code}")
            return function, arguments, (1, shape, dtype, False, data)

    return pickle.dumps(Fake(), 2)


@pytest.mark.parametrize(
    ("shape", "data"),
    [((2**40, 2**20), b"abcd"), ((-1,), b"abcd"), ((2,), b"abcd"), ((), b""), ((1.5,), b"abcd"), (3, b"abcd")],
)
def test_an_array_s_bytes_must_make_up_its_shape(shape, data):
    assert "array" in refusal(array_of(shape, data))


@pytest.mark.parametrize("code", ["c8", "M8[s]", "U1", "V4", "O"])
def test_arrays_hold_plain_numbers_only(code):
    assert "plain numbers" in refusal(pickle.dumps(np.zeros(2, code), 2))


def test_a_file_cannot_change_how_the_next_one_is_read():
    # BUILD with a state sets attributes on whatever lies on the stack, even on a function: here encode.__defaults__
    content = b"\x80\x02c_codecs\nencode\nN}X\x0c\x00\x00\x00__defaults__K\x01K\x02\x86s\x86b."
    loaded(content)
    assert np.array_equal(loaded(pickle.dumps(ARRAY, 2)).value, ARRAY)
    for name in (b"ctfutil\nNetwork\n", b"cnumpy\ndtype\n"):
        refusal(b"\x80\x02" + name + b"}X\x01\x00\x00\x00aK\x01sb.")


def test_keys_that_take_for_ever_to_hash_are_refused():
    twice = b")" + b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(60))
    for ending in (b"K\x01s.", b"K\x01u.", b""):
        mark = b"(" if ending.endswith(b"u.") else b""
        assert "key" in refusal(b"\x80\x02}" + mark + twice + (ending or b"K\x01s."))
    pairs = b"\x80\x02ccollections\nOrderedDict\n](" + twice + b"K\x01\x86e\x85R."
    assert "key" in refusal(pairs)
    refusal(b"\x80\x04\x8f(" + twice + b"\x90.")
