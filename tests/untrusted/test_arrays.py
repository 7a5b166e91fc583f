"""Arrays whose headers lie are refused before anything is mapped."""

import struct

import numpy as np
import pytest

from pgan.errors import InputError
from pgan.untrusted.arrays import open_array

GOOD = np.arange(12, dtype=np.float32).reshape(3, 4)


def test_a_good_array_is_a_map_and_private_ones_may_be_changed(tmp_path):
    np.save(tmp_path / "a.npy", GOOD)
    found = open_array(tmp_path / "a.npy")
    assert np.array_equal(found, GOOD)
    assert not found.flags.writeable
    changed = open_array(tmp_path / "a.npy", private=True)
    changed[:] = 0
    assert np.array_equal(open_array(tmp_path / "a.npy"), GOOD)


def with_header(text, data=b""):
    body = text.encode() + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(body)) + body + data


def literal(shape, descr="'<f4'", fortran=False):
    return f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}}}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a plain"),
        (b"hello", "not a plain"),
        (b"\x93NUMPY\x09\x00" + bytes(99), "not a plain"),
        (with_header(literal("(2**3,)"), bytes(32)), "not a plain"),
        (with_header(literal("(8,)"), bytes(31)), "31 bytes follow"),
        (with_header(literal("(8,)"), bytes(33)), "33 bytes follow"),
        (with_header(literal("(4294967296, 4294967296)")), "0 bytes follow"),
        (with_header(literal("(-8,)"), bytes(32)), "promises"),
        (with_header(literal("(0, 4)")), "promises"),
        (with_header(literal("(2, 4)", fortran=True), bytes(32)), "column-major"),
        (with_header(literal("(1,)", "'|O'"), b"x"), "Python objects"),
        (with_header("(" * 5000), "not a plain"),
        (with_header("-" * 9000 + "1"), "not a plain"),
        (with_header("__import__('os').system('x')"), "not a plain"),
    ],
)
def test_lies_are_refused(content, message, tmp_path):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        open_array(tmp_path / "a.npy")
    assert str(error.value).startswith(f"{tmp_path / 'a.npy'}: ")
    assert "\n" not in str(error.value)
