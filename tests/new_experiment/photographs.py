"""Images that look like photographs to `pgan new`."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

Photos = Callable[..., Path]


def photo(seed: int, size: tuple[int, int] = (32, 32)) -> Image.Image:
    """Colours with the spectrum of photographs (1/f); none has a side that it turns to the left."""
    random = np.random.default_rng(seed)
    width, height = size
    frequency = np.hypot(np.fft.fftfreq(height)[:, None] * height, np.fft.fftfreq(width)[None] * width)
    spectrum = np.fft.fft2(random.normal(size=(4, height, width))) / np.maximum(frequency, 1)
    grey, *tints = np.fft.ifft2(spectrum).real
    pixels = np.stack([grey + 0.5 * tint for tint in tints], axis=-1)
    return Image.fromarray((128 + 50 * pixels / pixels.std()).clip(0, 255).astype(np.uint8))
