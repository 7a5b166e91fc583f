"""Arrays that may exceed the RAM: written to an unnamed temporary file, then read as a memory map."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np


def spool(chunks: Iterable[np.ndarray], folder: Path) -> np.ndarray:
    """Chunks of equal type and row shape as one array, (sum of rows, …).

    The file has no name and is gone with the array, even when the process is killed. It lies in `folder`, beside the
    results, because /tmp is often small or in memory. Written, not mapped, so that a full disk is an OSError.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        rows = 0
        for chunk in chunks:
            chunk = np.ascontiguousarray(chunk)
            file.write(chunk.data)
            rows += len(chunk)
        file.flush()
        return np.memmap(file, chunk.dtype, mode="c", shape=(rows, *chunk.shape[1:]))
