"""Batches on the device that trains."""

import numpy as np
import torch
from torch import Tensor

from pgan.data.batches import Stream

SHARE = 0.25
"""Of a GPU's free memory, what a level of the pyramid may take: the rest is for networks and their maps."""


class Batches:
    """The batches of a stream, on a device, however they get there: the same numbers each way.

    A level that fits is copied to the GPU once, and batches are gathered there.  Of a larger one, each batch is read
    into locked memory, from which the GPU fetches it while it is still busy with the step before.
    """

    def __init__(self, stream: Stream, device: torch.device, most_bytes: int | None = None) -> None:
        """`most_bytes` is the size of a level that may stay on the device; by default `SHARE` of a GPU's memory."""
        self.stream, self.device = stream, device
        if most_bytes is None:
            most_bytes = room(device)
        fits = stream.images.nbytes <= most_bytes
        self.level = torch.from_numpy(np.array(stream.images)).to(device) if fits else None

    def batch(self, start: int, size: int, share: slice) -> tuple[Tensor, Tensor]:
        """As `Stream.batch`: uint8 (n, C, H, W) and labels (n,) int64."""
        if self.level is not None:
            chosen = self.stream.indices(start, size)[share]
            return self.level[self._moved(chosen)], self._moved(np.asarray(self.stream.labels[chosen]))
        images, labels = self.stream.batch(start, size, share)
        return self._moved(images), self._moved(labels)

    def _moved(self, values: np.ndarray) -> Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(values))
        if self.device.type != "cuda":
            return tensor.to(self.device)
        return tensor.pin_memory().to(self.device, non_blocking=True)


def room(device: torch.device) -> int:
    """Bytes that a level may take on a device: none where it would be in the same memory anyway."""
    if device.type != "cuda":
        return -1
    free, _ = torch.cuda.mem_get_info(device)
    return int(free * SHARE)
