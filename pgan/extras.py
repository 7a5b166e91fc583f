"""Packages that only some features need, kept behind the extras of pyproject.toml."""

import importlib
from typing import Any

from pgan.errors import RunError


def require(module: str, extra: str, purpose: str) -> Any:
    """Import an optional package.

    Raises:
        RunError: it is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = (error.name or module).partition(".")[0]
        raise RunError(f"{purpose} needs the package {missing}: pip install 'pgan[{extra}]'") from None
