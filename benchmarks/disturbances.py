"""Sets of images that are spoiled by degrees, after Heusel et al. 2017 (appendix A.1).

Levels are fractions of the range or of the image's side, so that they mean the same at every resolution.
"""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image
from scipy import ndimage
from sklearn.cluster import KMeans

Disturb = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]
"""One image, float (C, r, r) in [0, 255]; a level; random numbers."""
CLUSTERS = 10
"""Of which some are left out."""


def noise(image: np.ndarray, level: float, random: np.random.Generator) -> np.ndarray:
    """Gaussian noise of this standard deviation."""
    return image + random.normal(0, 255 * level, image.shape)


def blur(image: np.ndarray, level: float, random: np.random.Generator) -> np.ndarray:
    """Gaussian blur of this standard deviation."""
    sigma = level * image.shape[-1]
    return ndimage.gaussian_filter(image, (0, sigma, sigma), mode="nearest")


def rectangles(image: np.ndarray, level: float, random: np.random.Generator) -> np.ndarray:
    """Five black squares of this side."""
    side = max(1, round(level * image.shape[-1]))
    image = image.copy()
    for y, x in random.integers(0, image.shape[-1] - side + 1, (5, 2)):
        image[:, y : y + side, x : x + side] = 0
    return image


def swirl(image: np.ndarray, level: float, random: np.random.Generator) -> np.ndarray:
    """Turned by this many radians in the middle, and less and less towards the edge."""
    size = image.shape[-1]
    y, x = np.indices((size, size)) - (size - 1) / 2
    angle = np.arctan2(y, x) + level * np.exp(-np.hypot(y, x) / (size / 4))
    where = np.hypot(y, x) * np.array([np.sin(angle), np.cos(angle)]) + (size - 1) / 2
    return np.stack([ndimage.map_coordinates(plane, where, order=1, mode="nearest") for plane in image])


def salt_and_pepper(image: np.ndarray, level: float, random: np.random.Generator) -> np.ndarray:
    """This share of the pixels black or white."""
    chance = random.random(image.shape[1:])
    return np.where(chance < level / 2, 0, np.where(chance > 1 - level / 2, 255, image))


def jpeg(image: np.ndarray, level: float, random: np.random.Generator) -> np.ndarray:
    """Compressed with this quality, in percent."""
    file = io.BytesIO()
    Image.fromarray(image.astype(np.uint8).transpose(1, 2, 0)).save(file, "JPEG", quality=int(level))
    return np.asarray(Image.open(file), dtype=np.float64).transpose(2, 0, 1)


OF_IMAGES: dict[str, tuple[Disturb, list[float]]] = {
    "noise": (noise, [0.02, 0.05, 0.1, 0.2]),
    "blur": (blur, [0.02, 0.04, 0.08]),
    "rectangles": (rectangles, [0.1, 0.2, 0.4]),
    "swirl": (swirl, [0.25, 0.5, 1.0, 2.0]),
    "salt and pepper": (salt_and_pepper, [0.005, 0.02, 0.05, 0.2]),
    "JPEG": (jpeg, [90, 70, 40, 10]),
}
"""Name -> how each image is disturbed, and the levels, mildest first."""
OF_SETS = {
    "other images": [0.02, 0.05, 0.1, 0.2],
    "missing classes": [1, 2, 3, 4],
    "missing clusters": [1, 2, 4, 6],
    "repeated images": [2, 4, 8, 16],
}
"""Name -> levels: the share that comes from another data set; how many classes, or clusters of ten, are missing; how
often each image is repeated, among as many images."""


def disturbed(images: np.ndarray, name: str, level: float) -> np.ndarray:
    """A set uint8 (N, 3, r, r), each image disturbed; the same random numbers at every level."""
    function, _ = OF_IMAGES[name]
    spoiled = [function(image.astype(np.float64), level, np.random.default_rng(i)) for i, image in enumerate(images)]
    return np.rint(np.stack(spoiled)).clip(0, 255).astype(np.uint8)


def clusters(images: np.ndarray) -> np.ndarray:
    """The cluster of each image, (N,): k-means on 8 × 8 pixels, with no network involved."""
    coarse = [
        np.asarray(Image.fromarray(image.transpose(1, 2, 0)).resize((8, 8), Image.Resampling.BOX)) for image in images
    ]
    return KMeans(CLUSTERS, n_init=1, random_state=0).fit_predict(np.stack(coarse).reshape(len(images), -1) / 255)
