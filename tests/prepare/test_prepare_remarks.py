"""Images that look as if something had gone wrong are counted and told, and others are not."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images
from typer.testing import CliRunner

from pgan.data.pyramid import Meta, open_level, read_meta
from pgan.prepare.build import build
from pgan.prepare.command import prepare
from pgan.prepare.config import Prepare
from pgan.prepare.remarks import ALL_DARK, NEARLY_BLACK, ONE_COLOUR

Settings = Callable[..., Prepare]


def photos(count: int) -> list[np.ndarray]:
    """Crops of photographs, (64, 64, 3)."""
    rng = np.random.default_rng(0)
    temple, flower = (image[200:400] for image in load_sample_images().images)  # below the sky
    places = rng.integers(0, 130, (count, 2))
    return [(flower if i % 2 else temple)[y : y + 64, 3 * x : 3 * x + 64] for i, (y, x) in enumerate(places)]


def scribble() -> Image.Image:
    """A white drawing on transparency."""
    image = Image.new("RGBA", (64, 64), (255, 255, 255, 0))
    image.paste((255, 255, 255, 255), (20, 8, 30, 50))
    return image


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    for number, photo in enumerate(photos(3)):
        Image.fromarray(photo).save(folder / f"photo{number}.png")
    return folder


@pytest.fixture
def made(settings: Settings, tmp_path: Path) -> Callable[..., Meta]:
    def make(folder: Path, **changes: object) -> Meta:
        return build(settings("folder", path=str(folder), **{"resolution": 32, **changes}), tmp_path / "out")

    return make


def test_drawings_that_vanish_on_white(tree: Path, made: Callable[..., Meta]) -> None:
    for number in range(7):
        scribble().save(tree / f"drawing{number}.png")
    Image.new("RGB", (64, 64), (90, 3, 4)).save(tree / "plain.jpg")
    meta = made(tree)
    examples = [f"drawing{number}.png" for number in range(5)]
    assert meta.remarks == [{"what": ONE_COLOUR, "count": 8, "examples": examples}]
    assert made(tree, background="black").remarks == [{"what": ONE_COLOUR, "count": 1, "examples": ["plain.jpg"]}]
    assert made(tree, background="black", channels=1).remarks[0]["count"] == 1


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_some_of_16_bits(bits: int, tree: Path, made: Callable[..., Meta]) -> None:
    grey = photos(1)[0][..., 0].astype(np.uint16) * 257 >> (16 - bits)
    for number in range(2):
        Image.fromarray(grey).save(tree / f"deep{number}.png")
    expected = ONE_COLOUR if bits == 8 else NEARLY_BLACK  # 255 of 65535 is 1
    assert made(tree).remarks == [{"what": expected, "count": 2, "examples": ["deep0.png", "deep1.png"]}]


def test_a_whole_source_of_14_bits(tmp_path: Path, made: Callable[..., Meta]) -> None:
    folder = tmp_path / "deep"
    folder.mkdir()
    ramp = np.arange(0, 16384, 4, dtype=np.uint16).reshape(64, 64)
    for number in range(3):
        Image.fromarray(np.rot90(ramp, number).copy()).save(folder / f"{number}.png")
    assert made(folder).remarks == [{"what": ALL_DARK, "count": 3, "examples": ["0.png", "1.png", "2.png"]}]
    Image.fromarray(photos(1)[0]).save(folder / "bright.png")
    assert made(folder).remarks == []


def test_the_same_with_many_workers(tree: Path, settings: Settings, tmp_path: Path) -> None:
    for number in range(200):
        Image.new("L", (64, 64), number).save(tree / f"{number:03}.png")
    found = [
        build(settings("folder", path=str(tree), resolution=8), tmp_path / f"{workers}", workers=workers).remarks
        for workers in (1, 2)
    ]
    assert found[0] == found[1]
    assert found[0][0]["count"] == 200


@pytest.mark.parametrize("light", [0.1, 0.3, 1])
def test_dark_photographs_are_no_cause_for_alarm(light: float, tmp_path: Path, made: Callable[..., Meta]) -> None:
    folder = tmp_path / "night"
    folder.mkdir()
    for number, photo in enumerate(photos(20)):
        dark = (photo * light).astype(np.uint8)
        dark[30:32, 40:43] = 250  # a lamp
        Image.fromarray(dark).save(folder / f"{number}.png")
    assert made(folder).remarks == []


def test_digits_are_no_cause_for_alarm(settings: Settings, tmp_path: Path) -> None:
    options = {"resolution": 32, "channels": 1, "allow_upscale": True}
    assert build(settings("digits", **options), tmp_path / "out").remarks == []


def test_real_data_sets_are_no_cause_for_alarm(shared_data: Path, settings: Settings, tmp_path: Path) -> None:
    mnist = str(shared_data / "mnist/train-images-idx3-ubyte.gz")
    options = {"path": mnist, "channels": 1, "base": 7, "resolution": 28, "max_images": 5000}
    assert build(settings("idx", **options), tmp_path / "mnist").remarks == []
    cifar = str(shared_data / "cifar10-train.zip")
    assert build(settings("zip", path=cifar, resolution=32, max_images=1000), tmp_path / "cifar").remarks == []


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> str:
    """What `pgan prepare` prints."""
    import typer

    app = typer.Typer()
    app.command()(prepare)
    monkeypatch.chdir(folder.parent)
    text = f"prepare:\n  source: folder\n  path: {folder.name}\n  resolution: 8\n" + "".join(f"  {x}\n" for x in lines)
    Path("params.yaml").write_text(text, encoding="utf-8")
    result = CliRunner().invoke(app, ["--workers", "1"])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_command_says_it(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(tree, monkeypatch).count("\n") == 1
    for number in range(2):
        scribble().save(tree / f"drawing{number}.png")
    line = "2 images are of one colour, e.g. drawing0.png: a white drawing on transparency? set prepare.background\n"
    assert run(tree, monkeypatch).splitlines(keepends=True)[1:] == [line]
    assert read_meta(Path("data/pyramid")).remarks[0]["count"] == 2
    assert run(tree, monkeypatch, "background: navy").count("\n") == 1
    for path in tree.glob("photo*"):
        path.unlink()
    assert "warning: all 2 images are of one colour" in run(tree, monkeypatch)


def test_background(tmp_path: Path, made: Callable[..., Meta]) -> None:
    folder = tmp_path / "glass"
    folder.mkdir()
    Image.new("RGBA", (32, 32), (255, 0, 0, 0)).save(folder / "rgba.png")
    Image.new("LA", (32, 32), (9, 0)).save(folder / "la.png")
    Image.fromarray(np.full((32, 32), 700, np.uint16)).save(folder / "deep.png", transparency=700)
    Image.new("P", (32, 32)).save(folder / "palette.gif", transparency=0)
    Image.new("RGBA", (32, 32), (0, 0, 0, 128)).save(folder / "z-half.png")
    for background, colour, grey in (
        ("white", (255, 255, 255), 255),
        ("black", (0, 0, 0), 0),
        ("#0080ff", (0, 128, 255), 104),
        ("Gold", (255, 215, 0), 202),
    ):
        made(folder, background=background)
        images = open_level(tmp_path / "out", 32)
        assert (images[:4] == np.array(colour).reshape(1, 3, 1, 1)).all()
        assert abs(images[4, :, 0, 0].astype(int) - np.array(colour) * 127 / 255).max() <= 1
        made(folder, background=background, channels=1)
        assert (open_level(tmp_path / "out", 32)[:4] == grey).all()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("grün", "no colour: 'grün'; take white, black"),
        ("'#12345'", "no colour: '#12345'"),
        ("'#12345678'", "no colour: '#12345678'"),
        ("transparent", "no colour"),
        ("rgb(1,2,3)", "no colour"),
        ("''", "no colour"),
        ("#ffffff", "put '#rrggbb' in quotes"),
        ("000000", "put '#rrggbb' in quotes"),
        ("[1, 2, 3]", "valid string"),
    ],
)
def test_a_background_that_is_no_colour(value: str, message: str, tmp_path: Path) -> None:
    from pgan.config import read_section
    from pgan.errors import InputError

    params = tmp_path / "params.yaml"
    params.write_text(f"prepare:\n  source: digits\n  resolution: 8\n  background: {value}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"prepare\.background: ") as caught:
        read_section(params, "prepare", Prepare)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
