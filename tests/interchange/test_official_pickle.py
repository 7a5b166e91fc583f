"""Official pickles are read without running anything; any other file is refused in one line with advice."""

import os
import pickle
import struct

import pytest
import torch
from oracles import official_reference as official

from pgan.errors import InputError
from pgan.interchange.official_pickle import load, read_official


def written(tmp_path, content):
    (tmp_path / "a.pkl").write_bytes(content)
    return tmp_path / "a.pkl"


def states(**changes):
    g, d, values = official.networks()
    options = {"G": g, "D": d, "Gs": g}
    return [official.state(role, options[role], values[role], **changes) for role in options]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_networks_are_records_and_their_source_is_never_run(protocol, tmp_path):
    first, second, _ = load(written(tmp_path, official.pickled(states(), protocol)))
    assert first.state["build_module_src"] == "raise SystemExit('run')"
    assert second.state["build_func_name"] == "D_paper"


class Call:
    """Pickles as a call of os.system."""

    def __reduce__(self):
        return os.system, ("touch trapped",)


@pytest.mark.parametrize("content", [pickle.dumps([Call()], 2), official.pickled(states(static_kwargs={"a": Call()}))])
def test_a_call_in_the_file_is_refused_and_never_made(content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"a\.pkl: refused: it asks for \w+\.system, which is no part of"):
        read_official(written(tmp_path, content))
    assert [path.name for path in tmp_path.iterdir()] == ["a.pkl"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"hello", "text"),
        (b"PK\x03\x04" + bytes(100), "zip"),
        (official.pickled(states())[:-9], "cut off or damaged: not a whole pickle of the official networks"),
        (b"\x80\x04B" + struct.pack("<I", 2**31) + b"abc.", "damaged"),
        (pickle.dumps([1, 2]), r"expected the three networks \(G, D, Gs\) of the official code, found a pickled list"),
    ],
)
def test_any_other_file_is_refused_in_one_line(content, message, tmp_path):
    with pytest.raises(InputError, match=rf"a\.pkl: .*{message}") as error:
        read_official(written(tmp_path, content))
    assert "\n" not in str(error.value)


def test_a_checkpoint_needs_no_import(tmp_path):
    torch.save({"format": "pgan checkpoint 1"}, tmp_path / "a.pkl")
    with pytest.raises(InputError, match="it needs no import"):
        load(tmp_path / "a.pkl")


def test_missing_files_are_named(tmp_path):
    for path, message in ((tmp_path / "none.pkl", "no such file"), (tmp_path, "a folder, .* name the file in it")):
        with pytest.raises(InputError, match=message):
            load(path)
