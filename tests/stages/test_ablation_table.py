"""The table of an ablation, from results made up."""

import csv
import io
import math
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.ablations import plot
from stages.ablations.results import Result, training_seconds
from stages.ablations.rows import Ablation
from stages.ablations.table import Table, comma_separated, latex, make_table, markdown

ABLATION = Ablation.model_validate(
    {
        "title": "A test",
        "source": "nothing",
        "published_source": "a paper",
        "base": "digits",
        "total_kimg": 1.0,
        "rows": {
            "a": {"label": "(a) first_100 % x^2 ~", "published": {"swd": 9.28, "ms_ssim": 0.2854}},
            "b": {"label": "(b) | second"},
            "c": {"label": "(c) not run"},
        },
    }
)


MADE = "faces.zip at 32×32; 0.4 kimg (a, b)"


def result(row: str, seed: int, swd: float, timed: int = 2, seconds: float | None = 100.0, **more: float) -> Result:
    """Of one run."""
    metrics = {"swd_32": swd * 2, "swd_16": 0.0, "swd": swd, "ms_ssim": 0.25, "precision": 1.0} | more
    return Result(row, seed, f"test-{row}-s{seed}", "c" * 40, metrics, f"run{row}{seed}", seconds, timed)


@pytest.fixture
def table() -> Table:
    """Two rows: one with two seeds, one with one, a part of which nobody timed."""
    results = [
        result("a", 0, 10.0),
        result("a", 1, 14.0, seconds=200.0),
        result("b", 0, 123.4, timed=1, seconds=4000),
    ]
    return make_table(ABLATION, results, {"a": 2, "b": 2}, MADE)


def test_means_and_deviations_are_those_of_the_seeds(table: Table) -> None:
    assert table.means["swd"].to_dict() == {"a": 12.0, "b": 123.4}
    assert table.deviations["swd"]["a"] == pytest.approx(8**0.5), "the sample's, divided by n - 1"
    assert math.isnan(table.deviations["swd"]["b"]), "one seed has no spread"
    assert table.means["seconds"]["a"] == 150.0


def test_rows_stand_in_the_order_of_the_ablation_whatever_finished_first() -> None:
    results = [result("b", 0, 1.0), result("a", 1, 2.0), result("a", 0, 3.0)]
    table = make_table(ABLATION, results, {"a": 2, "b": 2}, MADE)
    assert table.labels == [ABLATION.rows[key].label for key in "ab"]
    assert table.means["swd"].tolist() == [2.5, 1.0]


def test_the_markdown_holds_each_number_beside_the_published_one_and_its_origin(table: Table) -> None:
    text = markdown(table)
    (header, _, first, second, *_) = [line for line in text.splitlines() if line.startswith("|")]
    assert cells_of(header) == [
        *("row", "SWD 32", "SWD 16", "SWD average", "MS-SSIM", "time"),
        *("SWD average, published", "MS-SSIM, published"),
    ]
    assert cells_of(first) == [
        *("(a) first_100 % x^2 ~", "24.0 ± 5.7", "0 ± 0", "12.0 ± 2.8", "0.2500 ± 0", "2 min 30 s", "9.28", "0.2854"),
    ]
    assert cells_of(second)[1:] == ["247", "0", "123", "0.2500", "≥ 1 h 06 min", "–", "–"]
    assert "(c)" not in text
    assert "Published: a paper." in text
    origins = [cells_of(line) for line in text.splitlines() if line.startswith("|")][-3:]
    commit = f"`{'c' * 10}`"
    assert origins == [
        ["a", "0", "`test-a-s0`", commit, "`runa0`"],
        ["a", "1", "`test-a-s1`", commit, "`runa1`"],
        ["b", "0", "`test-b-s0`", commit, "`runb0`"],
    ]


def cells_of(line: str) -> list[str]:
    """Of a Markdown table's line."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_the_csv_holds_every_run_with_all_digits_and_its_origin(table: Table) -> None:
    rows = list(csv.DictReader(io.StringIO(comma_separated(table))))
    assert [(row["row"], row["seed"]) for row in rows] == [("a", "0"), ("a", "1"), ("b", "0"), ("a", "published")]
    assert rows[1]["swd"] == "14.0"
    assert (rows[1]["dvc_experiment"], rows[1]["mlflow_run"], rows[1]["seconds"]) == ("test-a-s1", "runa1", "200.0")
    assert rows[2]["phases_timed"] == "1"
    assert (rows[3]["swd"], rows[3]["ms_ssim"], rows[3]["swd_32"]) == ("9.28", "0.2854", "")
    assert (rows[3]["phases_timed"], rows[3]["mlflow_run"]) == ("", "")


def test_the_latex_is_a_tabular_in_which_every_row_has_every_column(table: Table) -> None:
    text = latex(table)
    columns = re.search(r"\\begin\{tabular\}\{(l r*)\}".replace(" ", ""), text)
    assert columns is not None
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {line.count("&") + 1 for line in rows} == {len(columns[1])}
    assert r"(a) first\_100 \% x\textasciicircum 2 \textasciitilde" in text
    assert r"$12.0 \pm 2.8$" in text
    assert r"& $9.28$ & $0.2854$ \\" in text
    assert r"$\geq$ 1 h 06 min & -- & -- \\" in text
    assert f"% {MADE}" in text
    assert "% b seed 0: DVC test-b-s0 (cccccccccc), MLflow runb0" in text


def test_what_was_not_measured_is_a_dash_or_no_column() -> None:
    results = [result("a", 0, 1.0, frechet=2.0), result("b", 0, 1.0, seconds=None)]
    table = make_table(ABLATION, results, {"a": 2, "b": 2}, MADE)
    second = [line for line in markdown(table).splitlines() if line.startswith("|")][3]
    assert cells_of(second)[5:7] == ["–", "–"]  # Fréchet, time
    assert "≥" not in markdown(table)
    only = make_table(ABLATION, [Result("a", 0, "x", "c" * 40, {"frechet": 2.0}, None, None, 0)], {"a": 1}, MADE)
    assert [column.key for column in only.columns] == ["frechet"]
    assert cells_of(markdown(only).splitlines()[4]) == ["(a) first_100 % x^2 ~", "2.00", "–"]
    assert comma_separated(only).splitlines()[1] == f"a,0,2.0,,0,x,{'c' * 40},"
    assert r"$2.00$ & -- \\" in latex(only)


def test_the_picture_has_a_panel_for_each_quantity(table: Table, tmp_path: Path) -> None:
    plot.draw(table, tmp_path / "table.png")
    with Image.open(tmp_path / "table.png") as picture:
        assert picture.width > picture.height > 100
        colors = set(map(tuple, np.asarray(picture.convert("RGB")).reshape(-1, 3).tolist()))
    assert (31, 119, 180) in colors  # ours
    assert (127, 127, 127) in colors  # published


def test_the_time_of_a_phase_is_that_in_which_it_trained() -> None:
    assert training_seconds({1200: 10.0}, 200) == 20.0
    assert training_seconds({1100: 10.0, 1150: 5.0, 1200: 25.0}, 200) == 10.0 + 10.0 + 2.0
