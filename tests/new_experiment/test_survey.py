"""What a look at an image says."""

from pathlib import Path

import numpy as np
import pytest
from photographs import Photos, photo
from PIL import Image

from pgan.new_experiment.opening import open_images
from pgan.new_experiment.survey import Sight, survey


def seen(path: Path) -> dict[str, Sight]:
    """By name."""
    source = open_images(path, None).source
    return {str(source.names[sight.position]): sight for sight in survey(source, 1).sights}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An image of each kind."""
    folder = tmp_path / "kinds"
    folder.mkdir()
    colour = photo(0, (40, 30))
    colour.save(folder / "colour.png")
    colour.save(folder / "colour.jpg", quality=60)
    colour.convert("L").save(folder / "grey.png")
    colour.convert("L").convert("RGB").save(folder / "grey.jpg")
    Image.new("RGB", (20, 20), (9, 90, 200)).save(folder / "flat.png")
    drawing = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    drawing.paste((255, 255, 255, 255), (20, 20, 40, 44))
    drawing.save(folder / "white-on-nothing.png")
    opaque = colour.convert("RGBA")
    opaque.save(folder / "opaque.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    colour.save(folder / "turned.jpg", exif=turned)
    Image.fromarray(np.asarray(colour.convert("L")).astype(np.uint16) * 257).save(folder / "sixteen.png")
    (folder / "page.jpg").write_text("<html>gone</html>")
    (folder / "empty.png").write_bytes(b"")
    (folder / "cut.png").write_bytes((folder / "colour.png").read_bytes()[:900])
    return folder


def test_colours(folder: Path) -> None:
    found = seen(folder)
    assert {name for name, sight in found.items() if sight.is_coloured} == {
        *("colour.png", "colour.jpg", "flat.png", "opaque.png", "turned.jpg"),
    }


def test_transparency_counts_where_something_shows_through(folder: Path) -> None:
    found = seen(folder)
    assert [name for name, sight in found.items() if sight.is_transparent] == ["white-on-nothing.png"]


def test_what_is_of_one_colour(folder: Path) -> None:
    found = seen(folder)
    assert {name for name, sight in found.items() if sight.is_flat} == {"flat.png", "white-on-nothing.png"}
    assert {name for name, sight in found.items() if sight.is_flat_on_black} == {"flat.png"}


def test_sizes_are_upright(folder: Path) -> None:
    found = seen(folder)
    assert (found["colour.jpg"].width, found["colour.jpg"].height) == (40, 30)
    assert (found["turned.jpg"].width, found["turned.jpg"].height) == (30, 40)


def test_formats_and_modes(folder: Path) -> None:
    found = seen(folder)
    assert (found["grey.jpg"].form, found["grey.jpg"].mode) == ("JPEG", "RGB")
    assert (found["sixteen.png"].form, found["sixteen.png"].mode) == ("PNG", "I;16")


def test_what_cannot_be_used_has_a_reason(folder: Path) -> None:
    problems = {name: sight.problem for name, sight in seen(folder).items() if sight.problem}
    assert set(problems) == {"page.jpg", "empty.png", "cut.png"}
    assert "a web page" in str(problems["page.jpg"])


def test_photographs_are_uneven_and_drawings_even(folder: Path) -> None:
    found = seen(folder)
    assert found["colour.png"].evenness < 0.4
    assert found["white-on-nothing.png"].evenness > 0.9


def test_processes_do_not_change_what_is_seen(photos: Photos) -> None:
    source = open_images(photos(150), None).source
    one, two = survey(source, 1), survey(source, 2)
    assert one.sights == two.sights
    assert np.array_equal(one.thumbnails, two.thumbnails)
    assert one.views.keys() == two.views.keys()
