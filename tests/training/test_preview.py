"""Grids of samples while a phase trains: what they show, that outputs do not depend on them, and bad places."""

import numpy as np
import pytest
from PIL import Image

from pgan.errors import InputError
from pgan.training import preview
from pgan.training.preview import NO_FILES, LiveFiles, Preview, sheet


def images(count, resolution, channels=1):
    return np.random.default_rng(0).integers(0, 256, (count, channels, resolution, resolution), dtype=np.uint8)


def test_a_grid_shows_every_image_row_by_row():
    shown = images(6, 8)
    picture = np.asarray(sheet(shown))
    assert picture.shape == (2 * 48, 3 * 48)
    for number, image in enumerate(shown):
        row, column = divmod(number, 3)
        tile = picture[48 * row : 48 * (row + 1), 48 * column : 48 * (column + 1)]
        np.testing.assert_array_equal(tile, image[0].repeat(6, axis=0).repeat(6, axis=1))


def test_colours_stay_and_small_images_keep_whole_pixels():
    shown = images(1, 28, channels=3)
    np.testing.assert_array_equal(np.asarray(sheet(shown)), shown[0].transpose(1, 2, 0))


def test_large_images_are_reduced_to_a_grid_that_fits():
    picture = sheet(np.full((64, 3, 512, 512), 77, np.uint8))
    assert picture.size == (2048, 2048)
    assert set(np.asarray(picture).ravel()) == {77}


def test_an_odd_resolution_is_reduced_as_far_as_it_can_be():
    assert sheet(images(64, 7 * 2**7)).size == (8 * 7 * 2**5, 8 * 7 * 2**5)


def test_pictures_are_kept_by_step_and_the_newest_is_the_preview(tmp_path):
    files = LiveFiles(preview=tmp_path / "new/preview.png", pictures=tmp_path / "pictures")
    first, second = images(4, 4), images(4, 4)[::-1]
    drawn = Preview(files, {})
    drawn.keep(first, 0)
    drawn.keep(second, 12_000)
    assert sorted(path.name for path in files.pictures.iterdir()) == ["0.png", "12000.png"]
    assert (files.pictures / "12000.png").read_bytes() == files.preview.read_bytes()
    np.testing.assert_array_equal(np.asarray(Image.open(files.pictures / "0.png")), np.asarray(sheet(first)))


def test_a_resumed_phase_draws_what_it_had_and_forgets_an_earlier_run(tmp_path):
    (tmp_path / "99.png").write_bytes(b"of an earlier run")
    (tmp_path / "notes.png").write_bytes(b"the user's")
    Preview(LiveFiles(pictures=tmp_path), {0: images(4, 4), 500: images(4, 4)})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.png", "500.png", "notes.png"]


def test_a_preview_is_due_after_a_while_and_not_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(preview, "SECONDS", 0.0)
    drawn = Preview(LiveFiles(preview=tmp_path / "preview.png"), {})
    assert drawn.due()
    drawn.refresh(lambda: images(4, 4))
    assert not drawn.due()  # for fifty times as long as it took
    assert not Preview(NO_FILES, {}).due()


def test_the_path_is_printed_once_by_each_process(tmp_path, capsys):
    drawn = Preview(LiveFiles(preview=tmp_path / "preview.png"), {})
    drawn.keep(images(4, 4), 0)
    drawn.keep(images(4, 4), 1)
    assert capsys.readouterr().err == f"samples as they train: {tmp_path / 'preview.png'}\n"
    Preview(LiveFiles(preview=tmp_path / "preview.png"), {0: images(4, 4)})  # the phase continues
    assert "preview.png" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"the user's notes", b"\xff\xd8\xff a photograph"])
def test_a_file_that_is_no_png_survives(tmp_path, content):
    path = tmp_path / "photo"
    path.write_bytes(content)
    with pytest.raises(InputError, match="no PNG; choose another --preview"):
        Preview(LiveFiles(preview=path), {})
    assert path.read_bytes() == content


def test_a_folder_in_its_place_is_refused(tmp_path):
    with pytest.raises(InputError, match="it is a folder"):
        Preview(LiveFiles(preview=tmp_path), {})


def test_a_place_that_fails_costs_one_warning_each(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    files = LiveFiles(preview=tmp_path / "file/preview.png", pictures=tmp_path / "file/pictures")
    drawn = Preview(files, {})
    drawn.keep(images(4, 4), 0)
    drawn.keep(images(4, 4), 1)
    assert not drawn.due()
    assert capsys.readouterr().err.count("warning: no picture of the samples, training continues") == 2
