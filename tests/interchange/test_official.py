"""Official networks as ours: every option gives the same function, and what cannot be is named and refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from oracles import official_reference as official
from typer.testing import CliRunner

from pgan.cli import app
from pgan.errors import InputError
from pgan.interchange.official import import_official
from pgan.interchange.official_pickle import read_official
from pgan.interchange.variables import variables_of
from pgan.networks import checkpoint

FIXTURES = Path(__file__).parents[3] / "shared/fixtures/official"


def written(path, g, d, values, changes=None, protocol=4):
    """A pickle of networks; `changes` of their states by role."""
    changes = changes or {}
    states = [
        official.state(role, d if role == "D" else g, values[role], **changes.get(role, {}))
        for role in ("G", "D", "Gs")
    ]
    path.write_bytes(official.pickled(states, protocol))
    return path


OPTIONS = {
    "as they are": {},
    "not fused": {"fused_scale": False},
    "labels": {"label_size": 5},
    "labels, not fused": {"label_size": 5, "fused_scale": False},
    "colour": {"num_channels": 3},
    "4 pixels": {"resolution": 4},
    "8 pixels": {"resolution": 8, "fused_scale": False},
    # with one map at the last level, pixel norm leaves little but a sign that rounding can flip: with 64, the official
    # network's own images in float32 and float64 differ by 1.2e-3, with 256 by 1.6e-5
    "64 pixels": {"resolution": 64, "num_channels": 3, "fmap_base": 256},
    "no pixel norm": {"g_changes": {"use_pixelnorm": False}},
    "no wscale": {"use_wscale": False},
    "relu": {"g_changes": {"use_leakyrelu": False}},
    "relu, given to both": {"g_changes": {"use_leakyrelu": False}, "d_changes": {"use_leakyrelu": False}},
    "latents not normalised": {"g_changes": {"normalize_latents": False}},
    "nothing normalised": {
        "g_changes": {"normalize_latents": False, "use_pixelnorm": False, "pixelnorm_epsilon": 1e-4}
    },
    "fmap_base": {"fmap_base": 100},
    "fmap_decay": {"fmap_decay": 0.5},
    "fmap_max": {"fmap_max": 9},
    "constant width": {"fmap_decay": 0.0},
    "latent_size": {"g_changes": {"latent_size": 24}},
    "no stddev": {"d_changes": {"mbstd_group_size": 0}},
    "no stddev, as a group of one": {"d_changes": {"mbstd_group_size": 1}},
    "stddev over all": {"d_changes": {"mbstd_group_size": 16}},
    "stddev in pairs": {"d_changes": {"mbstd_group_size": 2}},
    "G fused, D not": {"d_changes": {"fused_scale": False}},
    "D fused, G not": {"g_changes": {"fused_scale": False}},
    "converted from Theano": {
        "fused_scale": False,
        "g_changes": {"mbstd_group_size": 16},
        "d_changes": {"mbstd_group_size": 16},
    },
    "without effect": {"g_changes": {"structure": "linear", "is_template_graph": False, "use_batchnorm": False}},
}


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_gives_the_same_function_at_every_level_of_detail(option, tmp_path):
    g, d, values = official.networks(**OPTIONS[option])
    ours, lod = import_official(written(tmp_path / "a.pkl", g, d, values))
    assert (ours.resolution, lod) == (g["resolution"], 0.0)
    theirs = {role: official.Graph(role, d if role == "D" else g, values[role], torch.float64) for role in values}
    z = torch.randn(8, ours.config.latent_dimensions, dtype=torch.float64)
    labels = torch.arange(8) % max(1, g["label_size"])
    one_hot = torch.nn.functional.one_hot(labels, g["label_size"]).double() if g["label_size"] else z[:, :0]
    images = torch.randn(8, g["num_channels"], g["resolution"], g["resolution"], dtype=torch.float64)
    with torch.no_grad():
        for lod in (0.0, 0.3, 1.0, 1.75, 2.0):
            k = min(int(lod), theirs["G"].top - 2)
            alpha = 1 - (lod - k) if k < theirs["G"].top - 2 else 1.0
            at = checkpoint.shrink(ours, ours.resolution >> k)
            for network, role in ((at.generator, "G"), (at.ema, "Gs")):
                full = theirs[role].generate(z, one_hot, lod)
                image = network.double()(z, labels, alpha)
                assert torch.allclose(image.repeat_interleave(2**k, 2).repeat_interleave(2**k, 3), full, atol=1e-5)
            scores, logits = at.critic.double()(torch.nn.functional.avg_pool2d(images, 2**k), alpha)
            their_scores, their_logits = theirs["D"].judge(images, lod)
            assert torch.allclose(scores, their_scores[:, 0], atol=1e-5)
            assert torch.allclose(logits, their_logits, atol=1e-5)


@pytest.mark.parametrize("option", OPTIONS)
def test_every_variable_comes_over_unchanged(option, tmp_path):
    g, d, values = official.networks(**OPTIONS[option])
    ours, _ = import_official(written(tmp_path / "a.pkl", g, d, values))
    for role, network in (("G", ours.generator), ("D", ours.critic), ("Gs", ours.ema)):
        parameters = network.state_dict()
        for variable in variables_of(role, ours.resolution, values[role]):
            theirs, mine = values[role].pop(variable.name), parameters.pop(variable.parameter)
            assert np.array_equal(np.sort(theirs, axis=None), np.sort(mine.numpy(), axis=None))
        assert not values[role]
        assert not parameters


@pytest.mark.parametrize("protocol", range(6))
def test_pickles_of_every_protocol(protocol, tmp_path):
    g, d, values = official.networks(label_size=2)
    one, _ = import_official(written(tmp_path / "a.pkl", g, d, values, protocol=protocol))
    other, _ = import_official(written(tmp_path / "b.pkl", g, d, values))
    assert all(torch.equal(p, q) for p, q in zip(one.critic.parameters(), other.critic.parameters(), strict=True))


def test_what_the_arguments_leave_out_is_read_from_the_variables(tmp_path):
    g, d, values = official.networks(label_size=0, num_channels=3, fused_scale=False, latent_size=24)
    kept = ("fmap_base", "fmap_max", "use_pixelnorm")
    few = {role: {"static_kwargs": {key: g[key] for key in kept}} for role in ("G", "D", "Gs")}
    config = import_official(written(tmp_path / "a.pkl", g, d, values, few))[0].config
    assert (config.channels, config.latent_size, config.fused_scale, config.minibatch_stddev) == (3, 24, False, 4)
    assert (config.equalized_lr, config.leaky_slope, config.normalize_latents) == (True, 0.2, True)


def test_sizes_may_be_numpy_s_numbers(tmp_path):
    g, d, values = official.networks(resolution=np.int64(16), fmap_base=np.float64(64))
    assert import_official(written(tmp_path / "a.pkl", g, d, values))[0].config.fmap_base == 64


def edit(values, role, name, change):
    values[role][name] = change(values[role][name])


REFUSED = {
    "pixelnorm_epsilon": ({"g_changes": {"pixelnorm_epsilon": 1e-4}}, r"pixelnorm_epsilon=0\.0001 cannot"),
    "dtype": ({"g_changes": {"dtype": "float16"}, "d_changes": {"dtype": "float16"}}, "dtype='float16' cannot"),
    "tanh_at_end": ({"g_changes": {"tanh_at_end": 1.0}}, r"G: the option tanh_at_end=1\.0 is not known"),
    "use_layernorm": ({"d_changes": {"use_layernorm": True}}, "D: the option use_layernorm=True is not known"),
    "mbdisc_kernels": ({"d_changes": {"mbdisc_kernels": 100}}, "D: the option mbdisc_kernels=100 is not known"),
    "two channels": ({"num_channels": 2}, "channels: .*found 2"),
    "fmap_max differs": ({"d_changes": {"fmap_max": 8}}, "fmap_max: D has 8, G 16"),
    "use_wscale differs": ({"d_changes": {"use_wscale": False}}, "use_wscale: D has False, G True"),
    "negative decay": ({"fmap_decay": -0.5}, r"fmap_decay: .*found -0\.5"),
    "odd fmap_base": ({"fmap_base": 64.5}, r"fmap_base=64\.5 is out of range"),
    "words": ({"g_changes": {"use_pixelnorm": "yes"}}, "use_pixelnorm='yes' should be of type bool"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_represented_is_named(case, tmp_path):
    changes, message = REFUSED[case]
    with pytest.raises(InputError, match=message) as error:
        import_official(written(tmp_path / "a.pkl", *official.networks(**changes)))
    assert str(error.value).startswith(f"{tmp_path}/a.pkl: ")
    assert "\n" not in str(error.value)


WIDE = {"static_kwargs": {"fmap_base": 2**30, "fmap_max": 2**20, "fmap_decay": 0.0}}
STATES = {
    "all far too wide": (
        {"G": WIDE, "D": WIDE, "Gs": WIDE},
        r"networks of [0-9,]+ parameters at 16 pixels exceed the limit of .*; lower networks\.fmap_base",
    ),
    "other function": ({"G": {"build_func_name": "G_style"}}, "G: built by 'G_style'"),
    "other version": ({"D": {"version": 1}}, "D: a network of format version 1"),
    "no variables": ({"D": {"variables": None}}, "D: variables are missing"),
    "no arguments": ({"Gs": {"static_kwargs": None}}, "Gs: static_kwargs are missing"),
    "a variable of text": ({"G": {"variables": [("4x4/Dense/weight", "x")]}}, "no array of floating-point numbers"),
    "integers": ({"G": {"variables": [("4x4/Dense/weight", np.zeros(3, int))]}}, "no array of floating-point numbers"),
    "lod": ({"G": {"variables": [("lod", np.float32(-1))]}}, "lod is no level of detail"),
    "lod is nan": ({"G": {"variables": [("lod", np.float32("nan"))]}}, "lod is no level of detail"),
    "huge width": ({"G": {"static_kwargs": {"fmap_base": 2**30, "fmap_max": 2**30}}}, "fmap_base"),
    "huge decay": (
        {role: {"static_kwargs": {"fmap_decay": 1e6}} for role in ("G", "D", "Gs")},
        r"fmap_decay",
    ),
    "resolution": ({"G": {"static_kwargs": {"resolution": 32}}}, "resolution: the arguments of G has 32"),
    "labels": (
        {role: {"static_kwargs": official.G_OPTIONS | {"label_size": 3}} for role in ("G", "Gs")},
        "label_size: D has 0, G 3",
    ),
    "fused": ({"D": {"static_kwargs": {"fused_scale": False}}}, "fused_scale: the arguments of D has False"),
    "stddev": ({"D": {"static_kwargs": {"mbstd_group_size": 0}}}, "mbstd_group_size=0, but 4x4/Conv/weight has 17"),
}


@pytest.mark.parametrize("case", STATES)
def test_states_that_contradict_themselves_are_refused(case, tmp_path):
    changes, message = STATES[case]
    g, d, values = official.networks()
    with pytest.raises(InputError, match=message) as error:
        import_official(written(tmp_path / "a.pkl", g, d, values, changes))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("role", "name", "change", "message"),
    [
        ("G", "8x8/Conv1/weight", None, "G: the variable 8x8/Conv1/weight is missing"),
        ("D", "4x4/Dense1/weight", None, "D: the variable 4x4/Dense1/weight is missing"),
        ("Gs", "8x8/Noise", np.zeros(1, np.float32), "Gs: the variable 8x8/Noise cannot be represented"),
        ("D", "8x8/Conv0/bias", np.zeros(3, np.float32), r"D: the variable 8x8/Conv0/bias has the shape \(3,\)"),
        ("G", "8x8/Conv1/weight", np.zeros(3, np.float32), r"G: the variable 8x8/Conv1/weight has the shape \(3,\)"),
        ("G", "4x4/Dense/weight", np.zeros(3, np.float32), r"4x4/Dense/weight has the shape \(3,\)"),
    ],
)
def test_variables_that_do_not_fit_are_named(role, name, change, message, tmp_path):
    g, d, values = official.networks()
    values[role].pop(name, None)
    if change is not None:
        values[role][name] = change
    with pytest.raises(InputError, match=message):
        import_official(written(tmp_path / "a.pkl", g, d, values))


def test_a_pickle_of_something_else_is_refused(tmp_path):
    import pickle

    g, _, values = official.networks()
    one = official.pickled([official.state("G", g, values["G"])])
    for content in (pickle.dumps([1, 2, 3]), pickle.dumps({}), one):
        (tmp_path / "a.pkl").write_bytes(content)
        with pytest.raises(InputError, match=r"expected the three networks|not a network of the official code"):
            read_official(tmp_path / "a.pkl")


def test_pgan_import_writes_a_checkpoint_and_says_what_it_is(tmp_path):
    g, d, values = official.networks(label_size=3, num_channels=3)
    pickle = written(tmp_path / "a.pkl", g, d, values)
    out = tmp_path / "sub" / "a.pt"
    result = CliRunner().invoke(app, ["import", str(pickle), str(out)])
    assert result.exit_code == 0, result.output
    assert result.output == f"{out}: 16×16, RGB, latent 16, 3 labels, fused\n"
    loaded = checkpoint.load(out)
    assert loaded.progress == checkpoint.Progress("imported", "stabilize", 0, 0)
    assert loaded.config.classes == 3


def test_networks_at_a_lower_level_of_detail_come_whole_and_it_is_said(tmp_path):
    g, d, values = official.networks()
    changes = {"Gs": {"variables": [("lod", np.float32(1.0)), *values["Gs"].items()]}}
    pickle = written(tmp_path / "a.pkl", g, d, values, changes)
    result = CliRunner().invoke(app, ["import", str(pickle), str(tmp_path / "a.pt")])
    assert "saved at level of detail 1, thus trained up to 8×8" in result.output
    assert checkpoint.load(tmp_path / "a.pt").resolution == 16


def test_pgan_import_leaves_what_stood_there_when_it_fails(tmp_path):
    (tmp_path / "a.pkl").write_bytes(b"hello")
    (tmp_path / "a.pt").write_text("before")
    result = CliRunner().invoke(app, ["import", str(tmp_path / "a.pkl"), str(tmp_path / "a.pt")])
    assert result.exit_code == 2
    assert result.output.startswith(f"error: {tmp_path}/a.pkl: a text file ('hello'), not a pickle of the official")
    assert (tmp_path / "a.pt").read_text() == "before"


@pytest.mark.skipif(not FIXTURES.is_dir(), reason="the official fixtures of ../shared are not here")
@pytest.mark.parametrize(
    ("name", "resolution", "classes", "fused"), [("gray16", 16, 0, False), ("rgb32_labels_fused", 32, 10, True)]
)
def test_the_official_fixtures(name, resolution, classes, fused):
    ours, lod = import_official(FIXTURES / f"{name}.pkl")
    assert (ours.resolution, ours.config.classes, ours.config.fused_scale, lod) == (resolution, classes, fused, 0.0)
