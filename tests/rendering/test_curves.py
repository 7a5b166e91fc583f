"""losses.png."""

from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

from pgan.errors import InputError
from pgan.rendering.curves import CURVES, Losses, check_color, read_losses, smooth, write_losses_picture

COLORS = {"generator_loss": "green", "gradient_penalty": "red", "critic_fake": "orange", "critic_real": "blue"}
WriteCsv = Callable[..., Path]


@pytest.fixture
def chain(tmp_path: Path, write_losses_csv: WriteCsv) -> list[Losses]:
    paths = [write_losses_csv(tmp_path / f"{i}.csv", before=2.0 * i, seed=i) for i in range(3)]
    return [read_losses(path, f"phase_{i}", grows=i == 1) for i, path in enumerate(paths)]


def _draw(phases: list[Losses], path: Path, **changes: str) -> np.ndarray:
    write_losses_picture(phases, path, COLORS | changes, smoothing=0.01, dpi=60)
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def _shows(pixels: np.ndarray, color: str) -> bool:
    wanted = np.array(matplotlib.colors.to_rgb(color)) * 255
    return bool((np.abs(pixels - wanted).max(axis=2) < 12).sum() > 10)


def test_losses_are_read_on_the_global_axis(tmp_path: Path, write_losses_csv: WriteCsv) -> None:
    losses = read_losses(write_losses_csv(tmp_path / "losses.csv", before=7.0, kimg=2.0, rows=4), "p")
    assert losses.start == 7.0
    assert losses.end == 9.0
    assert losses.total_kimg.tolist() == [7.5, 8.0, 8.5, 9.0]
    np.testing.assert_allclose(losses.curves["generator_loss"], -losses.curves["critic_fake"])


def test_all_four_curves_are_drawn_in_their_colours(chain: list[Losses], tmp_path: Path) -> None:
    pixels = _draw(chain, tmp_path / "a.png")
    assert all(_shows(pixels, color) for color in COLORS.values())
    assert not _shows(pixels, "purple")
    changed = _draw(chain, tmp_path / "b.png", generator_loss="purple")
    assert _shows(changed, "purple")
    assert not _shows(changed, "green")


def test_growing_phases_are_shaded(chain: list[Losses], tmp_path: Path) -> None:
    shade = round(0.93 * 255)
    pixels = _draw(chain, tmp_path / "a.png")
    shaded = ((pixels == shade).all(axis=2).sum(axis=0) > 100).nonzero()[0]
    start, end = shaded[0] / pixels.shape[1], shaded[-1] / pixels.shape[1]
    assert 0.2 < start < 0.4 < end < 0.65  # the middle third of the panel, which leaves room for the legend


def test_the_picture_is_the_same_bytes_whatever_the_users_style(
    chain: list[Losses], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _draw(chain, tmp_path / "a.png")
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 20.0)
    monkeypatch.setitem(matplotlib.rcParams, "axes.facecolor", "black")
    _draw(chain, tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert matplotlib.rcParams["font.size"] == 20.0
    assert b"Software" not in (tmp_path / "a.png").read_bytes()


def test_a_branch_is_drawn_beside_the_chain(chain: list[Losses], tmp_path: Path, write_losses_csv: WriteCsv) -> None:
    path = write_losses_csv(tmp_path / "branch.csv", before=2.0, kimg=3.0, seed=9)
    branch = read_losses(path, "other", branch=True)
    assert not np.array_equal(_draw(chain, tmp_path / "a.png"), _draw([*chain, branch], tmp_path / "b.png"))


def test_an_outlier_leaves_the_rest_readable(tmp_path: Path, write_losses_csv: WriteCsv) -> None:
    """A spike of 10⁶ in one of 1000 rows must not flatten the curves: the axis barely moves."""
    losses = read_losses(write_losses_csv(tmp_path / "losses.csv", rows=1000), "p")
    before = _draw([losses], tmp_path / "a.png")
    losses.curves["critic_real"][500] = 1e6
    after = _draw([losses], tmp_path / "b.png")
    assert (before != after).any(axis=2).mean() < 0.1


def test_one_row_is_one_dot_per_curve(tmp_path: Path, write_losses_csv: WriteCsv) -> None:
    pixels = _draw([read_losses(write_losses_csv(tmp_path / "losses.csv", rows=1), "p")], tmp_path / "a.png")
    assert all(_shows(pixels, color) for color in COLORS.values())


def test_a_missing_term_and_a_gap_are_no_obstacle(chain: list[Losses], tmp_path: Path) -> None:
    """A WGAN with weight clipping has no penalty."""
    for losses in chain:
        losses.curves["gradient_penalty"][:] = np.nan
        losses.curves["critic_real"][3:6] = np.nan
    pixels = _draw(chain, tmp_path / "a.png")
    assert _shows(pixels, "blue")
    assert not _shows(pixels, "red")


def test_a_table_without_a_penalty_gives_a_picture_without_its_panel(
    tmp_path: Path, write_losses_csv: WriteCsv
) -> None:
    """Some losses have none; with the panel gone, the scores have its place."""
    path = write_losses_csv(tmp_path / "losses.csv", rows=20)
    rows = [line.rpartition(",")[0] for line in path.read_text().splitlines()]
    assert CURVES.keys() - set(rows[0].split(",")) == {"gradient_penalty"}
    path.write_text("\n".join(rows) + "\n")
    losses = read_losses(path, "p")
    pixels = _draw([losses], tmp_path / "a.png")
    assert not _shows(pixels, "red")
    orange = np.flatnonzero((np.abs(pixels - (255, 165, 0)).max(axis=2) < 12).any(axis=1))
    assert orange[-1] > 0.6 * len(pixels), "the lowest curve, below where the panel of penalties would begin"


def test_a_penalty_of_zero_is_drawn_without_warning(chain: list[Losses], tmp_path: Path) -> None:
    for losses in chain:
        losses.curves["gradient_penalty"][:] = 0.0
    assert _shows(_draw(chain, tmp_path / "a.png"), "red")


def test_nothing_finite_is_an_error(chain: list[Losses], tmp_path: Path) -> None:
    for losses in chain:
        for curve in losses.curves.values():
            curve[:] = np.nan
    with pytest.raises(InputError, match="no finite value"):
        _draw(chain, tmp_path / "a.png")


HEADER = "images,kimg,total_kimg,alpha," + ",".join(CURVES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no column 'kimg'"),
        (HEADER + "\n", "no rows"),
        (HEADER.replace("critic_fake", "critic_fakes") + "\n1,1,1,1,1,1,1,1\n", "no column 'critic_fake'"),
        (HEADER + "\n1,1,1,1,1,1,1,1\n2,2,2,1,1,oops,1,1\n", "row 2: critic_fake: expected a number, found 'oops'"),
        (HEADER + "\n1,1,1,1,1,1,1,1\n2,2,2,1,1\n", "more cells than there are columns, or of fewer"),
        (HEADER + "\n1,1,1,1,1,1,1,1,1\n", "more cells than there are columns, or of fewer"),
        (HEADER + "\n1,1,nan,1,1,1,1,1\n", "total_kimg: expected finite"),
        (HEADER + "\n1,2,2,1,1,1,1,1\n1,1,1,1,1,1,1,1\n", "total_kimg: expected finite"),
        ("\xff\xfe", "not a table"),
    ],
)
def test_a_wrong_table_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "losses.csv"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match=message) as error:
        read_losses(path, "grow_8")
    assert str(error.value).startswith(str(path))
    assert "train the phase 'grow_8' again" in str(error.value)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file; train the phase 'p'"):
        read_losses(tmp_path / "losses.csv", "p")


def test_empty_and_infinite_cells_are_gaps(tmp_path: Path) -> None:
    path = tmp_path / "losses.csv"
    path.write_text(HEADER + "\n1,1,1,1,,inf,nan,3\n")
    curves = read_losses(path, "p").curves
    assert [bool(np.isnan(curves[name][0])) for name in CURVES] == [True, True, True, False]


def test_smoothing_keeps_a_constant_and_its_gaps() -> None:
    values = np.full(50, 3.0)
    values[20:25] = np.nan
    smoothed = smooth(values, np.linspace(0, 1, 50), 0.1)
    assert np.isnan(smoothed[20:25]).all()
    np.testing.assert_allclose(np.delete(smoothed, np.s_[20:25]), 3.0)


def test_smoothing_calms_noise_and_zero_leaves_it() -> None:
    kimg, noise = np.linspace(5, 6, 400), np.random.default_rng(0).normal(size=400)
    assert smooth(noise, kimg, 0.05).std() < 0.35
    assert np.array_equal(smooth(noise, kimg, 0.0), noise)


@pytest.mark.parametrize("color", ["green", "tab:orange", "#ff8800"])
def test_colours(color: str) -> None:
    check_color(color, "here")


@pytest.mark.parametrize(("color", "hint"), [("gren", "; did you mean 'green'?"), ("#12", ";"), ("none", "")])
def test_a_colour_that_is_none(color: str, hint: str) -> None:
    with pytest.raises(InputError) as error:
        check_color(color, "params.yaml: render.colors.critic_fake")
    assert str(error.value).startswith(f"params.yaml: render.colors.critic_fake: '{color}' is no colour{hint}")
