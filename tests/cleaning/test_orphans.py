"""What `pgan clean` makes of snapshots, without training: which are orphans, and that parameters are read once."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from pgan import config
from pgan.cleaning.orphans import find
from pgan.errors import InputError
from pgan.training.snapshots import ORIGIN

PYRAMID = Path("data/pyramid")


@pytest.fixture
def params(params_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A parameter file whose phases have all that they read."""
    monkeypatch.chdir(tmp_path)
    PYRAMID.mkdir(parents=True)
    for resolution in (4, 8, 16):
        np.save(PYRAMID / f"images_{resolution}.npy", np.zeros((4, 1, resolution, resolution), np.uint8))
    np.save(PYRAMID / "labels.npy", np.zeros(4, np.int64))
    for phase in ("init", *yaml.safe_load(params_file.read_text())["phases"]):
        (Path("data/train") / phase).mkdir(parents=True)
        (Path("data/train") / phase / "checkpoint.pt").write_bytes(phase.encode())
    return params_file


def leave(name: str, params: Path) -> None:
    """Make a folder of snapshots that a command with this parameter file left."""
    folder = Path("snapshots") / name
    folder.mkdir(parents=True)
    files = {"params": params, "parent": Path("data/train/init/checkpoint.pt"), "pyramid": PYRAMID}
    (folder / ORIGIN).write_text(json.dumps({key: str(path.absolute()) for key, path in files.items()}))


def test_each_parameter_file_is_read_once(params: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(params.read_text())
    for number in range(6):
        leave(f"grow_8-{number:016x}", params if number % 2 else other)
    read, read_yaml = [], config.read_yaml
    monkeypatch.setattr(config, "read_yaml", lambda path: read.append(path) or read_yaml(path))
    found = find(Path("snapshots"), Path("params.yaml"), Path("data/train"), PYRAMID)
    assert [each.kept for each in found] == [None] * 6
    assert read == [Path("params.yaml"), other]


def test_parameters_that_cannot_be_right_delete_nothing(params: Path) -> None:
    leave("grow_8-0123456789abcdef", params)
    content = yaml.safe_load(params.read_text())
    content["phases"]["grow_8"]["from"] = "stabilize_44"
    params.write_text(yaml.safe_dump(content, sort_keys=False))
    with pytest.raises(InputError, match=r"phases\.grow_8\.from: 'stabilize_44' is no phase"):
        find(Path("snapshots"), params, Path("data/train"), PYRAMID)
