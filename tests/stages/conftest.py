"""The miniature pipeline, run once for all tests, and copies of it."""

import shutil
import sys
from pathlib import Path

import pytest
from miniature import OPENED, ROOT, Pipeline, isolated_environment, new_repository

sys.path.insert(0, str(ROOT))  # `stages` is run from the repository and never installed


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """The miniature after its first `dvc repro`, committed. Only to look at; beside it opened.log (see OPENED)."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "hook").mkdir()
    (folder / "hook/sitecustomize.py").write_text(OPENED, encoding="utf-8")
    pipeline = new_repository(folder / "repository")
    ran = pipeline.repro(PYTHONPATH=str(folder / "hook"), OPENED_LOG=str(folder / "opened.log"))
    assert len(ran) == 10, ran
    pipeline.commit()
    return pipeline


@pytest.fixture
def pipeline(finished: Pipeline, tmp_path: Path) -> Pipeline:
    """A copy of the finished miniature to change: with its DVC cache, without its MLflow runs."""
    without = shutil.ignore_patterns("__pycache__", "mlflow.db*", "mlartifacts", ".pgan")
    shutil.copytree(finished.path, tmp_path / "repository", symlinks=True, ignore=without)
    return Pipeline(tmp_path / "repository", isolated_environment(tmp_path))
