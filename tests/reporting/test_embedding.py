"""Pictures in the page: as they are, or smaller with a link."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pgan.errors import InputError
from pgan.reporting import embedding
from pgan.reporting.embedding import PREVIEW, embed, size


def noise(size: int, seed: int = 0) -> Image.Image:
    """What no format makes small."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8))


def film(path: Path, frames: int = 3) -> Path:
    """Frames of noise."""
    first, *others = (noise(16, seed) for seed in range(frames))
    first.save(path, save_all=True, append_images=others, duration=50)
    return path


def decoded(source: str) -> tuple[str, bytes]:
    """The kind and the bytes of a data URI."""
    head, _, data = source.partition(";base64,")
    return head.removeprefix("data:"), base64.b64decode(data, validate=True)


def test_a_picture_goes_in_byte_by_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    noise(8).save(path)
    picture = embed(path, tmp_path / "page.html")
    assert decoded(picture.source) == ("image/png", path.read_bytes())
    assert (picture.width, picture.height, picture.is_reduced, picture.last_frame) == (8, 8, False, "")


def test_a_film_goes_in_with_its_last_frame_for_print(tmp_path: Path) -> None:
    path = film(tmp_path / "a.gif")
    picture = embed(path, tmp_path / "page.html")
    assert decoded(picture.source) == ("image/gif", path.read_bytes())
    kind, data = decoded(picture.last_frame)
    assert kind == "image/png"
    with Image.open(path) as last:
        last.seek(2)
        assert Image.open(io.BytesIO(data)).convert("RGB").tobytes() == last.convert("RGB").tobytes()


def test_a_grid_of_megapixels_is_there_as_a_small_copy_with_a_link(tmp_path: Path) -> None:
    (tmp_path / "my pictures").mkdir()
    path = tmp_path / "my pictures" / "a.png"
    noise(2 * PREVIEW).save(path)
    picture = embed(path, tmp_path / "page.html")
    kind, data = decoded(picture.source)
    assert kind == "image/jpeg"
    assert Image.open(io.BytesIO(data)).size == (PREVIEW, PREVIEW)
    assert len(data) < path.stat().st_size / 8
    assert (picture.is_reduced, picture.link, picture.width) == (True, "my%20pictures/a.png", 2 * PREVIEW)
    assert picture.size == size(path.stat().st_size)


def test_a_large_film_is_there_as_its_last_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "MOST_FILM", 100)
    picture = embed(film(tmp_path / "a.gif"), tmp_path / "page.html")
    assert (picture.is_reduced, picture.link, picture.last_frame) == (True, "a.gif", "")
    assert decoded(picture.source)[0] == "image/png"


def test_what_would_fill_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "MOST_FILM_PIXELS", 16 * 16)
    with pytest.raises(InputError, match="1,024 pixels, more than any picture of a run"):
        embed(film(tmp_path / "a.gif", frames=4), tmp_path / "page.html")
    monkeypatch.setattr(embedding, "MOST_PIXELS", 16 * 16)
    noise(32).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="1,024 pixels, more than any picture of a run"):
        embed(tmp_path / "a.png", tmp_path / "page.html")


def test_pillow_s_own_limit_is_there_afterwards(tmp_path: Path) -> None:
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises(InputError):
        embed(tmp_path / "none.png", tmp_path / "page.html")
    embed(film(tmp_path / "a.gif"), tmp_path / "page.html")
    assert Image.MAX_IMAGE_PIXELS == before is not None


@pytest.mark.parametrize(("count", "text"), [(1, "1 KiB"), (2048, "2 KiB"), (3 * 2**19, "1.5 MiB")])
def test_sizes_for_people(count: int, text: str) -> None:
    assert size(count) == text
