"""How much training is still to come after a phase: for the progress bar alone, and no output depends on it."""

from typing import Any

from pgan.phases import Phase
from pgan.training.config import Recipe


def images_ahead(recipe: Recipe, content: dict[str, Any]) -> float:
    """The phases after this one, as the number of this phase's images that would take about as long.

    An image takes time in proportion to its convolutions.  Phases that cannot be read count nothing:
    they are not this phase's business.

    Args:
        content: of the parameter file; taken as it is, so that a later phase may be edited while this one trains.
    """
    found = content.get("phases")
    phases: dict[str, Any] = found if isinstance(found, dict) else {}
    names = list(phases)
    after = names[names.index(recipe.name) + 1 :] if recipe.name in names else []
    now = recipe.networks.operations(recipe.phase.resolution)
    return sum(_cost(recipe, phases[name]) for name in after) / now


def _cost(recipe: Recipe, entry: Any) -> float:
    """Of a phase: images times operations."""
    try:
        phase = Phase.model_validate(entry)
        return phase.kimg * 1000 * recipe.networks.operations(phase.resolution)
    except ValueError:
        return 0.0
