"""The phases of an experiment: the section `phases` of params.yaml, and which phase continues which.

Every room that needs names, order, parents or resolutions of phases takes them from here.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from pgan.config import Parameters, Section, SectionT, validate
from pgan.errors import SEPARATOR, InputError, shown

ROOT = "init"
"""The parent of a phase that continues no other: the networks of section `init`."""
LONGEST_NAME = 100
"""Characters. A name becomes a folder, and is written on pictures."""

Problem = tuple[str, str]
"""The key of a parameter, and what is wrong with its value."""


class Phase(Section):
    """One phase: which it continues, its resolution and length, batch and learning rate."""

    from_: str = Field(alias="from")
    """The phase that it continues, or `init`."""
    kind: Literal["stabilize", "grow", "fixed"]
    """`grow` fades in a new resolution over the whole phase; `stabilize` trains at a constant one; so does `fixed`,
    with networks of an architecture that cannot grow."""
    resolution: int = Field(ge=2)
    """Pixels per side."""
    kimg: float = Field(gt=0, le=1e9)
    """Length in thousands of real images shown to the critic."""
    batch: int = Field(ge=1, le=2**20)
    """Images per critic step."""
    lr: float = Field(gt=0)
    """Adam's learning rate, for both networks."""
    gradient_target: float | None = Field(default=None, gt=0)
    """training.gradient_target for this phase alone; null: as it is there.

    The official critic takes full-size images: with target t, its penalty at 1/2^k of the final resolution is ours with
    t·2^k (docs/fidelity.md)."""
    accumulate: int = Field(default=1, ge=1, le=2**20)
    """Parts in which each batch is computed, one after the other, where all of it does not fit into memory.

    Their gradients are averaged before Adam's step: the same training, up to rounding. Only dropout, which draws for
    one part after the other, draws other numbers."""

    @model_serializer(mode="wrap")
    def _as_before(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without `accumulate: 1`: fingerprints and names of runs stay those of files that do not have the key."""
        values: dict[str, Any] = serialize(self)
        return values if self.accumulate > 1 else {key: value for key, value in values.items() if key != "accumulate"}

    def settings(self, shared: SectionT) -> SectionT:
        """The section `training`, which all phases share, with the values that this phase has of its own."""
        if self.gradient_target is None:
            return shared
        return shared.model_copy(update={"gradient_target": self.gradient_target})

    def resolution_after(self, parent: int) -> int:
        """The resolution that the phase must have when its parent ends at `parent` pixels."""
        return 2 * parent if self.kind == "grow" else parent


Phases = Mapping[str, Phase]
"""Name → phase, in the order of the parameter file: parents before children, the final phase last."""


class _Whole(Section):
    phases: dict[str, Phase]


def read_phases(parameters: Parameters) -> dict[str, Phase]:
    """All phases of a parameter file.

    Raises:
        InputError: naming every key that is unknown, missing or of a wrong type, or that breaks the chain.
    """
    entries = parameters.get("phases")
    if not isinstance(entries, dict) or not entries:
        found = shown(entries)
        raise InputError(f"{parameters.path}: phases: expected a mapping with at least one phase, found {found}")
    phases = validate({"phases": entries}, _Whole, parameters.path).phases
    if problems := chain_problems(phases):
        raise InputError(SEPARATOR.join(f"{parameters.path}: {key}: {reason}" for key, reason in problems))
    return phases


def chain_problems(phases: Phases) -> list[Problem]:
    """What is wrong with the phases' names and parents, whatever the networks are."""
    problems: list[Problem] = []
    above = {ROOT}
    for name, phase in phases.items():
        key = f"phases.{name}"
        if not (name.isidentifier() and name.isascii() and len(name) <= LONGEST_NAME) or name == ROOT:
            problems.append((key, f"a phase's name must be a short identifier (letters, digits, _), and not '{ROOT}'"))
        if phase.from_ not in above:
            later = phase.from_ in phases
            reason = "comes later or is itself: the chain is cyclic or out of order" if later else "is no phase"
            problems.append((f"{key}.from", f"'{phase.from_}' {reason}; it must be '{ROOT}' or a phase above"))
        above.add(name)
    return problems


def chain(parents: Mapping[str, str], name: str) -> list[str]:
    """The names of a phase and of all that it continues, from the first one that was trained to the phase itself.

    Args:
        parents: of each phase, `init` or a phase.
    """
    names = [name]
    while (parent := parents[names[0]]) != ROOT:
        names.insert(0, parent)
    return names
