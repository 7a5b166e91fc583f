"""Three digits in three channels."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pgan.data.pyramid import open_labels, open_level
from pgan.errors import InputError
from pgan.prepare.build import build
from pgan.prepare.config import Prepare
from pgan.prepare.sources import mnist_rgb

Settings = Callable[..., Prepare]

PIXELS = np.random.default_rng(0).integers(1, 256, (9, 28, 28), dtype=np.uint8)
VALUES = np.array([0, 1, 2, 4, 5, 6, 7, 8, 9], np.uint8)  # no 3: a label is a digit, not its place among those found


def write(folder: Path, pixels: np.ndarray = PIXELS, values: np.ndarray = VALUES) -> Path:
    """An IDX file of images, the labels beside it."""
    for name, array in (("images-idx3", pixels), ("labels-idx1", values)):
        header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        (folder / name).write_bytes(header + array.tobytes())
    return folder / "images-idx3"


@pytest.fixture
def prepared(settings: Settings, tmp_path: Path) -> Callable[..., Any]:
    """Makes a pyramid of digits; returns its images at 32 pixels, its labels and its description."""

    def make(path: Path | None = None, seed: int = 0, workers: int = 1, count: int = 50, **changes: Any) -> Any:
        values = {"labels": True, "resolution": 32, "mnist_rgb": {"count": count}, **changes}
        made = settings("mnist-rgb", path=str(path or write(tmp_path)), **values)
        meta = build(made, tmp_path / "out", seed=seed, workers=workers)
        return np.array(open_level(tmp_path / "out", 32)), open_labels(tmp_path / "out").tolist(), meta

    return make


def test_each_channel_is_the_digit_that_the_label_says_with_a_black_margin(prepared: Callable[..., Any]) -> None:
    images, labels, meta = prepared()
    assert images.shape == (50, 3, 32, 32)
    assert (meta.source, len(meta.classes), meta.classes[7], meta.classes[-1]) == ("mnist-rgb", 1000, "007", "999")
    place = {int(value): pixels for value, pixels in zip(VALUES, PIXELS, strict=True)}
    for image, label in zip(images, labels, strict=True):
        for channel, digit in zip(image, meta.classes[label], strict=True):
            assert np.array_equal(channel, np.pad(place[int(digit)], 2))
    assert len(set(labels)) > 40


def test_images_follow_from_the_seed_and_their_number_alone(prepared: Callable[..., Any]) -> None:
    images, labels, meta = prepared()
    again, _, same = prepared(workers=2)
    assert np.array_equal(again, images)
    assert same.source_digest == meta.source_digest
    more, more_labels, _ = prepared(count=70)
    assert np.array_equal(more[:50], images)
    assert more_labels[:50] == labels
    some, _, _ = prepared(max_images=10)
    assert np.array_equal(some, images[::5])
    assert not np.array_equal(prepared(seed=1)[0], images)
    unlabelled, zeros, without = prepared(labels=False)
    assert np.array_equal(unlabelled, images)
    assert (set(zeros), without.classes) == ({0}, [])


def test_all_digits_are_drawn_equally_often_in_every_channel(prepared: Callable[..., Any]) -> None:
    _, labels, _ = prepared(count=3000, resolution=32, base=32)
    for place in (100, 10, 1):
        digits = np.array(labels) // place % 10
        counts = np.bincount(digits, minlength=10)
        assert counts[3] == 0
        assert counts[VALUES].min() > 250  # of 333, with a standard deviation of 17
        assert counts[VALUES].max() < 420


@pytest.mark.parametrize(
    ("pixels", "values", "message"),
    [
        (PIXELS[:, :8, :8], VALUES, "images of 8 × 8 pixels; source 'mnist-rgb' expects 28 × 28"),
        (PIXELS, VALUES + 1, "a label 10, where source 'mnist-rgb' expects the digits 0 to 9"),
        (PIXELS, VALUES[:-1], "8 labels for the 9 images"),
    ],
)
def test_other_images_are_refused(
    prepared: Callable[..., Any], tmp_path: Path, pixels: np.ndarray, values: np.ndarray, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        prepared(write(tmp_path, np.ascontiguousarray(pixels), values))
    assert not (tmp_path / "out").exists()


def test_too_many_digits_are_refused_before_they_are_read(
    prepared: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mnist_rgb, "MOST_DIGITS", 8)
    with pytest.raises(InputError, match="9 digits are more than the limit of 8"):
        prepared()


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"channels": 1}, "set channels to 3"), ({"path": None}, "needs a path")],
)
def test_impossible_parameters_are_refused(settings: Settings, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        settings("mnist-rgb", **{"path": "x", **changes})


def test_mnist_itself(shared_data: Path, prepared: Callable[..., Any]) -> None:
    path = shared_data / "mnist" / "t10k-images-idx3-ubyte.gz"
    images, labels, _ = prepared(path, count=20)
    raw = np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=16).reshape(-1, 28, 28)
    known = {pixels.tobytes() for pixels in raw}
    assert all(np.ascontiguousarray(channel[2:-2, 2:-2]).tobytes() in known for image in images for channel in image)
    assert len(set(labels)) > 15
