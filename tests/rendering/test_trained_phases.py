"""Reading what training left on disk."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pgan.config import Parameters
from pgan.errors import InputError
from pgan.phases import read_phases
from pgan.rendering.phases import final_chain, read_samples, read_trained

Experiment = Callable[..., Path]
BRANCHES = {
    "stabilize_4": ("stabilize", "init", 4),
    "grow_8": ("grow", "stabilize_4", 8),
    "longer_8": ("grow", "stabilize_4", 8),
    "stabilize_8": ("stabilize", "grow_8", 8),
}


def test_the_chain_leaves_branches_out(experiment: Experiment) -> None:
    root = experiment(BRANCHES)
    phases = read_trained(read_phases(Parameters.read(root / "params.yaml")), root / "train")
    assert [phase.name for phase in phases] == list(BRANCHES)
    assert [phase.name for phase in final_chain(phases)] == ["stabilize_4", "grow_8", "stabilize_8"]
    assert [phase.grows for phase in phases] == [False, True, True, False]
    assert phases[-1].resolution == 8
    assert phases[-1].sample_kimg[-1] == 6.0
    assert phases[-1].total_kimg == 6.0
    assert read_samples(phases[0]).shape == (4, 8, 1, 4, 4)


def test_an_untrained_phase_is_named(experiment: Experiment) -> None:
    root = experiment({"a": ("fixed", "init", 4)})
    (root / "train" / "a" / "summary.json").unlink()
    with pytest.raises(InputError, match=r"a/summary\.json: no such file; train the phase 'a' first"):
        read_trained(read_phases(Parameters.read(root / "params.yaml")), root / "train")
    with pytest.raises(InputError, match="no such folder; train the phase 'a' first"):
        read_trained(read_phases(Parameters.read(root / "params.yaml")), root / "elsewhere")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kind", None),
        ("resolution", 0),
        ("resolution", 8.0),
        ("total_kimg", None),
        ("total_kimg", float("inf")),
        ("sample_kimg", []),
        ("sample_kimg", [1.0, float("nan")]),
        ("sample_kimg", [2.0, 1.0]),
        ("sample_kimg", ["1"]),
    ],
)
def test_an_impossible_summary_is_named(experiment: Experiment, key: str, value: Any) -> None:
    root = experiment({"a": ("fixed", "init", 4)})
    path = root / "train" / "a" / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(InputError, match=rf"summary\.json: {key}: missing or impossible"):
        read_trained(read_phases(Parameters.read(root / "params.yaml")), root / "train")


def test_a_summary_that_is_no_json_is_named(experiment: Experiment) -> None:
    root = experiment({"a": ("fixed", "init", 4)})
    (root / "train" / "a" / "summary.json").write_text("{")
    with pytest.raises(InputError, match=r"summary\.json: not valid JSON"):
        read_trained(read_phases(Parameters.read(root / "params.yaml")), root / "train")


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros((4, 8, 1, 4, 4), np.float32),
        np.zeros((3, 8, 1, 4, 4), np.uint8),
        np.zeros((4, 8, 2, 4, 4), np.uint8),
        np.zeros((4, 0, 1, 4, 4), np.uint8),
        np.zeros((4, 8, 1, 8, 8), np.uint8),
        np.zeros((4, 8, 4, 4), np.uint8),
    ],
)
def test_samples_of_another_shape_are_named(experiment: Experiment, samples: np.ndarray) -> None:
    root = experiment({"a": ("fixed", "init", 4)})
    np.save(root / "train" / "a" / "samples.npy", samples)
    phase = read_trained(read_phases(Parameters.read(root / "params.yaml")), root / "train")[0]
    with pytest.raises(InputError, match=r"samples\.npy: (expected uint8 \(4, n, 1 or 3, 4, 4\)|not a plain)"):
        read_samples(phase)


def test_samples_that_cannot_be_read_are_named(experiment: Experiment) -> None:
    root = experiment({"a": ("fixed", "init", 4)})
    phase = read_trained(read_phases(Parameters.read(root / "params.yaml")), root / "train")[0]
    path = root / "train" / "a" / "samples.npy"
    content = path.read_bytes()
    for broken in (content[:-100], b"", b"PK\x03\x04"):
        path.write_bytes(broken)
        with pytest.raises(InputError, match=r"samples\.npy: not a plain \.npy array"):
            read_samples(phase)
    path.unlink()
    with pytest.raises(InputError, match=r"samples\.npy: no such file"):
        read_samples(phase)
