"""The commands: parameters, lines of error, exit codes."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from pgan.data.pyramid import read_meta
from pgan.prepare.command import download, prepare

ROOT = Path(__file__).parents[2]

AVATARS = ("source: avatars", "resolution: 8")

app = typer.Typer()
app.command()(prepare)
app.command()(download)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run `prepare` in a new folder with these lines as its parameters."""
    monkeypatch.chdir(tmp_path)

    def command(*lines: str, options: tuple[str, ...] = ()) -> Result:
        text = "seed: 1\nprepare:\n" + "".join(f"  {line}\n" for line in lines)
        Path("params.yaml").write_text(text, encoding="utf-8")
        return CliRunner().invoke(app, ["prepare", "--workers", "1", *options])

    return command


def test_prepare(run: Callable[..., Result]) -> None:
    result = run("source: digits", "resolution: 8", "channels: 1", "labels: true")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "data/pyramid: 1797 images, grey, levels 4 8, 10 classes",
        "classes: 0 178, 1 182, 2 177, 3 183, 4 181, 5 182, 6 181, 7 179, 8 174, 9 180",
    ]
    assert "1797/1797" in result.stderr
    assert read_meta(Path("data/pyramid")).count == 1797


def test_out_params_and_skipped(run: Callable[..., Result], tmp_path: Path, tree_folder: Path) -> None:
    (tree_folder / "cat" / "broken.png").touch()
    run("source: folder", "path: tree", "resolution: 8", "max_skipped: 1")
    Path("params.yaml").rename("other.yaml")
    result = CliRunner().invoke(app, ["prepare", "--workers", "1", "--params", "other.yaml", "--out", "there"])
    assert result.stdout.splitlines() == [
        "there: 5 images, RGB, levels 4 8, no classes, 1 skipped (listed in meta.json)",
        "skipped: 1 image (cat/broken.png): an empty file; get the file again, or remove it",
        "left out: 1 hidden file (cat/.hidden.png): not read",
        "left out: 2 folders of a NAS, desktop or program (.git, __MACOSX): thumbnails, recycle bins and the like",
        "left out: 1 file of a desktop (.db) (cat/Thumbs.db): not images",
        "left out: 1 other file (.txt) (notes.txt): not images",
    ]


def test_many_classes_are_shown_by_their_extremes(
    run: Callable[..., Result], png: Callable[..., bytes], tmp_path: Path
) -> None:
    for label in range(20):
        for number in range(1 + (label == 3) + 2 * (label == 7)):
            path = tmp_path / f"tree/c{label}/{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(number))
    result = run("source: folder", "path: tree", "resolution: 8", "labels: true")
    assert result.stdout.splitlines()[1] == "classes: the largest c7 3, the smallest c0 1, 20 in all"


def test_the_seed_matters_to_drawn_digits_alone(run: Callable[..., Result]) -> None:
    Path("params.yaml").write_text("prepare:\n  source: digits\n  resolution: 4\n  max_images: 2\n")
    assert CliRunner().invoke(app, ["prepare", "--workers", "1"]).exit_code == 0
    Path("params.yaml").write_text("prepare:\n  source: mnist-rgb\n  path: x\n  resolution: 4\n")
    result = CliRunner().invoke(app, ["prepare", "--workers", "1"])
    assert (result.exit_code, result.stderr) == (2, "error: params.yaml: seed: missing; known are prepare\n")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["source: digits", "resolution: 12"], "resolution 12 is not base × 2^k: with base 4, take 8 or 16"),
        (
            ["source: digits", "resolution: 14", "base: 14", "bases: 7"],
            "prepare.bases: unknown parameter; did you mean 'base'",
        ),
        (["source: digits", "resolution: '8'"], "prepare.resolution: must be a whole number"),
        (["source: digits", "resolution: 8", "channels: 2"], "prepare.channels: must be 1 or 3"),
        (["source: digits", "resolution: 2", "base: 1"], "prepare.base: must be greater than or equal to 2"),
        (["source: digit", "resolution: 8"], "prepare.source: must be 'digits'"),
        (["source: digits"], "prepare.resolution: missing"),
        (["source: folder", "resolution: 8"], "source 'folder' needs a path"),
        (["source: zip", "resolution: 8", "path: x", "labels_path: y"], "labels_path belongs to source 'idx'"),
        (["source: zip", "resolution: 8", "path: none.zip"], "none.zip: no such file"),
        (
            ["source: zip", "resolution: 8", "path: ~/faces.zip"],
            "prepare.path: '~' is not expanded in a parameter file; w",
        ),
        (["source: idx", "resolution: 8", "path: x", "labels_path: ~/y"], "prepare.labels_path: '~' is not expanded"),
        ([*AVATARS, "avatars: {counts: 3}"], "prepare.avatars.counts: unknown parameter"),
        (
            [*AVATARS, "avatars: {count: 0}"],
            "avatars.count: must be greater than or equal to 1",
        ),
        (
            [*AVATARS, "avatars: {count: 1000000000}"],
            "prepare.avatars.count: must be less than",
        ),
        (
            [*AVATARS, "avatars: {count: 5}"],
            "count 5 is less than one image for each of 8 styl",
        ),
        (["source: avatars", "resolution: 48"], "resolution 48 is not base × 2^k: with base 4, take 32 or 64"),
        (
            [*AVATARS, "avatars: {styles: []}"],
            "prepare.avatars.styles: list should have at least",
        ),
        (
            [*AVATARS, "avatars: {styles: [a, b, a]}"],
            "styles: a is listed twice; list it once",
        ),
        (
            [*AVATARS, "avatars: {background: [pinkish]}"],
            "no colour: 'pinkish'; take white, bl",
        ),
        (
            [*AVATARS, "avatars: {background: red}"],
            "prepare.avatars.background: must be a list",
        ),
        (
            [*AVATARS, "avatars: {styles: [thumps]}"],
            "no style 'thumps'; did you mean 'thumbs'?",
        ),
        (
            [*AVATARS, "avatars: {styles: [initials]}"],
            "'initials' writes letters in fonts of t",
        ),
        (["source: digits", "resolution: 8", "max_images: 0"], "prepare.max_images: must be"),
        (
            ["source: digits", "resolution: 64", "path: x"],
            "0: 8 × 8 pixels are too few",
        ),
    ],
)
def test_mistakes_end_in_one_line(run: Callable[..., Result], lines: list[str], message: str) -> None:
    result = run(*lines)
    assert result.exit_code == 2
    said = result.stderr[result.stderr.index("error: ") :]
    assert all(line.startswith("       ") for line in said.splitlines()[1:])
    assert message in said
    assert "Traceback" not in result.output
    assert not Path("data/pyramid").exists()


def test_no_parameters_at_all(run: Callable[..., Result]) -> None:
    result = CliRunner().invoke(app, ["prepare"])
    assert result.exit_code == 2
    assert result.stderr.startswith("error: params.yaml: no such file")


def test_number_of_processes(monkeypatch: pytest.MonkeyPatch, run: Callable[..., Result]) -> None:
    lines = ("source: digits", "resolution: 4")
    used: list[int] = []

    def build(*_: object, workers: int, **__: object) -> None:
        used.append(workers)
        raise typer.Exit

    monkeypatch.setattr("pgan.prepare.build.build", build)
    run(*lines, options=("--workers", "3"))
    for value in (None, "auto", "5"):
        monkeypatch.delenv("PGAN_WORKERS", raising=False)
        if value:
            monkeypatch.setenv("PGAN_WORKERS", value)
        CliRunner().invoke(app, ["prepare"])
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert used == [3, cores, cores, 5]
    assert run(*lines, options=("--workers", "0")).stderr == "error: --workers: must be 1 or more, found 0\n"
    for value, message in (
        ("many", "expected a number or 'auto', found 'many'"),
        ("0", "must be 1 or more, found 0"),
        ("9" * 5000, "expected a number or 'auto', found '999"),
    ):
        monkeypatch.setenv("PGAN_WORKERS", value)
        assert CliRunner().invoke(app, ["prepare"]).stderr.startswith(f"error: PGAN_WORKERS: {message}")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, pgan.prepare.command, pgan.prepare.config\n"
        "print(sorted({'torch', 'sklearn', 'scipy', 'matplotlib', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_workers_import_neither_torch_nor_scikit_learn() -> None:
    code = "import sys, pgan.prepare.pool\nprint(sorted({'torch', 'sklearn', 'scipy'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
