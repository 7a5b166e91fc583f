"""A phase to train and to disturb."""

from pathlib import Path

import pytest
import yaml
from one_phase import Experiment
from zygote import Zygote


@pytest.fixture
def experiment(zygote: Zygote, tmp_path: Path, params_file: Path) -> Experiment:
    """A folder for one phase, still empty."""
    (tmp_path / "work").mkdir()
    return Experiment(zygote, tmp_path / "work", yaml.safe_load(params_file.read_text()))
