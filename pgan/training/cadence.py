"""How often a running phase does something that costs time: saving a snapshot, drawing a preview."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

SHARE = 0.02
"""Of the time, what it may take at most."""


class Cadence:
    """When the next time is: often, but for no more than `SHARE` of the time."""

    def __init__(self, at_least: float) -> None:
        """`at_least` is the shortest time between two in seconds."""
        self._at_least = at_least
        self._next = time.monotonic() + at_least

    def due(self) -> bool:
        """Whether it is time."""
        return time.monotonic() >= self._next

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Around the work: the longer it takes, the later the next one is due."""
        began = time.monotonic()
        try:
            yield
        finally:
            ended = time.monotonic()
            self._next = ended + max(self._at_least, (ended - began) / SHARE)
