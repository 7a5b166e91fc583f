"""verification/fidelity.py: holds for official pairs of every kind, and fails where something is wrong."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from oracles import official_reference as official
from test_official import OPTIONS, written

from pgan.training import losses
from verification import losses as fidelity_losses
from verification import metrics, rounding
from verification.fidelity import main, metric_table
from verification.losses import unresolved
from verification.page import INTRODUCTION, table
from verification.pair import Pair
from verification.rounding import retried
from verification.rows import largest, relative

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT.parent / "shared/fixtures/official"
needs_fixtures = pytest.mark.skipif(not FIXTURES.is_dir(), reason="the official fixtures of ../shared are not here")


def pair(tmp_path, changes=None, fix=None, **options):
    """Files of a pair that the reference computed; `fix` changes the arrays."""
    g, d, values = official.networks(**(changes or {}))
    arrays = official.fixture(g, d, values, **options)
    if fix:
        fix(arrays)
    np.savez(tmp_path / "a.npz", **arrays)
    return [str(written(tmp_path / "a.pkl", g, d, values)), str(tmp_path / "a.npz")]


@needs_fixtures
@pytest.mark.parametrize(
    ("name", "precision"),
    [
        ("gray16", []),
        ("gray16", ["--float64"]),
        ("rgb32_labels_fused", []),
        pytest.param("rgb32_labels_fused", ["--float64"], marks=pytest.mark.slow),  # tries many roundings
    ],
)
def test_the_official_fixtures_are_met(name, precision, capsys):
    assert main([str(FIXTURES / f"{name}.pkl"), str(FIXTURES / f"{name}.npz"), *precision]) == 0
    table = capsys.readouterr().out
    assert "**no**" not in table
    for quantity in (
        "images of G ",
        "images of Gs",
        "scores",
        "loss terms",
        "gradients of D",
        "gradients of G",
        "Adam",
    ):
        assert f"| {quantity}" in table or quantity in table
    assert "Missing" not in table


SOME = {
    "all at once": {"label_size": 3, "num_channels": 3, "fmap_decay": 0.5},
    "not fused": {"fused_scale": False, "label_size": 3},
    "4 pixels": {"resolution": 4},
    "plain": {
        "use_wscale": False,
        "g_changes": {"use_pixelnorm": False, "use_leakyrelu": False, "normalize_latents": False},
        "d_changes": {"mbstd_group_size": 0},
    },
    "D fused, G not": {"g_changes": {"fused_scale": False}},
}


@pytest.mark.parametrize("options", SOME.values(), ids=SOME)
def test_pairs_of_other_options_are_met(options, tmp_path, capsys):
    assert main(pair(tmp_path, options)) == 0, capsys.readouterr().out
    assert "Missing" not in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("option", OPTIONS)
def test_pairs_of_every_option_are_met(option, tmp_path, capsys):
    assert main(pair(tmp_path, OPTIONS[option])) == 0, capsys.readouterr().out
    assert "Missing" not in capsys.readouterr().out


@pytest.mark.parametrize("loss_lod", [0.0, 1.5, 2.0])
def test_losses_at_any_level_of_detail_are_met(loss_lod, tmp_path, capsys):
    changes = {"label_size": 3, "num_channels": 3}
    assert main(pair(tmp_path, changes, loss_lod=loss_lod)) == 0, capsys.readouterr().out


def scaled(name, factor):
    def fix(arrays):
        arrays[name] = arrays[name] * np.float32(factor)

    return fix


def moved(prefix):
    def fix(arrays):
        for name in arrays:
            if name.startswith(prefix):
                arrays[name] = arrays[name] + np.float32(1e-4)

    return fix


@pytest.mark.parametrize(
    ("fix", "quantity"),
    [
        (moved("G_lod1"), "images of G "),
        (moved("Gs_lod6"), "images of Gs "),
        (scaled("D_scores_lod3", 1.001), "scores of D"),
        (scaled("D_labels_lod3", 1.001), "label logits of D"),
        (scaled("loss_mixed_norms", 1.01), "loss terms"),
        (scaled("loss_label_penalty_fakes", 1.01), "loss terms"),
        (scaled("D_loss", 1.002), "losses"),
        (scaled("G_loss", 1.002), "losses"),
        (scaled("D_grad/8x8/Conv1_down/weight", 1.003), "gradients of D's loss"),
        (scaled("G_grad/ToRGB_lod1/bias", 1.003), "gradients of G's loss"),
        (moved("D_grad/FromRGB_lod2/bias"), "gradients of D's loss"),
        (scaled("D_adam_losses", 1.003), "critic's loss over five Adam steps"),
        (moved("D_adam5/4x4/Dense0/weight"), "D after five Adam steps"),
        (moved("D_var/4x4/Conv/weight"), "variables"),
        (scaled("G_lod2", np.nan), "images of G "),
    ],
)
def test_whatever_is_wrong_is_found(fix, quantity, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(rounding, "NOISES", rounding.NOISES[::24])
    assert main(pair(tmp_path, {"label_size": 3}, fix)) == 1
    failed = [line for line in capsys.readouterr().out.splitlines() if "**no**" in line]
    assert len(failed) == 1
    assert failed[0].startswith(f"| {quantity}")


def test_a_gradient_of_what_is_not_in_use_must_be_zero(tmp_path, capsys):
    def fix(arrays):
        assert not arrays["D_grad/FromRGB_lod0/weight"].any()
        arrays["D_grad/FromRGB_lod0/weight"] += 1

    assert main(pair(tmp_path, fix=fix, loss_lod=1.25)) == 1
    assert "D_grad/FromRGB_lod0/weight" in capsys.readouterr().out


def test_no_rounding_undoes_a_fault_in_the_code(tmp_path, monkeypatch):
    files = pair(tmp_path)
    monkeypatch.setattr(rounding, "NOISES", rounding.NOISES[::4])
    monkeypatch.setattr(fidelity_losses, "OFFICIAL", fidelity_losses.OFFICIAL.model_copy(update={"drift": 0.0}))
    assert main(files) == 1


def test_an_activation_whose_sign_hangs_on_rounding_is_no_failure(tmp_path, capsys, monkeypatch):
    """One pixel that the first layer maps to 0 but for its last digits: correct gradients may take either slope."""
    g, d, values = official.networks(resolution=4)
    arrays = official.fixture(g, d, values, batch=4, loss_lod=0.0)
    weight, bias = (values["D"][f"FromRGB_lod0/{part}"] for part in ("weight", "bias"))
    arrays["reals"][0, 0, 0, 0] = -bias[0] / (weight[0, 0, 0, 0] * np.sqrt(2))
    z, y, u = (torch.from_numpy(arrays[name]) for name in ("latents", "labels", "mix"))
    graphs = {role: official.Graph(role, d if role == "D" else g, values[role]) for role in ("G", "D")}
    kept = {name: arrays[name] for name in ("latents", "labels", "reals", "mix", "loss_lod")}
    plainly = []
    for side in (1 - 1e-6, 1 + 1e-6):
        reals = torch.from_numpy(arrays["reals"]).clone()
        reals[0, 0, 0, 0] *= side
        _, loss = official.critic_loss(graphs["G"], graphs["D"], z, y, reals, u, 0.0)
        np.savez(tmp_path / "a.npz", **kept, **official.gradients("D", graphs["D"], loss))
        files = [str(written(tmp_path / "a.pkl", g, d, values)), str(tmp_path / "a.npz")]
        assert main([*files, "--partial"]) == 0, capsys.readouterr().out
        noted = "with rounding |" in capsys.readouterr().out
        with monkeypatch.context() as patch:
            patch.setattr(rounding, "NOISES", ())
            plainly.append(main([*files, "--partial"]))
        assert noted == (plainly[-1] == 1)
    assert 1 in plainly


def test_what_a_file_does_not_hold_is_a_failure_unless_partial(tmp_path, capsys):
    gone = ("D_adam", "G_grad/8x8", "loss_drift", "Gs_lod", "G_lod1")

    def fix(arrays):
        for name in [name for name in arrays if name.startswith(gone)]:
            del arrays[name]

    names = ("D_adam5/…", "G_grad/8x8/Conv1/weight", "loss_drift", "Gs_lod0", "G_lod1", "D_adam_losses")
    files = pair(tmp_path, fix=fix)
    assert main(files) == 1
    told = capsys.readouterr()
    assert told.err.count("\n") == 1
    assert main([*files, "--partial"]) == 0
    partial = capsys.readouterr()
    assert partial.err == ""
    for name in names:
        assert name in told.err
        assert f"`{name}`" in told.out.split("Missing, so not compared:")[1]
    assert partial.out == told.out
    assert "| images of Gs" not in told.out


@pytest.mark.parametrize("name", ["lods", "loss_lod", "mix", "reals", "latents", "labels"])
def test_an_input_that_is_missing_is_a_failure(name, tmp_path, capsys):
    def fix(arrays):
        del arrays[name]

    assert main(pair(tmp_path, {"resolution": 4}, fix, loss_lod=0.0)) == 1
    assert name in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", ["D_grad/4x4/Dense2/bias", "G_grad/x", "G_var/x", "D_adam5/x", "Gs_var/x", "D_var/x", "G_lod9", "H_lod0"]
)
def test_arrays_that_cannot_be_placed_end_in_one_line(name, tmp_path, capsys):
    def fix(arrays):
        arrays[name] = np.zeros(3, np.float32)

    with pytest.raises(SystemExit) as stop:
        main(pair(tmp_path, {"resolution": 4}, fix, loss_lod=0.0))
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert name in error


def test_arrays_that_were_not_compared_are_named(tmp_path, capsys):
    def fix(arrays):
        arrays["notes"] = np.zeros(3, np.float32)

    assert main(pair(tmp_path, {"resolution": 4}, fix, loss_lod=0.0)) == 0
    assert "In the file, but not compared: `notes`." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("G_lod0", lambda a: a[:1]),
        ("D_scores_lod0", lambda a: a[:1]),
        ("D_scores_lod0", lambda a: a.reshape(2, -1)),
        ("D_labels_lod0", lambda a: a[:, :1]),
        ("loss_drift", lambda a: a.mean()),
        ("loss_mixed_norms", lambda a: a[None]),
        ("D_loss", lambda a: a[None]),
        ("D_grad/4x4/Dense1/bias", lambda a: a[0]),
        ("G_grad/4x4/Conv/weight", lambda a: a.swapaxes(0, 2)[:, :1]),
        ("D_adam5/4x4/Dense0/weight", lambda a: a[:1]),
        ("D_adam_losses", lambda a: a[:1]),
        ("D_var/4x4/Conv/bias", lambda a: a[:1]),
        ("reals", lambda a: a[:1]),
        ("latents", lambda a: a[:, 1:]),
        ("mix", lambda a: a.ravel()),
        ("labels", lambda a: a[:, :2]),
        ("lods", lambda a: a[None]),
        ("lods", lambda a: a * np.nan),
        ("loss_lod", lambda a: a[None]),
        ("D_loss", lambda a: np.array("one")),
    ],
)
def test_arrays_of_another_shape_or_type_end_in_one_line(name, shape, tmp_path, capsys):
    def fix(arrays):
        arrays[name] = shape(np.asarray(arrays[name]))

    with pytest.raises(SystemExit) as stop:
        main(pair(tmp_path, {"resolution": 4, "label_size": 3}, fix, loss_lod=0.0))
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert name in error


@pytest.mark.parametrize("fault", [lambda norms: norms.bfloat16().float(), lambda norms: norms * 1.02])
def test_a_fault_in_float32_alone_is_found(fault, tmp_path, capsys, monkeypatch):
    """float64 would compute around it."""
    files = pair(tmp_path)
    plain = losses.score_and_gradient

    def faulty(*arguments):
        scores, logits, gradient = plain(*arguments)
        norms = gradient.square().sum((1, 2, 3), keepdim=True).sqrt()
        return scores, logits, gradient if norms.dtype == torch.float64 else gradient * (fault(norms) / norms)

    monkeypatch.setattr(rounding, "NOISES", rounding.NOISES[::6])
    monkeypatch.setattr(losses, "score_and_gradient", faulty)
    assert main(files) == 1
    assert "| **no** |" in capsys.readouterr().out
    assert main([*files, "--float64"]) == 0


def test_rounding_excuses_gradients_alone_and_no_large_deviation(tmp_path, capsys):
    def rows_of(pair):
        first = 0.0 if pair.noise else 1.0
        yield from largest("near", "", 0.1, {"a": first}, retry=True)
        yield from largest("far", "", 0.04, {"a": first}, retry=True)
        yield from largest("a loss", "", 0.1, {"a": first})

    pair_ = Pair((), None, None, torch.float32, {})
    rows = retried(rows_of, pair_)
    assert [(row.quantity, row.held) for row in rows] == [("near", True), ("far", False), ("a loss", False)]
    assert rows[0].plain.deviation == 1.0


def test_what_float32_does_not_resolve_is_named_with_its_deviation():
    both = {"large": (torch.ones(4) * 1e3, torch.ones(4) * 1e3), "small": (torch.tensor([2e-5]), torch.tensor([1e-5]))}
    found = {name: relative(name, *tensors) for name, tensors in both.items()}
    assert found["small"] == pytest.approx(1)
    below = unresolved(both, found, 1e-3)
    (row,) = largest("gradients", "relative norm", 1e-3, found, below, True)
    assert row.held
    assert (row.deviation, row.worst) == (found["small"], "small")
    assert "small (1.0e+00)" in table("a", [row], Arrays())
    both["small"] = (torch.tensor([1e-3]), torch.tensor([1e-5]))
    assert unresolved(both, {**found, "small": 99.0}, 1e-3) == []


class Arrays(dict):
    """A file of which there is nothing to say."""

    missing = unused = ()


@pytest.mark.slow
def test_the_script_measures_the_package_beside_it(tmp_path):
    (tmp_path / "pgan").mkdir()
    (tmp_path / "pgan/__init__.py").write_text("raise SystemExit('another pgan')")
    command = [sys.executable, ROOT / "benchmarks/fidelity.py", "--help"]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(tmp_path)}, cwd=tmp_path, capture_output=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("content", [b"hello", None])
def test_files_that_are_none_end_in_one_line(content, tmp_path, capsys):
    files = pair(tmp_path)
    if content is None:
        Path(files[1]).unlink()
    else:
        Path(files[1]).write_bytes(content)
    with pytest.raises(SystemExit) as stop:
        main(files)
    assert stop.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


@needs_fixtures
@pytest.mark.slow
def test_metrics_are_met(monkeypatch):
    monkeypatch.setattr(metrics, "SWD_SEEDS", 2)
    text, held = metric_table(FIXTURES / "metrics.npz")
    assert held, text
    for quantity in ("Laplacian pyramids", "sliced Wasserstein distance", "MS-SSIM", "Fréchet distance"):
        assert f"| {quantity}" in text


@needs_fixtures
def test_the_page_in_docs_is_this_script_s():
    page = (ROOT / "docs/fidelity.md").read_text(encoding="utf-8")
    assert page.startswith(INTRODUCTION)
    assert [line for line in page.splitlines() if line.startswith("## ")] == [
        "## gray16, float32",
        "## gray16, float64",
        "## rgb32_labels_fused, float32",
        "## rgb32_labels_fused, float64",
        "## metrics",
    ]
    assert "**no**" not in page
