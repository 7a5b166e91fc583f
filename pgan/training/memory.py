"""Out of memory, told as what can be done about it."""

from collections.abc import Iterator
from contextlib import contextmanager

from pgan.errors import RunError, out_of_memory


@contextmanager
def memory_errors(what: str, advice: str) -> Iterator[None]:
    """Raise RunError, with what was being done and the advice, where device or machine have too little memory."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        reason = (str(error).strip() or "no memory left").splitlines()[0]
        raise RunError(f"{what}: out of memory ({reason[:160]}); {advice}") from None
