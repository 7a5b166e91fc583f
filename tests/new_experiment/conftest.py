"""Folders of images, and a machine whose speed is known."""

from collections.abc import Callable
from pathlib import Path

import pytest
from photographs import Photos, photo

from pgan.networks.progressive import Progressive
from pgan.new_experiment import proposal
from pgan.new_experiment.findings import Findings, findings
from pgan.new_experiment.opening import open_images
from pgan.new_experiment.survey import survey
from pgan.phases import Phase
from pgan.planning import pace
from pgan.planning.speed import Speed


@pytest.fixture
def photos(tmp_path: Path) -> Photos:
    """Makes a folder of photographs."""

    def make(count: int, name: str = "photos", *, size: tuple[int, int] = (32, 32), first: int = 0) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(first, first + count):
            photo(number, size).save(folder / f"{number:04d}.png")
        return folder

    return make


@pytest.fixture
def look() -> Callable[..., Findings]:
    """What a look at a path finds."""

    def at(path: Path, labels: bool | None = None) -> Findings:
        opened = open_images(path, labels)
        return findings(opened, survey(opened.source, 1))

    return at


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, int]]:
    """A machine of 340 million operations each second; (resolution, width, batch) of what it ran."""
    ran: list[tuple[int, int, int]] = []

    def measured(networks: Progressive, _: object, phase: Phase, *__: object) -> Speed:
        ran.append((phase.resolution, networks.fmap_max, phase.batch))
        values = networks.values(phase.resolution)
        return Speed(3.4e8 / networks.operations(phase.resolution), phase.batch // phase.accumulate * values * 40)

    monkeypatch.setattr(pace, "measure", measured)
    monkeypatch.setattr(proposal, "features_per_second", lambda _: 100.0)
    monkeypatch.setattr(proposal, "classifier_per_second", lambda *_: (1000.0, 2000.0))
    return ran
