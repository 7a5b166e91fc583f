"""dvc.yaml against the code: a stage depends on exactly the code that it imports, and on the files that it reads."""

import ast
import tomllib
from pathlib import PurePosixPath
from typing import Any

import grimp
import pytest
import yaml
from miniature import ROOT, Pipeline

from pgan.metric_table import METRICS

GRAPH = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
STAGES = {name: stage.get("do", stage) for name, stage in GRAPH.items()}
AROUND = ("stages.runner", "stages.launch", "stages.tracking.stage", "pgan.process")
"""They check parameters, choose the processes that work, watch, and word errors.

Nothing in these modules, or in what only they import, reaches an output.
"""


def test_every_stage_of_the_graph_has_its_module() -> None:
    for name, stage in STAGES.items():
        assert stage["cmd"].split()[:3] == ["python", "-m", f"stages.{name}"]
        assert (ROOT / f"stages/{name}.py").is_file()


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_is_in_the_layer_of_the_stages(name: str) -> None:
    """import-linter would let a module that no layer names import anything."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    assert any(f"stages.{name}" in layer.split(" | ") for layer in layers)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_exactly_the_code_that_it_imports(name: str) -> None:
    graph = grimp.build_graph("pgan", "stages", cache_dir=None)
    for module in AROUND:
        graph.remove_module(module)
    for metric in METRICS:  # imported by name
        graph.add_import(importer="pgan.metrics.evaluation", imported=metric.compute.partition(":")[0])
    imported = {f"stages.{name}"} | graph.find_upstream_modules(f"stages.{name}")
    units = {unit(module) for module in imported}
    declared = [dependency for dependency in STAGES[name]["deps"] if dependency.startswith(("pgan", "stages"))]
    assert set(declared) == units - {None}
    assert len(declared) == len(set(declared))


def unit(module: str) -> str | None:
    """What dvc.yaml calls the code that a module belongs to: a folder of pgan, or a file."""
    parts = module.split(".")
    if len(parts) == 1:
        return None  # `pgan` and `stages` themselves: see below
    path = "/".join(parts[:2])
    return path if (ROOT / path).is_dir() else f"{path}.py"


@pytest.mark.parametrize("package", ["pgan", "stages"])
def test_the_packages_themselves_hold_no_code(package: str) -> None:
    """Every import runs their `__init__`, so that it would be a dependency of all stages if it did anything."""
    body = ast.parse((ROOT / package / "__init__.py").read_text(encoding="utf-8")).body
    assert all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body)


def test_a_stage_depends_on_exactly_the_files_that_it_reads(finished: Pipeline) -> None:
    lock = yaml.safe_load((finished.path / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    for address, stage in lock.items():
        needed, made = data_paths(stage["deps"]), data_paths(stage["outs"])
        read = {path for path in opened_by(stage["cmd"], finished) if not inside(path, made)}
        assert {path for path in read if not inside(path, needed)} == set(), address
        if "@" not in address or address.endswith(
            "@stabilize_8"
        ):  # the first phase has too few pixels for some metrics
            assert {path for path in needed if not any(inside(file, [path]) for file in read)} == set(), address


def opened_by(command: str, finished: Pipeline) -> set[str]:
    """Files under data/ that a stage opened for reading, without its own temporary ones and live files."""
    log = (finished.path.parent / "opened.log").read_text(encoding="utf-8")
    pairs = [line.split("\t") for line in log.splitlines()]
    paths = {path for who, path in pairs if f"python {who}" == command}
    assert paths or command == "python -m stages.init"
    live = ("data/logs/", "data/render/preview.png")
    return {path for path in paths if ".part" not in path and not path.startswith(live)}


def data_paths(entries: list[dict[str, Any]]) -> list[str]:
    """Those under data/."""
    return [entry["path"] for entry in entries if entry["path"].startswith("data/")]


def inside(path: str, folders: list[str]) -> bool:
    """Whether a path is one of these, or lies in one."""
    return any(PurePosixPath(path).is_relative_to(folder) for folder in folders)
