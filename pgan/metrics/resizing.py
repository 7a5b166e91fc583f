"""Images at the size that a feature network was trained on."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image
from PIL.Image import Resampling


def clean_resize(images: np.ndarray, size: int, resampling: Resampling = Resampling.BICUBIC) -> np.ndarray:
    """uint8 (N, C, H, W) to float32 (N, 3, size, size) in [0, 255]: PIL's bicubic filter on floats, never rounded.

    As clean-fid does it (Parmar et al. 2022): frameworks' own resizing aliases, and rounding in between shifts the FID.
    Grey images are repeated over three channels.
    """
    count, channels = images.shape[:2]
    with ThreadPoolExecutor() as pool:  # PIL lets go of the interpreter's lock
        planes = list(pool.map(lambda plane: _resized(plane, size, resampling), images.reshape(-1, *images.shape[2:])))
    resized = np.stack(planes).reshape(count, channels, size, size)
    return resized if channels == 3 else np.repeat(resized, 3, axis=1)


def _resized(plane: np.ndarray, size: int, resampling: Resampling) -> np.ndarray:
    return np.asarray(Image.fromarray(plane.astype(np.float32)).resize((size, size), resampling)).clip(0, 255)
