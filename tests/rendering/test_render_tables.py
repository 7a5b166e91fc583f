"""losses.csv and metrics.csv, and what dvc.yaml plots of them."""

from collections.abc import Callable
from pathlib import Path

import yaml

from pgan.config import Parameters
from pgan.metric_table import METRICS
from pgan.phases import read_phases
from pgan.rendering.curves import CURVES
from pgan.rendering.phases import TrainedPhase, final_chain, read_trained
from pgan.rendering.tables import write_losses_table, write_metrics_table

ROOT = Path(__file__).parents[2]
BRANCHED = {"a": ("stabilize", "init", 4), "other": ("grow", "a", 8), "b": ("grow", "a", 8)}


def _phase(folder: Path, name: str, losses: str) -> TrainedPhase:
    (folder / name).mkdir()
    (folder / name / "losses.csv").write_text(losses)
    return TrainedPhase(name, "init", folder / name, False, 8, 2.5, [2.5])


def test_losses_are_copied_as_text_below_each_other(tmp_path: Path) -> None:
    first = _phase(tmp_path, "a", "kimg,total_kimg,drift\n1.50,1.50,1e-07\n2,2,\n")
    second = _phase(tmp_path, "b", "kimg,total_kimg,drift\r\n0.500,2.5,nan\r\n")
    write_losses_table([first, second], tmp_path / "losses.csv")
    assert (tmp_path / "losses.csv").read_bytes() == (
        b"phase,kimg,total_kimg,drift\na,1.50,1.50,1e-07\na,2,2,\nb,0.500,2.5,nan\n"
    )


def test_a_column_of_some_phases_is_empty_in_the_others(tmp_path: Path) -> None:
    first = _phase(tmp_path, "a", "kimg,label_loss\n1,7\n")
    second = _phase(tmp_path, "b", "kimg,clip\n2,8\n")
    write_losses_table([first, second], tmp_path / "losses.csv")
    assert (tmp_path / "losses.csv").read_text() == "phase,kimg,label_loss,clip\na,1,7,\nb,2,,8\n"


def test_metrics_have_a_row_per_phase_and_a_column_each(tmp_path: Path) -> None:
    chain = [_phase(tmp_path, name, "") for name in ("a", "b")]
    write_metrics_table(chain, [{"swd": 12.25, "kid": 1e-07}, {"frechet": 3.0, "swd": 7}], tmp_path / "metrics.csv")
    assert (tmp_path / "metrics.csv").read_bytes() == (
        b"phase,resolution,total_kimg,frechet,kid,swd\na,8,2.5,,1e-07,12.25\nb,8,2.5,3.0,,7\n"
    )


def test_the_tables_of_a_chain_are_one_curve(experiment: Callable[..., Path], tmp_path: Path) -> None:
    root = experiment(BRANCHED)
    chain = final_chain(read_trained(read_phases(Parameters.read(root / "params.yaml")), root / "train"))
    write_losses_table(chain, tmp_path / "losses.csv")
    rows = [line.split(",") for line in (tmp_path / "losses.csv").read_text().splitlines()]
    assert rows[0][:4] == ["phase", "images", "kimg", "total_kimg"]
    assert [row[0] for row in rows[1:]] == ["a"] * 20 + ["b"] * 20
    total = [float(row[3]) for row in rows[1:]]
    assert total == sorted(set(total))


def test_dvc_plots_columns_that_exist_with_a_template_that_exists() -> None:
    entries = yaml.safe_load((ROOT / "dvc.yaml").read_text())["plots"]
    plots = {name: plot for entry in entries if isinstance(entry, dict) for name, plot in entry.items()}
    columns = {"losses": set(CURVES), "metrics": {value.name for metric in METRICS for value in metric.values}}
    assert set(CURVES) | {"frechet", "kid", "precision", "recall", "swd", "ms_ssim"} <= set(plots)
    for name, plot in plots.items():
        ((path, column),) = plot["y"].items()
        assert plot["x"] == "total_kimg"
        assert column == name
        assert column in columns[Path(path).stem]
        assert Path(path).parent == Path("data/render")
        assert "template" not in plot or (ROOT / ".dvc/plots" / f"{plot['template']}.json").is_file()
