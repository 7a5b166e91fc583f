"""metrics.png."""

import math
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

from pgan.errors import InputError
from pgan.metric_table import METRICS
from pgan.rendering.metrics import MAIN, REFERENCE, SECOND, Metrics, read_metrics, title, write_metrics_picture
from pgan.rendering.phases import TrainedPhase


def _phase(name: str, parent: str, total_kimg: float, grows: bool = False) -> TrainedPhase:
    return TrainedPhase(name, parent, Path("nowhere"), grows, 8, total_kimg, [total_kimg])


CHAIN = [_phase("a", "init", 10.0), _phase("b", "a", 20.0, grows=True), _phase("c", "b", 40.0)]
WHOLE: list[Metrics] = [
    {
        "frechet": 9.0 - i,
        "frechet_target": 300.0 / (i + 1),
        "precision": 0.5,
        "recall": 0.1 * i,
        "swd": 30.0 - 12 * i,
        "ms_ssim": 0.3,
        "ms_ssim_real": 0.2,
    }
    for i in range(3)
]


def _only(*names: str) -> list[Metrics]:
    return [{name: value for name, value in metrics.items() if name in names} for metrics in WHOLE]


def _draw(path: Path, metrics: list[Metrics], phases: list[TrainedPhase] = CHAIN) -> np.ndarray:
    write_metrics_picture(phases, metrics, path, dpi=60)
    with Image.open(path) as picture:
        assert picture.size == (600, 360)
        return np.asarray(picture.convert("RGB")).astype(int)


def _amount(pixels: np.ndarray, color: str) -> int:
    wanted = np.array(matplotlib.colors.to_rgb(color)) * 255
    return int((np.abs(pixels - wanted).max(axis=2) < 12).sum())


def _quarters(pixels: np.ndarray) -> list[np.ndarray]:
    return [part for half in np.array_split(pixels, 2) for part in np.array_split(half, 2, axis=1)]


def test_each_kind_of_metric_has_its_panel(tmp_path: Path) -> None:
    parts = _quarters(_draw(tmp_path / "a.png", WHOLE))
    assert all(_amount(part, MAIN) > 50 for part in parts)
    assert [_amount(part, SECOND) > 50 for part in parts] == [True, True, False, False]
    assert _amount(parts[3], REFERENCE) > 50


def test_a_metric_that_nobody_measured_has_no_panel(tmp_path: Path) -> None:
    parts = _quarters(_draw(tmp_path / "a.png", _only("frechet", "swd", "precision", "recall")))
    assert [_amount(part, MAIN) > 50 for part in parts] == [True, True, True, False]
    alone = _quarters(_draw(tmp_path / "b.png", _only("swd")))
    assert all(_amount(part, MAIN) > 5 for part in (alone[0], alone[3]))  # one falling line across the picture


def test_every_number_of_the_table_is_drawn(tmp_path: Path) -> None:
    """Alone, each has a panel, in its colour; all together fill a picture that grows with their number."""
    blank = _draw(tmp_path / "blank.png", [{}, {}, {}])
    for metric in METRICS:
        for value, color in zip(metric.values, (MAIN, SECOND), strict=False):
            pixels = _draw(tmp_path / "a.png", [{value.name: 0.5 + i} for i in range(3)])
            color = REFERENCE if value.reference else color
            assert _amount(pixels, color) > _amount(blank, color) + 50, value.name
    whole = [{value.name: 0.5 + i for metric in METRICS for value in metric.values} for i in range(3)]
    write_metrics_picture(CHAIN, whole, tmp_path / "b.png", dpi=60)
    with Image.open(tmp_path / "b.png") as picture:
        assert picture.size == (600, 60 * 2 * math.ceil(len(METRICS) / 2))


def test_an_arrow_says_where_better_is() -> None:
    """Beside the axis where it is the same for all values, as of a distance; and nowhere where there is none."""
    assert {metric.name: title(metric)[-1] for metric in METRICS if title(metric)[-1] in "↓↑"} == {
        "frechet": "↓",
        "kid": "↓",
        "precision_recall": "↑",
        "density_coverage": "↑",
        "attributes": "↑",
        "inception_score": "↑",
        "modes": "↑",
        "swd": "↓",
    }


def test_nothing_measured_is_said(tmp_path: Path) -> None:
    pixels = _draw(tmp_path / "a.png", [{}, {"kid_std": 0.1}, {}])
    assert (pixels < 200).any()
    assert _amount(pixels, MAIN) == 0


def test_a_phase_without_a_metric_is_a_gap(tmp_path: Path) -> None:
    whole = _only("swd")
    gap = [whole[0], {}, whole[2]]
    drawn = [_draw(tmp_path / f"{i}.png", metrics) for i, metrics in enumerate((whole, gap))]
    lines = [_columns(pixels) for pixels in drawn]
    assert lines[0][50:-50].all()
    assert not lines[1][50:-50].all()  # two dots
    assert 0 < lines[1].sum() < 40


def _columns(pixels: np.ndarray) -> np.ndarray:
    """Columns of pixels with something blue, as `MAIN` is, from the first such column to the last."""
    there = (pixels[..., 2] - pixels[..., 0] > 60).any(axis=0)
    first, last = there.nonzero()[0][[0, -1]]
    return there[first : last + 1]


def test_growing_phases_are_shaded(tmp_path: Path) -> None:
    pixels = _draw(tmp_path / "a.png", _only("swd"))
    shaded = ((pixels == round(0.93 * 255)).all(axis=2).sum(axis=0) > 60).nonzero()[0] / pixels.shape[1]
    assert 0.2 < shaded[0] < 0.35 < 0.45 < shaded[-1] < 0.6  # from 10 to 20 of 40 kimg


def test_a_branch_is_drawn_from_its_parent(tmp_path: Path) -> None:
    branched = [*CHAIN[:2], _phase("other", "a", 35.0), CHAIN[2]]
    metrics = _only("swd")
    without = _draw(tmp_path / "a.png", [*metrics[:2], {}, metrics[2]], branched)
    beside = _draw(tmp_path / "b.png", [*metrics[:2], {"swd": 29.0}, metrics[2]], branched)
    assert _amount(beside, MAIN) > _amount(without, MAIN) + 30


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "metrics",
    [
        {"frechet": 0.0, "frechet_target": -1e-6, "swd": 1.0},
        {"swd": 0.0},
        {"ms_ssim": -0.1},
        {"precision": 0, "recall": 1},
        {"frechet": 1e-9, "frechet_target": 1e9},
    ],
)
def test_extreme_values_are_no_obstacle(tmp_path: Path, metrics: Metrics) -> None:
    assert _amount(_draw(tmp_path / "a.png", [metrics], CHAIN[:1]), MAIN) > 5


def test_the_picture_is_the_same_bytes_whatever_the_users_style(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _draw(tmp_path / "a.png", WHOLE)
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 20.0)
    monkeypatch.setitem(matplotlib.rcParams, "lines.linewidth", 9.0)
    _draw(tmp_path / "b.png", WHOLE)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert b"Software" not in (tmp_path / "a.png").read_bytes()


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def write(content: str) -> Path:
        (tmp_path / "grow_8").mkdir()
        (tmp_path / "grow_8" / "metrics.json").write_bytes(content.encode("latin-1"))
        return tmp_path

    return write


def test_metrics_are_read_by_phase(write: Callable[[str], Path]) -> None:
    assert read_metrics(write('{"frechet": 3.5, "classes_found": 10}'), "grow_8") == {
        "frechet": 3.5,
        "classes_found": 10,
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not valid JSON"),
        ("\xff", "not valid JSON"),
        ("[1]", "expected a mapping"),
        ('{"frechet": NaN}', "frechet: expected a finite number, found nan"),
        ('{"frechet": true}', "frechet: expected a finite number, found True"),
        ('{"frechet": "3"}', "frechet: expected a finite number, found '3'"),
        ('{"frechet": {"mean": 3}}', "frechet: expected a finite number"),
    ],
)
def test_wrong_metrics_are_named(write: Callable[[str], Path], content: str, message: str) -> None:
    folder = write(content)
    with pytest.raises(InputError, match=message) as error:
        read_metrics(folder, "grow_8")
    assert str(error.value).startswith(str(folder / "grow_8" / "metrics.json"))
    assert str(error.value).endswith("evaluate the phase 'grow_8' again")


def test_missing_metrics_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"b/metrics\.json: no such file; evaluate the phase 'b' first"):
        read_metrics(tmp_path, "b")
