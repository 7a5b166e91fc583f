"""Images out of every kind of file: the same pixels in the same order, whatever they lie in."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from image_forms import FORMS, as_array, as_folder, as_pyramid, crops, encoded, written

from pgan.comparing.image_set import Images, Terms, chosen
from pgan.comparing.opening import open_images
from pgan.errors import InputError
from pgan.networks.config import Networks
from pgan.prepare.sources import spread
from pgan.sampling.draw import latent_of

CPU = torch.device("cpu")


def terms(scratch: Path, **changes: Any) -> Terms:
    """16 pixels, RGB."""
    scratch.mkdir(exist_ok=True)
    values = {
        "resolution": 16,
        "channels": 3,
        "seed": 0,
        "frequencies": np.zeros(0, np.int64),
        "scratch": scratch,
        "workers": 1,
        "batch": None,
    }
    return Terms(**values | changes)


def read(path: Path, count: int, scratch: Path, **changes: Any) -> Images:
    """Images spread over a set, or a generator's first."""
    found = open_images(path, CPU)
    wanted = np.arange(count) if found.count is None else spread(found.count, count)
    return found.read(wanted, terms(scratch, **changes), "A")


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_pixels(form: str, pictures: np.ndarray, tmp_path: Path) -> None:
    path = FORMS[form](pictures, tmp_path / form)
    found = open_images(path, CPU)
    assert (found.size, found.channels, found.count) == (16, 3, 60)
    images = read(path, 7, tmp_path / "scratch")
    assert images.indices.tolist() == [0, 8, 17, 25, 34, 42, 51]
    assert np.array_equal(images.pixels, pictures[images.indices])
    assert images.skipped == []


@pytest.mark.parametrize("form", FORMS)
def test_grey_images_are_known_and_become_rgb_where_others_are(form: str, tmp_path: Path) -> None:
    grey = crops(9, seed=2)[:, :1]
    path = FORMS[form](grey, tmp_path / form)
    assert open_images(path, CPU).channels == 1
    assert np.array_equal(read(path, 9, tmp_path / "one", channels=1).pixels, grey)
    assert np.array_equal(read(path, 9, tmp_path / "three").pixels, grey.repeat(3, axis=1))


def test_an_array_without_a_channel_axis_is_grey(tmp_path: Path) -> None:
    grey = crops(5, seed=2)[:, 0]
    assert np.array_equal(read(as_array(grey, tmp_path / "a.npy"), 5, tmp_path / "s", channels=1).pixels[:, 0], grey)


@pytest.mark.parametrize("size", [8, 32])
def test_other_sizes_are_resampled_in_the_same_way_in_every_form(size: int, tmp_path: Path) -> None:
    images = crops(6, seed=4, size=size)
    results = [
        read(make(images, tmp_path / name), 6, tmp_path / f"scratch {name}").pixels
        for name, make in FORMS.items()
        if name != "pyramid" or size != 32  # which has a level of 16 pixels
    ]
    assert results[0].shape == (6, 3, 16, 16)
    for each in results[1:]:
        assert np.array_equal(each, results[0])
    mean = images.astype(float).mean((2, 3))
    assert np.abs(results[0].mean((2, 3)) - mean).max() < 3


def test_a_pyramid_gives_its_own_level(tmp_path: Path) -> None:
    images = crops(6, seed=4, size=32)
    path = as_pyramid(images, tmp_path / "pyramid")
    assert np.array_equal(read(path, 6, tmp_path / "s").pixels, np.load(path / "images_16.npy"))


def test_the_centre_of_oblong_pictures_is_taken(tmp_path: Path) -> None:
    wide = np.zeros((4, 3, 16, 40), np.uint8)
    wide[..., 12:28] = 200
    as_folder(wide, tmp_path / "folder")
    as_array(wide, tmp_path / "a.npy")
    for name in ("folder", "a.npy"):
        assert open_images(tmp_path / name, CPU).size == 16
        assert (read(tmp_path / name, 4, tmp_path / f"s{name}").pixels == 200).all()


def test_the_size_of_a_folder_is_its_most_frequent_shorter_side(tmp_path: Path) -> None:
    folder = as_folder(crops(5, seed=0, size=24), tmp_path / "folder")
    for number, size in enumerate((12, 50, 50)):
        (folder / f"x{number}.png").write_bytes(encoded(crops(1, seed=0, size=size)[0]))
    assert open_images(folder, CPU).size == 24


@pytest.mark.parametrize("workers", [1, 2])
def test_what_cannot_be_read_is_left_out_and_named(workers: int, pictures: np.ndarray, tmp_path: Path) -> None:
    folder = as_folder(pictures, tmp_path / "folder")
    (folder / "00003.png").write_bytes(b"no picture")
    (folder / "00040.png").write_bytes((folder / "00040.png").read_bytes()[:200])
    images = read(folder, 60, tmp_path / "s", workers=workers)
    left = [i for i in range(60) if i not in (3, 40)]
    assert images.indices.tolist() == left
    assert np.array_equal(images.pixels, pictures[left])
    assert [name for name, _ in images.skipped] == ["00003.png", "00040.png"]


@pytest.mark.parametrize(("count", "most"), [(100_000, 200), (2001, 2000), (7, 7), (5, 9), (3, 2)])
def test_images_are_chosen_evenly_and_once(count: int, most: int) -> None:
    found = chosen(count, most, seed=0)
    assert len(found) == min(count, most)
    assert (np.diff(found) > 0).all()
    assert np.array_equal(found * len(found) // count, np.arange(len(found))) or count < 2 * most
    assert np.array_equal(found, chosen(count, most, seed=0))


def test_images_that_repeat_are_not_met_each_time() -> None:
    """Fifty copies of a folder of 2,000, of which 200 are taken: every 500th would be one of four."""
    found = chosen(100_000, 200, seed=0) % 2000
    assert len(np.unique(found)) > 180
    assert not np.array_equal(found, chosen(100_000, 200, seed=1) % 2000)


def test_a_part_keeps_the_order(pictures: np.ndarray, tmp_path: Path) -> None:
    images = read(as_folder(pictures, tmp_path / "folder"), 60, tmp_path / "s")
    part = images.part(np.array([2, 5, 59]), tmp_path)
    assert np.array_equal(part.pixels, pictures[[2, 5, 59]])
    assert images.part(np.arange(60), tmp_path) is images


def test_a_generator_draws_the_seeds_of_sample(colour: Networks, tmp_path: Path) -> None:
    ema = written(colour, tmp_path / "a.pt")
    first, second = (read(tmp_path / "a.pt", 5, tmp_path, seed=seed, batch=2).pixels for seed in (0, 1))
    z = torch.stack([latent_of(seed, colour) for seed in range(10)])
    expected = ((ema(z).clamp(-1, 1) + 1) * 127.5).round().byte().numpy()
    assert np.abs(np.concatenate([first, second]).astype(int) - expected).max() <= 1
    assert len(np.unique(np.concatenate([first, second]).reshape(10, -1), axis=0)) == 10


def test_a_conditional_generator_is_asked_for_the_classes_of_the_data(colour: Networks, tmp_path: Path) -> None:
    from pgan.comparing.image_set import labels_for

    assert labels_for(0, 6, np.array([1, 2])) is None
    asked = labels_for(3, 8, np.array([30, 0, 10]))
    assert asked is not None
    assert np.bincount(asked).tolist() == [6, 0, 2]
    assert labels_for(2, 5, np.array([30, 0, 10])) == [0, 1, 0, 1, 0], "classes of other data say nothing"
    written(colour.model_copy(update={"classes": 3}), tmp_path / "a.pt")
    assert read(tmp_path / "a.pt", 4, tmp_path, frequencies=np.array([0, 1, 0])).pixels.shape == (4, 3, 16, 16)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((5, 3, 16, 16), np.float32), "values of float32"),
        (np.zeros((5, 16), np.uint8), "an array (5, 16)"),
        (np.zeros((5, 2, 16, 16), np.uint8), "an array (5, 2, 16, 16)"),
        (np.zeros((1, 3, 16, 16), np.uint8), "1 image, but metrics compare sets of at least 2"),
    ],
)
def test_an_array_of_something_else_is_refused(array: np.ndarray, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message.replace("(", r"\(").replace(")", r"\)")):
        open_images(as_array(array, tmp_path / "a.npy"), CPU)


def test_a_folder_in_which_nothing_can_be_read_is_refused(tmp_path: Path) -> None:
    folder = as_folder(crops(3, seed=0), tmp_path / "folder")
    for path in folder.iterdir():
        path.write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"not one of 3 pictures that were looked at can be read, such as 00000\.png"):
        open_images(folder, CPU)
