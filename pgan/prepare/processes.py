"""How many processes decode images."""

import os

from pgan.errors import InputError


def processes(asked: int | None) -> int:
    """As asked, or as PGAN_WORKERS says, or one for each core that this process may use. Raises InputError."""
    name = "--workers"
    if asked is None:
        name, text = "PGAN_WORKERS", os.environ.get("PGAN_WORKERS", "auto")
        if text == "auto":
            return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        if not text.isdecimal() or len(text) > 6:
            raise InputError(f"{name}: expected a number or 'auto', found '{text}'")
        asked = int(text)
    if asked < 1:
        raise InputError(f"{name}: must be 1 or more, found {asked}")
    return asked
