"""The official code's pickles, where they are."""

from pathlib import Path

import pytest

OFFICIAL = Path(__file__).parents[3] / "shared" / "fixtures" / "official"


@pytest.fixture
def official_pickle():
    """16×16, grey, without labels."""
    path = OFFICIAL / "gray16.pkl"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    return path
