"""`pgan render`, whole."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from pgan.data.pyramid import read_meta, write_meta
from pgan.errors import InputError
from pgan.rendering.caption import credited, text_size
from pgan.rendering.command import render
from pgan.rendering.config import Render
from pgan.rendering.pictures import real_tiles, real_vs_fake_picture, samples_picture

Experiment = Callable[..., Path]
CHAIN = {
    "stabilize_4": ("stabilize", "init", 4),
    "grow_8": ("grow", "stabilize_4", 8),
    "stabilize_8": ("stabilize", "grow_8", 8),
}
FILES = ["interpolation.gif", "losses.csv", "losses.png", "metrics.csv", "metrics.png", "progress.gif"]
FILES += ["real_vs_fake.png", "samples.png", "transitions.png"]


def _render(root: Path, out: str = "render", pyramid: str = "pyramid") -> dict[str, str]:
    """Digests of the files by name."""
    render(root / "params.yaml", root / "train", root / "evaluate", root / pyramid, root / out, "cpu")
    files = [path for path in (root / out).rglob("*") if path.is_file()]
    return {str(p.relative_to(root / out)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(files)}


def _change(root: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    params = yaml.safe_load((root / "params.yaml").read_text())
    change(params)
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def _error(root: Path, capsys: pytest.CaptureFixture[str], **where: str) -> str:
    """The one line of a run that fails on the user's input, and leaves nothing behind."""
    with pytest.raises(SystemExit) as stop:
        _render(root, **where)
    assert stop.value.code == 2
    assert not (root / "render").exists()
    assert not list(root.glob(".*part"))
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    return line


def test_all_files_are_written_twice_the_same(experiment: Experiment) -> None:
    root = experiment(CHAIN)
    first = _render(root)
    assert list(first) == sorted([*FILES, *(f"phases/{name}.gif" for name in CHAIN)])
    threads = torch.get_num_threads()
    torch.set_num_threads(threads % 2 + 1)
    try:
        assert _render(root, "again/deeper") == first
    finally:
        torch.set_num_threads(threads)
    assert not list(root.glob(".*part"))


@pytest.mark.parametrize(
    ("phases", "options"),
    [
        ({"a": ("fixed", "init", 8)}, {"channels": 3, "times": 1}),
        ({"a": ("stabilize", "init", 7), "b": ("grow", "a", 14), "c": ("grow", "b", 28)}, {"base": 7}),
        (CHAIN, {"channels": 3, "classes": 5}),
        (CHAIN | {"other": ("grow", "stabilize_4", 8), "last": ("grow", "stabilize_8", 16)}, {"samples": 1}),
    ],
)
def test_every_kind_of_experiment(experiment: Experiment, phases: Any, options: dict[str, Any]) -> None:
    root = experiment(phases, **options)
    names = _render(root)
    assert set(names) == {*FILES, *(f"phases/{name}.gif" for name in phases)}
    mode = "L" if options.get("channels", 1) == 1 else "RGB"
    for name in ("samples.png", "real_vs_fake.png", "transitions.png"):
        with Image.open(root / "render" / name) as picture:
            assert picture.mode == mode
    with Image.open(root / "render" / "interpolation.gif") as walk:
        assert walk.n_frames == 2 * 3


def test_a_colour_changes_the_curves_alone(experiment: Experiment) -> None:
    root = experiment(CHAIN)
    before = _render(root)
    _change(root, lambda params: params["render"]["colors"].update(critic_real="#123456"))
    after = _render(root)
    assert [name for name in before if before[name] != after[name]] == ["losses.png"]


def test_another_seed_draws_other_samples(experiment: Experiment) -> None:
    root = experiment(CHAIN)
    before = _render(root)
    _change(root, lambda params: params.update(seed=2))
    after = _render(root)
    changed = [name for name in before if before[name] != after[name]]
    assert changed == ["interpolation.gif", "real_vs_fake.png", "samples.png", "transitions.png"]


def test_pictures_name_their_sources_where_a_licence_wants_it(experiment: Experiment) -> None:
    root = experiment(CHAIN, channels=3)
    before = _render(root)
    meta = read_meta(root / "pyramid")
    wanted = [{"style": "a", "credit": "“Work” by Someone Else, CC BY 4.0, adapted"}, {"style": "b", "credit": ""}]
    write_meta(root / "pyramid", replace(meta, licences=[*wanted, wanted[0]]))
    after = _render(root, "credited")
    without = ["losses.csv", "losses.png", "metrics.csv", "metrics.png"]
    assert [name for name in before if before[name] == after[name]] == without
    for name in set(before) - set(without):
        with Image.open(root / "render" / name) as plain, Image.open(root / "credited" / name) as credited:
            assert credited.height > plain.height, name
            assert getattr(credited, "n_frames", 1) == getattr(plain, "n_frames", 1)
            left = (credited.width - plain.width) // 2
            below = np.asarray(credited.convert("L"))[plain.height :]
            assert below.max() > 200, name  # letters
            if name.endswith(".png"):
                upper = credited.crop((left, 0, left + plain.width, plain.height))
                assert np.array_equal(np.asarray(upper), np.asarray(plain)), name
    write_meta(root / "pyramid", replace(meta, licences=[wanted[1]]))
    assert _render(root, "free") == before


@pytest.mark.parametrize("width", [40, 300, 2000])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_long_credit_is_broken_into_lines(width: int, mode: str) -> None:
    picture = Image.new(mode, (width, 50))
    credit = "“A work of many words and more of them” by Somebody With Several Names, CC BY 4.0, adapted"
    one, two = credited(picture, [credit]), credited(picture, [credit] * 2)
    assert one.mode == mode
    assert one.width == two.width >= width
    assert two.height - one.height >= text_size(width)
    edges = np.asarray(one.convert("L"))[50:, [0, -1]]
    assert len(np.unique(edges)) == 1  # no letter is cut off
    assert credited(picture, []) is picture


def test_foreign_files_stay_and_a_failure_keeps_the_old_pictures(experiment: Experiment) -> None:
    root = experiment(CHAIN)
    (root / "render").mkdir()
    (root / "render" / "notes.txt").write_text("mine")
    before = _render(root)
    assert "notes.txt" in before
    (root / "pyramid" / "images_8.npy").unlink()
    with pytest.raises(SystemExit):
        _render(root)
    kept = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in (root / "render").glob("*.*")}
    assert kept == {name: digest for name, digest in before.items() if "/" not in name}
    assert not list(root.glob(".*part"))


def test_a_full_disk_is_one_line(
    experiment: Experiment, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = experiment({"a": ("fixed", "init", 4)})

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device", "samples.png")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(SystemExit) as stop:
        _render(root)
    assert stop.value.code == 1
    assert (
        capsys.readouterr().err
        == f"error: {root / 'render'}: cannot be written: No space left on device; make room, or choose another place\n"
    )
    assert not (root / "render").exists()
    assert not list(root.glob(".*part"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p["render"].update(colums=4), "render.colums: unknown parameter; did you mean 'columns'?"),
        (lambda p: p["render"].pop("tile"), "render.tile: missing"),
        (lambda p: p["render"].update(rows=0), "render.rows: must be greater than or equal to 1, found 0"),
        (lambda p: p["render"].update(frame_ms=125), "render.frame_ms: must be a multiple of 10, found 125"),
        (lambda p: p["render"]["colors"].update(critic_fake="orang"), "'orang' is no colour; did you mean 'orange'?"),
        (lambda p: p["render"]["transitions"].update(pairs=5), "render.transitions: 5 pairs need 10 latents, found 8"),
        (lambda p: p["render"]["interpolation"].update(latents=1), "render.interpolation.latents: must be"),
        (lambda p: p.pop("seed"), "seed: missing"),
        (lambda p: p.pop("phases"), "phases: expected a mapping"),
    ],
)
def test_wrong_parameters_are_one_line(
    experiment: Experiment, capsys: pytest.CaptureFixture[str], change: Callable[[Any], Any], message: str
) -> None:
    root = experiment({"a": ("fixed", "init", 4)})
    _change(root, change)
    line = _error(root, capsys)
    assert message in line
    assert "params.yaml: " in line


def test_wrong_files_are_one_line(experiment: Experiment, capsys: pytest.CaptureFixture[str]) -> None:
    root = experiment(CHAIN)
    assert "nowhere: no pyramid here (meta.json is missing)" in _error(root, capsys, pyramid="nowhere")
    final, before = root / "train" / "stabilize_8", root / "train" / "stabilize_4"
    good = (final / "checkpoint.pt").read_bytes()
    (final / "checkpoint.pt").write_bytes((before / "checkpoint.pt").read_bytes())
    assert "checkpoint.pt has 4 pixels, summary.json 8" in _error(root, capsys)
    (final / "checkpoint.pt").write_bytes(b"junk")
    assert "not a pgan checkpoint" in _error(root, capsys)
    (final / "checkpoint.pt").write_bytes(good)
    (final / "losses.csv").write_text("kimg\n")
    assert "losses.csv: no column 'total_kimg'" in _error(root, capsys)


def test_a_phase_that_was_not_evaluated_is_one_line(experiment: Experiment, capsys: pytest.CaptureFixture[str]) -> None:
    root = experiment(CHAIN)
    (root / "evaluate" / "grow_8" / "metrics.json").unlink()
    assert "grow_8/metrics.json: no such file; evaluate the phase 'grow_8' first" in _error(root, capsys)


def test_other_metrics_change_their_picture_and_table_alone(experiment: Experiment) -> None:
    root = experiment({"a": ("fixed", "init", 4)})
    before = _render(root)
    (root / "evaluate" / "a" / "metrics.json").write_text('{"frechet": 3.5}')
    after = _render(root)
    assert [name for name in before if before[name] != after[name]] == ["metrics.csv", "metrics.png"]


def test_a_pyramid_of_other_channels_is_one_line(experiment: Experiment, capsys: pytest.CaptureFixture[str]) -> None:
    root = experiment({"a": ("fixed", "init", 4)})
    np.save(root / "pyramid" / "images_4.npy", np.zeros((3, 3, 4, 4), np.uint8))
    assert "3 images of 3 channels, but the generator was trained on 1" in _error(root, capsys)


def test_reals_have_one_class_per_column(experiment: Experiment) -> None:
    root = experiment({"a": ("fixed", "init", 4)}, classes=3)
    images = np.zeros((30, 1, 4, 4), np.uint8) + (np.arange(30) % 3 * 50).astype(np.uint8)[:, None, None, None]
    np.save(root / "pyramid" / "images_4.npy", images)
    generator: Any = SimpleNamespace(resolution=4, channels=1, classes=3)
    tiles = real_tiles(root / "pyramid", generator, count=40, columns=2, seed=0)
    assert tiles[:, 0, 0, 0].tolist() == [0, 50] * 20  # 20 of each, though there are 10: a class begins anew
    np.save(root / "pyramid" / "labels.npy", np.zeros(30, np.int64))
    with pytest.raises(InputError, match="no image of class 1"):
        real_tiles(root / "pyramid", generator, count=4, columns=2, seed=0)


def test_reals_are_drawn_from_all_over_the_data_without_repetition(experiment: Experiment) -> None:
    root = experiment({"a": ("fixed", "init", 4)})
    np.save(
        root / "pyramid" / "images_4.npy",
        np.zeros((200, 1, 4, 4), np.uint8) + np.arange(200, dtype=np.uint8)[:, None, None, None],
    )
    generator: Any = SimpleNamespace(resolution=4, channels=1, classes=0)
    values = real_tiles(root / "pyramid", generator, count=50, columns=5, seed=0)[:, 0, 0, 0].tolist()
    assert len(set(values)) == 50
    assert min(values) < 50 < 150 < max(values)
    assert len(real_tiles(root / "pyramid", generator, count=900, columns=5, seed=0)) == 200


def test_real_and_generated_images_stand_side_by_side(settings: Render) -> None:
    red, blue = np.array([200, 10, 90], np.uint8), np.array([10, 90, 200], np.uint8)
    real, fake = (color[None, :, None, None].repeat(6, 0).repeat(8, 2).repeat(8, 3) for color in (red, blue))
    picture = np.asarray(real_vs_fake_picture(real, fake, 3, settings))
    half = picture.shape[1] // 2
    for side, color in ((picture[:, :half], red), (picture[:, half:], blue)):
        assert (side == color).all(axis=2).sum() == 6 * 16 * 16
    assert samples_picture(real, 3, settings).width < half


def test_help_needs_no_heavy_import() -> None:
    code = "import pgan.rendering.command, pgan.rendering.config, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "matplotlib", "scipy", "numpy", "PIL"} & set(loaded)
