"""scikit-learn's 1797 handwritten digits of 8×8 pixels (UCI, Alpaydin and Kaynak 1998), embedded."""

import numpy as np

from pgan.prepare.sources import Source
from pgan.prepare.sources.arrays import from_arrays


def digits(labels: bool) -> Source:
    """Grey 8×8 images: ink 0..16 scaled to 0..255."""
    from sklearn.datasets import load_digits

    data = load_digits()
    images = np.rint(data.images * (255 / 16)).astype(np.uint8)  # (1797, 8, 8)
    return from_arrays(images, data.target, [str(name) for name in data.target_names] if labels else [])
