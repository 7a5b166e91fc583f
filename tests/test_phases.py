"""The one model of phases: what the section allows, and the rules of the chain."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from pgan.config import Parameters
from pgan.errors import InputError
from pgan.phases import chain, read_phases

SETTINGS = {"kind": "stabilize", "resolution": 4, "kimg": 1.0, "batch": 8, "lr": 0.001}


def read(tmp_path: Path, phases: Any) -> Any:
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump({"phases": phases}, sort_keys=False))
    return read_phases(Parameters.read(path))


def phase(parent: str, **changes: Any) -> dict[str, Any]:
    return SETTINGS | {"from": parent} | changes


def test_phases_keep_their_order_and_know_what_they_continue(tmp_path: Path) -> None:
    entries = {"b": phase("init"), "a": phase("b", kind="grow", resolution=8), "side": phase("b"), "end": phase("a")}
    phases = read(tmp_path, entries)
    assert list(phases) == list(entries)
    parents = {name: phase.from_ for name, phase in phases.items()}
    assert chain(parents, "end") == ["b", "a", "end"]
    assert chain(parents, "b") == ["b"]
    assert [phase.resolution_after(4) for phase in phases.values()] == [4, 8, 4, 4]


@pytest.mark.parametrize(
    ("phases", "message"),
    [
        (None, "phases: expected a mapping with at least one phase, found None"),
        ({}, r"phases: expected a mapping with at least one phase, found \{\}"),
        ({"a": 3}, r"phases\.a: expected a mapping, found 3"),
        ({"a": SETTINGS}, r"phases\.a\.from: missing"),
        ({"a": phase("init", kimgs=1)}, r"phases\.a\.kimgs: unknown parameter; did you mean 'kimg'"),
        ({"a": phase("init", from_="b")}, r"phases\.a\.from_: unknown parameter; did you mean 'from'"),
        ({"a": phase("b")}, r"phases\.a\.from: 'b' is no phase; it must be 'init' or a phase above"),
        ({"a": phase("init") | {"from": ["init"]}}, r"phases\.a\.from: must be text"),
        ({"a": phase("a")}, r"phases\.a\.from: 'a' comes later or is itself"),
        ({"a": phase("b"), "b": phase("a")}, r"phases\.a\.from: 'b' comes later or is itself: the chain is cyclic"),
        ({"b": phase("a"), "a": phase("init")}, r"phases\.b\.from: 'a' comes later or is itself: .* out of order"),
        ({"../a": phase("init")}, r"phases\.\.\./a: a phase's name must be a short identifier"),
        ({"é": phase("init")}, r"phases\.é: a phase's name must be a short identifier"),
        ({"a" * 101: phase("init")}, r": a phase's name must be a short identifier"),
        ({"init": phase("init")}, r"phases\.init: a phase's name must be .* and not 'init'"),
    ],
)
def test_an_impossible_chain_is_named(tmp_path: Path, phases: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        read(tmp_path, phases)
    assert str(error.value).startswith(f"{tmp_path / 'params.yaml'}: phases")


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, {"a": phase("init", kimg=0), "b": phase("a", lr=-1)})
    assert "phases.a.kimg" in str(error.value)
    assert "phases.b.lr" in str(error.value)
