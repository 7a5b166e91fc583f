"""The mirror test: chance where images and mirror images are alike, far from it where they are not."""

import numpy as np
import pytest
from photographs import photo
from PIL import Image

from pgan.new_experiment.asymmetry import asymmetry


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    """Of scikit-learn, (1797, 32, 32) uint8."""
    from sklearn.datasets import load_digits

    images = (load_digits().images * 15.9).astype(np.uint8)
    return np.array([Image.fromarray(image).resize((32, 32)) for image in images])


def test_digits_are_told_from_their_mirror_images(digits: np.ndarray) -> None:
    assert asymmetry(digits).accuracy > 0.9


def test_half_of_them_mirrored_they_are_not(digits: np.ndarray) -> None:
    mirrored = digits.copy()
    half = np.random.default_rng(1).permutation(len(digits)) % 2 == 0
    mirrored[half] = mirrored[half][:, :, ::-1]
    test = asymmetry(mirrored)
    assert abs(test.accuracy - 0.5) < 5 * test.error


def test_photographs_are_not() -> None:
    test = asymmetry(np.array([photo(seed).convert("L") for seed in range(400)]))
    assert abs(test.accuracy - 0.5) < 5 * test.error


def test_symmetric_images_are_left_to_chance() -> None:
    half = np.random.default_rng(0).integers(0, 256, (120, 32, 16), dtype=np.uint8)
    assert asymmetry(np.concatenate([half, half[:, :, ::-1]], axis=2)).accuracy == pytest.approx(0.5, abs=0.15)


def test_the_result_is_always_the_same(digits: np.ndarray) -> None:
    assert asymmetry(digits[:200]) == asymmetry(digits[:200])
