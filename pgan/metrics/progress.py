"""Progress bars on stderr: lively on a terminal, a line every ten seconds in a log."""

import sys
from collections.abc import Iterable, Iterator

import numpy as np


def counted(chunks: Iterable[np.ndarray], total: int | None, label: str) -> Iterator[np.ndarray]:
    """The chunks, while a bar counts their images; `total` may be unknown."""
    from tqdm import tqdm

    with tqdm(total=total, desc=label, unit="img", mininterval=interval()) as bar:
        for chunk in chunks:
            yield chunk
            bar.update(len(chunk))


def interval() -> float:
    """Least seconds between two states of a bar."""
    return 0.1 if sys.stderr.isatty() else 10
