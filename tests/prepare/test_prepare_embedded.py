"""The sources that scikit-learn brings along."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pgan.data.pyramid import open_labels, open_level, read_meta
from pgan.errors import InputError
from pgan.prepare.build import build
from pgan.prepare.config import Prepare

Settings = Callable[..., Prepare]


def test_digits(settings: Settings, tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    meta = build(settings("digits", channels=1, labels=True), tmp_path / "out")
    assert (meta.count, meta.levels, meta.classes) == (1797, [4, 8], [str(digit) for digit in range(10)])
    images = open_level(tmp_path / "out", 8)[:, 0]
    assert np.array_equal(images, np.rint(load_digits().images * 255 / 16).astype(np.uint8))
    assert images.max() == 255
    assert np.array_equal(open_labels(tmp_path / "out"), load_digits().target)


def test_digits_beyond_their_size(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"1797 of them are too small: lower prepare\.resolution, or set"):
        build(settings("digits", resolution=16), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    build(settings("digits", resolution=16, allow_upscale=True, max_images=10), tmp_path / "out")
    assert open_level(tmp_path / "out", 16).shape == (10, 3, 16, 16)


def test_photos(settings: Settings, tmp_path: Path) -> None:
    def crops(seed: int, **changes: object) -> np.ndarray:
        photos = {"count": 12, **changes}
        build(settings("photos", resolution=128, labels=True, photos=photos), tmp_path / "out", seed=seed)
        return np.array(open_level(tmp_path / "out", 128))

    first = crops(0)
    assert first.shape == (12, 3, 128, 128)
    assert read_meta(tmp_path / "out").classes == ["china", "flower"]
    assert open_labels(tmp_path / "out").tolist() == [0, 1] * 6
    assert np.array_equal(first, crops(0))
    assert len({image.tobytes() for image in [*first, *crops(1)]}) == 24
    assert np.array_equal(first, crops(0, count=20)[:12])  # crop i depends on (seed, i) alone
    mirrored = crops(0, mirror=True)
    same = [np.array_equal(a, b) for a, b in zip(first, mirrored, strict=True)]
    assert 0 < sum(same) < 12
    assert not np.array_equal(first, crops(0, min_side=1.0))


def test_photos_come_at_their_full_height(settings: Settings, tmp_path: Path) -> None:
    build(settings("photos", base=7, resolution=224, photos={"count": 2, "min_side": 0.01}), tmp_path / "out")
    with pytest.raises(InputError, match="427 × 427 pixels are too few"):
        build(settings("photos", resolution=512, photos={"count": 2}), tmp_path / "out")
