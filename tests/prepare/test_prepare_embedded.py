"""The digits that scikit-learn brings along."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pgan.data.pyramid import open_labels, open_level
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
