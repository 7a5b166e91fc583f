"""The miniature pipeline, run once for all tests, and copies of it."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from forked_python import BEFORE
from miniature import OPENED, ROOT, Pipeline, isolated_environment, new_repository
from zygote import Zygote

sys.path.insert(0, str(ROOT))  # `stages` is run from the repository and never installed

Shared = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def finished(shared: Shared, zygote: Zygote) -> Pipeline:
    """The miniature after its first `dvc repro`, committed. Only to look at; beside it opened.log (see OPENED)."""

    def build(folder: Path) -> None:
        pipeline = new_repository(folder / "repository", zygote)
        ran = pipeline.repro(OPENED_LOG=str(folder / "opened.log"), **{BEFORE: OPENED})
        assert len(ran) == 10, ran
        pipeline.commit()

    folder = shared("finished", build)
    return Pipeline(folder / "repository", isolated_environment(folder), zygote)


@pytest.fixture(scope="session")
def empty_store(shared: Shared) -> Path:
    """A folder with an mlflow.db in which no run is, to copy: making its tables takes seconds."""

    def build(folder: Path) -> None:
        from stages.tracking.store import make

        make(folder / "mlflow.db")

    return shared("store", build)


@pytest.fixture
def pipeline(finished: Pipeline, empty_store: Path, tmp_path: Path) -> Pipeline:
    """A copy of the finished miniature to change: with its DVC cache, and with an empty MLflow store."""
    without = shutil.ignore_patterns("__pycache__", "mlflow.db*", "mlartifacts", ".pgan")
    shutil.copytree(finished.path, tmp_path / "repository", symlinks=True, ignore=without)
    shutil.copy(empty_store / "mlflow.db", tmp_path / "repository")
    return Pipeline(tmp_path / "repository", isolated_environment(tmp_path), finished.zygote)
