"""Near duplicates: the same pairs as by comparing each with each, and quickly."""

import time
from io import BytesIO

import imagehash
import numpy as np
import pytest
from photographs import photo
from PIL import Image

from pgan.new_experiment import duplicates
from pgan.new_experiment.duplicates import FARTHEST, exact_groups, near_groups


def hashed(images: list[Image.Image]) -> tuple[np.ndarray, np.ndarray]:
    """Hashes and thumbnails, as `survey` makes them."""
    squares = [image.convert("L").resize((32, 32), Image.Resampling.BOX) for image in images]
    hashes = [int(np.packbits(imagehash.phash(square).hash).view(">u8")[0]) for square in squares]
    thumbnails = [np.asarray(square).reshape(16, 2, 16, 2).mean((1, 3)) for square in squares]
    return np.array(hashes, np.uint64), np.array(thumbnails).astype(np.uint8)


def again(image: Image.Image, **options: object) -> Image.Image:
    """As JPEG writes it."""
    file = BytesIO()
    image.save(file, "JPEG", **options)
    return Image.open(file)


def test_equal_digests_are_grouped() -> None:
    assert exact_groups([b"a", b"b", b"a", b"c", b"b", b"a"]) == [[0, 2, 5], [1, 4]]


def test_copies_are_found_whatever_was_done_to_them() -> None:
    images = [photo(seed, (128, 128)) for seed in range(40)]
    images.append(again(images[3], quality=60))
    images.append(images[3].resize((96, 96), Image.Resampling.LANCZOS))
    images.append(images[7].point(lambda value: value * 0.8 + 10))
    assert near_groups(*hashed(images)) == [[3, 40, 41], [7, 42]]


def test_different_images_are_not_duplicates() -> None:
    assert near_groups(*hashed([photo(seed) for seed in range(300)])) == []


def test_digits_that_look_alike_are_not_duplicates() -> None:
    from sklearn.datasets import load_digits

    digits = [Image.fromarray((image * 15.9).astype(np.uint8)) for image in load_digits().images]
    hashes, thumbnails = hashed(digits)
    assert sum(len(group) - 1 for group in near_groups(hashes, thumbnails)) < len(digits) // 50


def test_flat_images_are_no_duplicates() -> None:
    thumbnails = np.full((50, 16, 16), 200, np.uint8)
    assert near_groups(np.zeros(50, np.uint64), thumbnails) == []


def test_the_pairs_are_those_of_comparing_each_with_each() -> None:
    random = np.random.default_rng(0)
    hashes = random.integers(0, 2**64, 400, dtype=np.uint64)
    for index in range(200):  # others near them, at every distance from 1 to 9 bits
        flips = random.choice(64, index % 9 + 1, replace=False)
        hashes[200 + index] = hashes[index] ^ np.bitwise_or.reduce(np.uint64(1) << flips.astype(np.uint64), initial=0)
    near = {frozenset(pair) for part in duplicates._candidates(hashes) for pair in part.T.tolist()}
    distance = np.array([[int(a ^ b).bit_count() for b in hashes.tolist()] for a in hashes.tolist()])
    assert near == {frozenset(pair) for pair in np.argwhere(np.triu(distance <= FARTHEST, 1)).tolist()}
    assert len(near) >= 100


@pytest.mark.parametrize("kind", ["random", "all equal", "few different"])
def test_the_search_is_not_quadratic(kind: str) -> None:
    random = np.random.default_rng(0)
    count = 50_000
    hashes = {
        "random": lambda: random.integers(0, 2**64, count, dtype=np.uint64),
        "all equal": lambda: np.zeros(count, np.uint64),
        "few different": lambda: random.integers(0, 50, count).astype(np.uint64) << np.uint64(40),
    }[kind]()
    start = time.process_time()
    near_groups(hashes, random.integers(0, 256, (count, 16, 16), dtype=np.uint8))
    assert time.process_time() - start < 30
