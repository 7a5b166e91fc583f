"""The values of one parameter file laid over those of another."""

from typing import Any

WHOLE = ("phases",)
"""Mappings that are never mixed: the upper file's replaces the lower one's."""


def laid_over(lower: dict[str, Any], upper: dict[str, Any]) -> dict[str, Any]:
    """The lower file's values with the upper one's.

    A section that names another `architecture` than the lower one's replaces it as a whole, since its keys are others.
    """
    return lower | {key: laid_over(lower[key], v) if _is_mixed(key, lower, v) else v for key, v in upper.items()}


def _is_mixed(key: str, lower: dict[str, Any], value: Any) -> bool:
    """Whether both are mappings that are laid over each other key by key."""
    below = lower.get(key)
    if key in WHOLE or not (isinstance(below, dict) and isinstance(value, dict)):
        return False
    return value.get("architecture") in (None, below.get("architecture"))
