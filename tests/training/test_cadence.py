"""How often snapshots and previews come."""

import time

import pytest

from pgan.training.cadence import SHARE, Cadence


def test_snapshots_take_no_more_than_their_share(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    cadence = Cadence(at_least=5.0)
    spent = taken = 0.0
    for number in range(400):
        cost = (0.01, 0.3, 2.0, 40.0)[number // 100]
        while not cadence.due():
            now += 0.5  # a step
        with cadence.measured():
            now += cost
        spent, taken = spent + cost, taken + 1
    assert spent / now < SHARE
    assert taken == 400


def test_cheap_snapshots_come_as_often_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    cadence = Cadence(at_least=5.0)
    moments = []
    while now < 60:
        now += 1.0
        if cadence.due():
            with cadence.measured():
                moments.append(now)
    assert moments == [5.0 * k for k in range(1, 13)]
