"""How the networks were trained, from params.yaml and from what each phase wrote of itself."""

from dataclasses import dataclass
from typing import Any

from pgan.phases import Phases
from pgan.rendering.animation import format_kimg
from pgan.rendering.phases import TrainedPhase, final_chain
from pgan.untrusted.inputs import read_json

MOST_WEIGHTS = 2**50


@dataclass(frozen=True)
class PhaseRow:
    """One phase."""

    name: str
    parent: str
    kind: str
    resolution: int
    kimg: str
    total_kimg: str
    batch: int
    lr: str
    is_branch: bool
    """It does not lead to the final phase."""


@dataclass(frozen=True)
class Training:
    """All of it."""

    rows: list[PhaseRow]
    total_images: int
    """Real images that the critic had seen at the end of the final phase."""
    first_resolution: int
    resolution: int
    """Pixels per side in the first and in the final phase."""
    steps: int
    """Critic updates on the way to the final phase."""
    generator_weights: int
    critic_weights: int
    """Of the final phase; 0 where they are not known."""


def describe(phases: Phases, trained: list[TrainedPhase]) -> Training:
    """What there is to say.

    Args:
        trained: for each of the phases.
    """
    chain = final_chain(trained)
    rows = [
        PhaseRow(
            each.name,
            each.parent,
            phases[each.name].kind,
            each.resolution,
            format_kimg(phases[each.name].kimg),
            format_kimg(each.total_kimg),
            phases[each.name].batch,
            f"{phases[each.name].lr:g}",
            each not in chain,
        )
        for each in trained
    ]
    numbers = [_numbers(each) for each in chain]
    return Training(
        rows=rows,
        total_images=round(1000 * chain[-1].total_kimg),
        first_resolution=chain[0].resolution,
        resolution=chain[-1].resolution,
        steps=sum(each.get("steps", 0) for each in numbers),
        generator_weights=numbers[-1].get("generator_parameters", 0),
        critic_weights=numbers[-1].get("critic_parameters", 0),
    )


def _numbers(phase: TrainedPhase) -> dict[str, int]:
    """The counts in a summary.json, which `read_trained` has read before."""
    content: dict[str, Any] = read_json(phase.folder / "summary.json")
    return {key: value for key, value in content.items() if type(value) is int and 0 <= value < MOST_WEIGHTS}
