"""How much memory is free, in a machine and in a container."""

import math
from pathlib import Path

import psutil
import pytest

from pgan.planning import control_group
from pgan.planning.memory import free_memory


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the control groups of both versions are."""
    for name in ("FIRST", "SECOND"):
        hierarchy = getattr(control_group, name)
        monkeypatch.setattr(control_group, name, hierarchy._replace(root=tmp_path / name))
    monkeypatch.setattr(control_group, "MINE", tmp_path / "mine")
    (tmp_path / "mine").write_text("4:memory:/job\n3:cpu:/\n0::/user/job\n")
    return tmp_path


def limit(folder: Path, files: control_group.Hierarchy, most: object, used: int, cache: int) -> None:
    """Make a group."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in ((files.limit, most), (files.usage, used), ("memory.stat", f"anon 7\n{files.cache} {cache}")):
        (folder / name).write_text(f"{value}\n")


def test_the_narrowest_group_counts_without_its_cache(groups: Path) -> None:
    assert control_group.room() == math.inf
    limit(groups / "SECOND/user", control_group.SECOND, 5000, 1000, 200)
    assert control_group.room() == 4200
    limit(groups / "SECOND/user/job", control_group.SECOND, "max", 900, 0)
    assert control_group.room() == 4200
    limit(groups / "FIRST/job", control_group.FIRST, 3000, 2500, 100)
    assert control_group.room() == 600
    limit(groups / "FIRST/job", control_group.FIRST, 3000, 4000, 100)
    assert control_group.room() == 0


def test_a_limit_above_the_machine_s_memory_is_none(groups: Path) -> None:
    limit(groups / "FIRST", control_group.FIRST, 2**63 - 4096, 10, 0)
    assert 0 < free_memory("cpu") <= psutil.virtual_memory().total
    limit(groups / "FIRST", control_group.FIRST, 2**20, 2**10, 0)
    assert free_memory("cpu") == 2**20 - 2**10


def test_other_systems_have_no_groups(groups: Path) -> None:
    (groups / "mine").unlink()
    assert control_group.room() == math.inf
