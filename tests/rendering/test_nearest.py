"""nearest.png."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pgan.errors import InputError
from pgan.rendering.config import Render
from pgan.rendering.nearest import nearest_picture, read_nearest

LEVELS = (40, 90, 140, 190)
"""Grey levels of a generated image and of its three nearest."""


def write(folder: Path, closest: int = 2, others: int = 2, **changes: Any) -> Path:
    """What `pgan evaluate` writes."""
    count = closest + others
    images = np.zeros((count, 4, 1, 8, 8), np.uint8)
    images[:] = np.array(LEVELS, np.uint8)[None, :, None, None, None]
    rows = [
        {"generated": i, "closest": i < closest, "real": [1, 2, 3], "distances": [0.5, 1.0, 2.0]} for i in range(count)
    ]
    numbers = {"rows": rows, "searched": 100, "real_images": 60, "between_reals": 2.0} | changes
    (folder / "p").mkdir(parents=True, exist_ok=True)
    np.save(folder / "p" / "nearest.npy", images)
    (folder / "p" / "nearest.json").write_text(json.dumps(numbers))
    return folder


def tiles(picture: Image.Image, level: int, size: int) -> int:
    """Tiles of one grey level, by their pixels."""
    return int((np.asarray(picture) == level).sum()) // size**2


def test_each_row_shows_the_generated_image_and_its_nearest(tmp_path: Path, settings: Render) -> None:
    found = read_nearest(write(tmp_path, closest=3, others=1), "p")
    assert found is not None
    picture = nearest_picture(found, settings)
    assert picture.mode == "L"
    for level in LEVELS:
        assert tiles(picture, level, 16) in (4, 5)  # a caption's letters have a few pixels of any grey


def test_the_phase_may_have_none(tmp_path: Path) -> None:
    assert read_nearest(tmp_path, "p") is None
    assert read_nearest(write(tmp_path, 0, 0), "p") is None


@pytest.mark.parametrize(
    "changes",
    [
        {"rows": None},
        {"rows": [{"generated": 0}]},
        {"rows": [{"generated": -1, "closest": True, "real": [], "distances": []}]},
        {"between_reals": float("nan")},
        {"between_reals": -1.0},
        {"searched": "many"},
        {"more": 1},
    ],
)
def test_other_numbers_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    write(tmp_path, **changes)
    with pytest.raises(
        InputError, match=r"nearest.json: not a list of nearest images: .*; evaluate the phase 'p' again"
    ):
        read_nearest(tmp_path, "p")


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((4, 4, 1, 8, 8), np.float32),
        np.zeros((3, 4, 1, 8, 8), np.uint8),
        np.zeros((4, 3, 1, 8, 8), np.uint8),
        np.zeros((4, 4, 8, 8), np.uint8),
        np.zeros((4, 4, 2, 8, 8), np.uint8),
        np.zeros((4, 4, 1, 8, 0), np.uint8),
    ],
)
def test_other_images_are_refused(tmp_path: Path, images: np.ndarray) -> None:
    write(tmp_path)
    np.save(tmp_path / "p" / "nearest.npy", images)
    with pytest.raises(InputError, match=r"nearest.npy: .*evaluate the phase 'p' again"):
        read_nearest(tmp_path, "p")


@pytest.mark.parametrize("unit", [0.0, 1e-320])
def test_distances_fit_where_reals_have_copies(tmp_path: Path, settings: Render, unit: float) -> None:
    """The median between real images is then 0, and no unit."""
    found = read_nearest(write(tmp_path, between_reals=unit), "p")
    assert found is not None
    assert nearest_picture(found, settings).width < 1000
