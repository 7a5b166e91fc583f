"""Batches at any position of an endless shuffled stream: what is read depends on the position alone.

A run that was interrupted therefore sees the same images in the same order as one that was not.
"""

import numpy as np

from pgan.randomness import derive


class Stream:
    """The images of one level, in another order in each pass, addressed by position."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, seed: int, purpose: str) -> None:
        """`images` (N, C, H, W) uint8 and `labels` (N,) int64 may be memory maps."""
        self.images, self.labels = images, labels
        self.seed, self.purpose = seed, purpose
        self._epoch = -1
        self._order = np.empty(0, np.int64)

    def batch(self, start: int, size: int, share: slice = slice(None)) -> tuple[np.ndarray, np.ndarray]:
        """Positions start … start + size - 1, or a share of them: uint8 (n, C, H, W) and labels (n,)."""
        chosen = self.indices(start, size)[share]
        # in the order of the file: a memory map is then read forwards
        order = np.argsort(chosen, kind="stable")
        images = np.empty((len(chosen), *self.images.shape[1:]), np.uint8)
        images[order] = self.images[chosen[order]]
        return images, np.asarray(self.labels[chosen])

    def indices(self, start: int, size: int) -> np.ndarray:
        """Which images stand at these positions, (size,) int64."""
        parts = []
        while size > 0:
            epoch, offset = divmod(start, len(self.images))
            parts.append(self._permutation(epoch)[offset : offset + size])
            start, size = start + len(parts[-1]), size - len(parts[-1])
        return np.concatenate(parts)

    def _permutation(self, epoch: int) -> np.ndarray:
        if epoch != self._epoch:
            key = derive(self.seed, self.purpose, "order", epoch)
            self._order = np.random.Generator(np.random.Philox(key)).permutation(len(self.images))
            self._epoch = epoch
        return self._order
