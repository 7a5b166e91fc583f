"""One parameter that `pgan new` has decided, and why."""

from collections.abc import Iterable
from typing import Any, NamedTuple


class Decision(NamedTuple):
    """A line of params.yaml."""

    key: str
    """Dotted, such as `prepare.resolution`."""
    value: Any
    reason: str
    """In a few words; empty where the value follows from another one."""
    is_plain: bool = False
    """It goes without saying: the console leaves it out."""


def values(decisions: Iterable[Decision]) -> dict[str, Any]:
    """Key -> value."""
    return {decision.key: decision.value for decision in decisions}


def chosen(key: str, wish: Any, option: str, value: Any, reason: str, is_plain: bool = False) -> Decision:
    """What the user wished, or else `value`."""
    return Decision(key, value, reason, is_plain) if wish is None else Decision(key, wish, f"as {option} says")
