"""Which phases are measured, on a machine whose speed is known."""

from collections.abc import Callable

import pytest

from pgan.networks.config import Networks
from pgan.phases import Phase
from pgan.planning import pace
from pgan.planning.pace import Pace
from pgan.planning.speed import Speed
from pgan.planning.weights import training_bytes
from pgan.training.config import Training

PhaseOf = Callable[..., Phase]
BYTES = 40_000
"""For each value of a feature map: so many that narrow networks seem large."""


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str, int]]:
    """(resolution, kind, batch) of what was measured."""
    found: list[tuple[int, str, int]] = []

    def measured(networks: Networks, _: object, phase: Phase, *__: object) -> Speed:
        found.append((phase.resolution, phase.kind, phase.batch))
        values = networks.values(phase.resolution)
        return Speed(
            1e9 / networks.operations(phase.resolution),
            phase.batch * values * BYTES,
            2**20 + phase.batch * values * BYTES,
        )

    monkeypatch.setattr(pace, "measure", measured)
    return found


def test_phases_of_one_shape_are_measured_once(
    networks: Networks, training: Training, phase_of: PhaseOf, ran: list[tuple[int, str, int]]
) -> None:
    pace = Pace(networks, training, "cpu")
    for phase in (phase_of(4), phase_of(4, kimg=9.0), phase_of(8), phase_of(8, "stabilize"), phase_of(8, batch=4)):
        assert pace.of(phase).is_measured
    assert ran == [(4, "stabilize", 8), (8, "grow", 8), (8, "stabilize", 8), (8, "grow", 4)]


def test_what_would_take_too_long_is_scaled(
    networks: Networks, training: Training, phase_of: PhaseOf, ran: list[tuple[int, str, int]]
) -> None:
    for limit in ({"slowest": 1e-9}, {"seconds": 1e-9}):
        pace = Pace(networks, training, "cpu", **limit)
        pace.of(phase_of(4))
        speed, is_measured = pace.of(phase_of(16))
        assert not is_measured
        assert speed.images_per_second == pytest.approx(1e9 / networks.operations(16))
        assert speed.bytes == pytest.approx(8 * networks.values(16) * BYTES, rel=0.01)
    assert ran == [(4, "stabilize", 8)] * 2


def test_what_does_not_fit_is_not_tried(
    networks: Networks, training: Training, phase_of: PhaseOf, ran: list[tuple[int, str, int]]
) -> None:
    room = 7 * networks.values(16) * BYTES
    pace = Pace(networks, training, "cpu", free_memory=room)
    for resolution in (4, 8):
        assert pace.of(phase_of(resolution)).is_measured
    assert not pace.of(phase_of(16)).is_measured
    assert (pace.fits(phase_of(16, batch=4)), pace.fits(phase_of(16)), pace.largest_batch(16)) == (True, False, 4)
    assert pace.fitting_parts(phase_of(16)) == 2
    assert pace.fitting_parts(phase_of(16, batch=12)) == 3
    assert pace.of(phase_of(16).model_copy(update={"accumulate": 2})).is_measured
    ran.pop()
    assert ran[-1] == (8, "grow", 8)


def test_where_nothing_is_known_a_smaller_batch_is_measured(
    networks: Networks, training: Training, phase_of: PhaseOf, ran: list[tuple[int, str, int]]
) -> None:
    pace = Pace(networks, training, "cpu", free_memory=training_bytes(networks, 4) + 9 * networks.values(4) * 40)
    assert not pace.of(phase_of(4, batch=64)).is_measured
    assert ran == [(4, "stabilize", 8)]


def test_weights_do_not_count_as_feature_maps(
    networks: Networks, training: Training, phase_of: PhaseOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 4×4, the paper's networks have weights of hundreds of megabytes and hardly any maps."""
    paper = networks.model_copy(update={"latent_size": 512, "fmap_base": 8192, "fmap_max": 512})

    def measured(networks: Networks, _: object, phase: Phase, *__: object) -> Speed:
        r, part = phase.resolution, phase.batch // phase.accumulate
        return Speed(1.0, training_bytes(networks, r) + part * networks.values(r) * 36)

    monkeypatch.setattr(pace, "measure", measured)
    found = Pace(paper, training, "cpu")
    for resolution in (4, 8, 16, 32):
        found.of(phase_of(resolution))
    assert found.bytes(64, 16) == pytest.approx(training_bytes(paper, 64) + 16 * paper.values(64) * 36, rel=0.15)
