"""Drawn images: the same on every run, with their attributes and licences."""

import hashlib
import platform
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fences import ROOT

from pgan.data.pyramid import ATTRIBUTES, STYLE, open_labels, open_level, read_meta
from pgan.errors import InputError, RunError
from pgan.prepare import build as building
from pgan.prepare import drawing
from pgan.prepare.build import build
from pgan.prepare.config import CC0_STYLES, Avatars, Prepare
from pgan.prepare.decode import decode
from pgan.prepare.drawing import NOT_DRAWN, Drawing, attributes_of, definition, definitions, draw, svg
from pgan.prepare.licences import ALLOWED, Licence, licence_of, objection
from pgan.prepare.sources.avatars import PACKAGES, avatars, check_styles
from pgan.prepare.work import Outcome

Settings = Callable[..., Prepare]
QUICK = ["stack", "identicon", "thumbs"]
"""Styles that DiceBear validates in less than a tenth of a second."""


@pytest.fixture
def made(settings: Settings, tmp_path: Path) -> Callable[..., Path]:
    """Makes a pyramid of quick styles; returns its folder."""

    def make(name: str = "out", workers: int = 1, labels: bool = True, **changes: Any) -> Path:
        prepare = {key: changes.pop(key) for key in ("resolution", "max_images", "channels") if key in changes}
        chosen = {"styles": QUICK, "count": 9, **changes}
        build(settings("avatars", labels=labels, avatars=chosen, **prepare), tmp_path / name, workers=workers)
        return tmp_path / name

    return make


def test_a_class_is_a_style(made: Callable[..., Path]) -> None:
    folder = made(count=11, resolution=16)
    meta = read_meta(folder)
    assert (meta.classes, meta.class_counts, meta.levels) == (QUICK, [4, 4, 3], [4, 8, 16])
    assert open_labels(folder).tolist() == [0] * 4 + [1] * 4 + [2] * 3
    assert len({image.tobytes() for image in open_level(folder, 16)}) == 11
    assert meta.drawn_with == {package: version(package) for package in PACKAGES.values()}


def test_without_labels_there_are_no_classes(made: Callable[..., Path]) -> None:
    folder = made(labels=False)
    assert read_meta(folder).classes == []
    assert pd.read_csv(folder / ATTRIBUTES)[STYLE].nunique() == 3


def test_processes_and_repetition_change_nothing(made: Callable[..., Path]) -> None:
    pyramids = [made(f"out{n}", workers, count=150) for n, workers in enumerate((1, 2, 3, 1))]
    contents = [{path.name: path.read_bytes() for path in folder.iterdir()} for folder in pyramids]
    assert set(contents[0]) == {"images_4.npy", "images_8.npy", "labels.npy", "meta.json", ATTRIBUTES}
    assert all(content == contents[0] for content in contents)


@pytest.mark.parametrize("workers", [1, 2])
def test_after_an_interruption_the_same_pyramid_comes_out(
    workers: int, made: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(done: Iterator[Outcome], total: int) -> Iterator[Outcome]:
        yield from islice(done, 70)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(building, "_with_progress", interrupted)
        with pytest.raises(KeyboardInterrupt):
            made("again", workers, count=150)
    assert list(tmp_path.iterdir()) == []
    again, whole = made("again", workers, count=150), made("whole", count=150)
    assert {path.name: path.read_bytes() for path in again.iterdir()} == {
        path.name: path.read_bytes() for path in whole.iterdir()
    }


def test_an_image_depends_on_its_style_its_number_and_the_seed(made: Callable[..., Path]) -> None:
    few, many = made("few", count=6), made("many", count=12)
    images = open_level(few, 8)
    assert np.array_equal(open_level(many, 8)[[0, 1, 4, 5, 8, 9]], images)
    assert np.array_equal(open_level(made("one", styles=["thumbs"], count=2, labels=False), 8), images[4:])
    other = open_level(made("other", count=6, seed=1), 8)
    assert not any(np.array_equal(a, b) for a, b in zip(images, other, strict=True))


def test_max_images_leaves_some_of_every_style(made: Callable[..., Path]) -> None:
    folder = made(count=30, max_images=6)
    assert read_meta(folder).class_counts == [2, 2, 2]
    assert len(pd.read_csv(folder / ATTRIBUTES)) == 6


@pytest.mark.parametrize("resolution", [4, 64, 1024])
def test_any_resolution_is_drawn_sharp(resolution: int, made: Callable[..., Path]) -> None:
    """Drawn at its size rather than enlarged: neighbours of four pixels differ also at the largest size."""
    folder = made(styles=["identicon"], count=1, labels=False, resolution=resolution, background=["white"])
    image = open_level(folder, resolution)[0]
    assert image.shape == (3, resolution, resolution)
    if resolution > 4:  # its edges are straight: nearly all pixels have one of two colours
        colours, counts = np.unique(image.reshape(3, -1), axis=1, return_counts=True)
        assert np.sort(counts)[-2:].sum() > 0.9 * resolution**2
        assert colours.max() == 255


def test_the_background_is_one_of_the_colours(made: Callable[..., Path]) -> None:
    folder = made(styles=["dylan"], count=40, labels=False, resolution=64, background=["red", "#0000ff"])
    corners = open_level(folder, 64)[:, :, 0, 0]
    rows = pd.read_csv(folder / ATTRIBUTES)["backgroundColor"]
    assert set(rows) == {"#ff0000", "#0000ff"}
    assert [tuple(corner) for corner in corners] == [
        (255, 0, 0) if colour == "#ff0000" else (0, 0, 255) for colour in rows
    ]


def test_transparency_shows_the_background_of_prepare(settings: Settings, tmp_path: Path) -> None:
    chosen = {"styles": ["identicon"], "count": 1}
    for colour, value in (("white", 255), ("black", 0)):
        build(settings("avatars", resolution=64, background=colour, avatars=chosen), tmp_path / colour)
        assert open_level(tmp_path / colour, 64)[0, :, 0, 0].tolist() == [value] * 3


# --- attributes


def test_the_attributes_are_those_that_were_drawn(made: Callable[..., Path]) -> None:
    folder = made(count=90)
    table = pd.read_csv(folder / ATTRIBUTES, keep_default_na=False)
    assert list(table[STYLE]) == [QUICK[label] for label in open_labels(folder)]
    assert list(table.columns) == [STYLE, *dict.fromkeys(name for style in QUICK for name in attributes_of(style))]
    for style in QUICK:
        rows = table[table[STYLE] == style]
        own = attributes_of(style)
        assert (rows[own] != "").all(axis=None)
        assert (rows[[name for name in table.columns if name not in (STYLE, *own)]] == "").all(axis=None)
        assert all(rows[name].nunique() > 1 for name in own)
        assert rows[own].isin(possible_values(style)).all(axis=None)


def possible_values(style: str) -> set[str]:
    """The names of all variants of a style, and all its colours."""
    variants = {name for part in definition(style)["components"].values() for name in part.get("variants", ())}
    colours = {colour.lower() for colours in definition(style)["colors"].values() for colour in colours["values"]}
    return variants | colours | {NOT_DRAWN}


def test_a_part_that_is_left_out_is_none() -> None:
    beards = {svg(Drawing("dylan", str(number)))[1]["facialHair"] for number in range(60)}
    assert {NOT_DRAWN, "default"} <= beards


def test_a_colour_that_is_not_drawn_has_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """DiceBear chooses it, because another colour must differ from it."""
    square = {"width": "9", "height": "9"}
    seen, hidden = (
        {"type": "element", "name": "rect", "attributes": square | {"fill": {"type": "color", "name": name}}}
        for name in ("seen", "hidden")
    )
    hat = {"width": 9, "height": 9, "probability": 50, "variants": {"cap": {"elements": [hidden]}}}
    other = {
        "meta": {},
        "canvas": {"width": 9, "height": 9, "elements": [seen, {"type": "component", "name": "hat"}]},
        "components": {"hat": hat},
        "colors": {
            "seen": {"values": ["#111111", "#222222"], "notEqualTo": ["hidden"]},
            "hidden": {"values": ["#111111", "#333333"]},
        },
    }
    monkeypatch.setattr(drawing, "definition", lambda style: other)
    drawing._style.cache_clear()
    try:
        rows = [svg(Drawing("other", str(number)))[1] for number in range(20)]
    finally:
        drawing._style.cache_clear()
    assert {row["hat"] for row in rows} == {"cap", NOT_DRAWN}
    assert all((row["hat"] == NOT_DRAWN) == (row["hiddenColor"] == NOT_DRAWN) for row in rows)
    assert {row["seenColor"] for row in rows} == {"#111111", "#222222"}


# --- licences


def test_the_default_styles_are_free() -> None:
    assert Avatars().styles == list(CC0_STYLES)
    assert {licence.name for licence in check_styles(Avatars())} == {"CC0 1.0"}
    assert [licence.credit for licence in check_styles(Avatars())] == [""] * len(CC0_STYLES)


def test_licences_and_credits_are_in_meta_json(made: Callable[..., Path]) -> None:
    meta = read_meta(made(styles=["stack", "dylan"], count=2))
    assert [(entry["style"], entry["name"]) for entry in meta.licences] == [
        ("stack", "CC0 1.0"),
        ("dylan", "CC BY 4.0"),
    ]
    assert meta.licences[1]["creator"] == "Natalia Spivak"
    assert meta.licences[1]["url"] == ALLOWED["CC BY 4.0"]
    assert meta.credits == ["“Dylan! The Avatar Generator” by Natalia Spivak, CC BY 4.0, adapted"]
    assert read_meta(made("free")).credits == []


def test_a_licence_that_does_not_allow_it_is_refused_unless_it_is_accepted(settings: Settings, tmp_path: Path) -> None:
    chosen = {"styles": ["stack", "bottts"], "count": 2}
    with pytest.raises(InputError) as found:
        build(settings("avatars", avatars=chosen), tmp_path / "out")
    assert str(found.value) == (
        "style 'bottts': its licence 'Free for personal and commercial use' (https://bottts.com/) does not say that "
        "adapted works may be shared; take another style, or add 'Free for personal and commercial use' to "
        "prepare.avatars.accept_licences"
    )
    accepted = Avatars.model_validate(chosen | {"accept_licences": ["Free for personal and commercial use"]})
    assert check_styles(accepted)[1].credit.startswith("“Bottts” by Pablo Stanley, Free for personal")


@pytest.mark.parametrize(
    ("name", "url", "why"),
    [
        ("CC BY-ND 4.0", "https://creativecommons.org/licenses/by-nd/4.0/", "forbids adapted works"),
        ("CC BY-NC 4.0", "https://creativecommons.org/licenses/by-nc/4.0/", "forbids commercial use"),
        ("CC BY-NC-ND 4.0", "https://creativecommons.org/licenses/by-nc-nd/4.0/", "forbids adapted works"),
        ("CC BY-SA 4.0", "https://creativecommons.org/licenses/by-sa/4.0/", "does not say"),
        ("CC BY 4.0", "https://creativecommons.org/licenses/by-nd/4.0/", "does not say"),
        ("", "", "its licence 'unknown' (no address) does not say"),
    ],
)
def test_other_licences_are_refused(name: str, url: str, why: str) -> None:
    licence = Licence("x", name, url, "", "", "", "", "")
    assert why in str(objection(licence, []))
    assert objection(licence, [name]) is None


def all_styles() -> list[str]:
    """Of the package that is installed."""
    return sorted(file.name.removesuffix(".json") for file in definitions().iterdir() if file.name.endswith(".json"))


def test_every_style_is_in_the_documents_with_its_licence() -> None:
    text = (ROOT / "docs/avatars.md").read_text(encoding="utf-8")
    rows = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("| `")}
    named = {style.strip(" `"): line for cell, line in rows.items() for style in cell.split(",")}
    for style in all_styles():
        licence = licence_of(style)
        assert licence.name.rstrip(".") in named[style], style
        if licence.credit:
            assert licence.creator in named[style], style


# --- what it needs


@pytest.mark.parametrize("module", PACKAGES)
def test_a_missing_extra_is_one_line_with_the_command(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(RunError, match=rf"needs the package {module}: pip install 'pgan\[avatars\]'"):
        avatars(Avatars(), labels=True)


def test_the_nearest_style_is_named() -> None:
    for wrong, near in (("Open-Peeps", "open-peeps"), ("pixelart", "pixel-art"), ("../x", None), ("zzzzzz", None)):
        with pytest.raises(InputError, match="no style") as found:
            check_styles(Avatars(styles=[wrong]))
        assert (f"did you mean '{near}'?" if near else "there are adventurer, ") in str(found.value)


# --- the images themselves


GOLDEN = {
    "stack": ("91ea25958e0a977d", "bc0a351138ad6405"),
    "identicon": ("41ac67770335ac8e", "7c2b4e703016a864"),
    "thumbs": ("a7c4cb4d6f0a2f37", "3f6205e799f9673d"),
    "dylan": ("0fbdddefebb8ec4e", "c50784dcf72789c0"),
}
"""Style -> SHA-256 of the SVG, and of 32×32 pixels on white, of seed `golden`, first 16 digits."""


@pytest.mark.parametrize("style", GOLDEN)
def test_the_pinned_packages_draw_the_same_images_for_ever(style: str) -> None:
    """Other versions may draw others: the parameters alone then no longer determine a data set."""
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines())
    for package in PACKAGES.values():
        if version(package) != pins.get(package, pins.get(package.replace("-", "_"))):
            pytest.skip(f"another {package}")
    of_svg, of_pixels = GOLDEN[style]
    text, _ = svg(Drawing(style, "golden"))
    assert digest(text.encode()) == of_svg
    if platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("antialiasing may round otherwise on another processor")
    png, _ = draw(Drawing(style, "golden"), 32)
    assert digest(np.asarray(decode(png, 3)).tobytes()) == of_pixels


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
