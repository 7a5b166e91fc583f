"""Out of memory, told as what can be done about it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from pgan.errors import RunError

SIGNS = re.compile(r"out of memory|allocate memory|not enough memory|bad_alloc|ALLOC_FAILED", re.IGNORECASE)
"""What the allocators of CPU, CUDA, cuBLAS and MPS say."""


@contextmanager
def memory_errors(what: str, advice: str) -> Iterator[None]:
    """Raise RunError, with what was being done and the advice, where device or machine have too little memory."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not SIGNS.search(str(error)):
            raise
        reason = str(error).strip().splitlines()[0][:160] if str(error).strip() else "no memory left"
        raise RunError(f"{what}: out of memory ({reason}); {advice}") from None
