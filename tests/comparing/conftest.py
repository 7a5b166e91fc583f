"""Pictures, real ones to compare with, and narrow networks."""

from pathlib import Path

import numpy as np
import pytest
from image_forms import as_pyramid, crops

from pgan.comparing import settings
from pgan.networks.config import Networks

SHARED = Path(__file__).parents[3] / "shared"


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """A coarser SWD."""
    monkeypatch.setattr(settings, "PATCHES", 16)
    monkeypatch.setattr(settings, "DIRECTIONS", 32)


@pytest.fixture
def pictures() -> np.ndarray:
    """Sixty."""
    return crops(60, seed=0)


@pytest.fixture
def reals(tmp_path: Path) -> Path:
    """A pyramid of 140 others, enough for a column of other real images."""
    return as_pyramid(crops(140, seed=1), tmp_path / "reals")


@pytest.fixture
def colour(networks: Networks) -> Networks:
    """Narrow RGB networks."""
    return networks.model_copy(update={"channels": 3})


@pytest.fixture
def official_pickle() -> Path:
    """32×32, RGB, with labels."""
    path = SHARED / "fixtures/official/rgb32_labels_fused.pkl"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    return path


@pytest.fixture
def cifar() -> Path:
    """Test pictures of CIFAR-10: ten folders of JPEG files."""
    path = SHARED / "data/cifar10-test.zip"
    if not path.exists():
        pytest.skip("needs ../shared/data beside the repository")
    return path
