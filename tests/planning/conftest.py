"""Phases of any shape."""

from collections.abc import Callable

import pytest

from pgan.phases import Phase


@pytest.fixture
def phase_of() -> Callable[..., Phase]:
    """A phase of a resolution."""

    def make(resolution: int, kind: str = "", batch: int = 8, kimg: float = 1.0) -> Phase:
        kind = kind or ("grow" if resolution > 4 else "stabilize")
        values = {"from": "init", "kind": kind, "resolution": resolution, "kimg": kimg, "batch": batch, "lr": 0.001}
        return Phase.model_validate(values)

    return make
