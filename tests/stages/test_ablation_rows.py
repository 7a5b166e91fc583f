"""The file of an ablation: the parameters of each row and seed, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from miniature import ROOT

from pgan.config import read_yaml
from pgan.errors import InputError
from pgan.presets.catalogue import read_preset
from stages.ablations.overrides import overrides
from stages.ablations.rows import FOLDER, Cell, Choice, cells, conditions, read_ablation

FILE: dict[str, Any] = {
    "title": "A test",
    "source": "nothing",
    "base": "digits",
    "total_kimg": 200,
    "set": {"phases.*.batch": 8, "training.drift": 0.5},
    "rows": {
        "plain": {"label": "plain"},
        "norm": {"label": "+ no pixel norm", "like": "plain", "set": {"networks.pixel_norm": False}},
        "both": {"label": "+ lr", "like": "norm", "set": {"phases.*.lr": 0.1, "training.drift": 0.0}},
        "longer": {"label": "longer", "like": "norm", "total_kimg": 400},
        "full": {
            "label": "from the start",
            "set": {
                "init.resolution": 64,
                "phases": {
                    "full": {"from": "init", "kind": "stabilize", "resolution": 64, "kimg": 1, "batch": 4, "lr": 0.1}
                },
            },
        },
    },
}


def made(content: dict[str, Any], folder: Path, choice: Choice | None = None) -> dict[str, dict[str, Any]]:
    """Parameters by row and seed, as in plain-0."""
    return {f"{cell.row}-{cell.seed}": cell.parameters for cell in run(content, folder, choice or Choice())}


def run(content: dict[str, Any], folder: Path, choice: Choice) -> list[Cell]:
    path = folder / "test.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return cells(*read_ablation(str(path)), choice)


def kimg(parameters: dict[str, Any]) -> list[float]:
    return [phase["kimg"] for phase in parameters["phases"].values()]


def test_a_row_has_the_base_the_shared_overrides_those_of_its_ancestors_and_its_own(tmp_path: Path) -> None:
    rows = made(FILE, tmp_path)
    assert list(rows) == ["plain-0", "norm-0", "both-0", "longer-0", "full-0"]
    assert {phase["batch"] for phase in rows["both-0"]["phases"].values()} == {8}
    assert {phase["lr"] for phase in rows["both-0"]["phases"].values()} == {0.1}
    assert [rows[f"{row}-0"]["networks"]["pixel_norm"] for row in ("plain", "norm", "both")] == [True, False, False]
    assert [rows[f"{row}-0"]["training"]["drift"] for row in ("plain", "norm", "both")] == [0.5, 0.5, 0.0]


def test_the_last_phase_goes_on_until_the_total_and_a_budget_scales_all(tmp_path: Path) -> None:
    rows = made(FILE, tmp_path)
    assert kimg(rows["plain-0"]) == [3, 6, 6, 9, 176]
    assert kimg(rows["longer-0"]) == [3, 6, 6, 9, 376]
    short = made(FILE, tmp_path, Choice(budget_kimg=2))
    assert kimg(short["plain-0"]) == pytest.approx([0.03, 0.06, 0.06, 0.09, 1.76])
    assert sum(kimg(short["longer-0"])) == pytest.approx(4)


def test_seeds_are_runs_of_their_own(tmp_path: Path) -> None:
    rows = made(FILE, tmp_path, Choice(rows=["norm", "plain"], seeds=2))
    assert list(rows) == ["norm-0", "plain-0", "norm-1", "plain-1"]
    assert [parameters["seed"] for parameters in rows.values()] == [0, 0, 1, 1]
    assert rows["norm-1"] == rows["norm-0"] | {"seed": 1}


def test_other_images_bring_their_measures_and_cut_the_phases(tmp_path: Path) -> None:
    content = read_yaml(ROOT / "params.yaml")
    content["prepare"]["resolution"] = 8
    content["phases"] = dict(list(content["phases"].items())[:3])
    content["evaluate"] |= {"images": 77, "target_resolution": 8}
    content["training"]["mirror"] = True
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    rows = made(FILE, tmp_path, Choice(data=str(tmp_path / "small.yaml")))
    plain, full = rows["plain-0"], rows["full-0"]
    assert list(plain["phases"]) == ["stabilize_4", "grow_8", "stabilize_8"]
    assert kimg(plain) == [3, 6, 191]
    assert full["init"]["resolution"] == full["phases"]["full"]["resolution"] == 8
    assert (plain["evaluate"]["images"], plain["training"]["mirror"]) == (77, True)

    (tmp_path / "images").mkdir()
    folder = made(FILE, tmp_path, Choice(rows=["plain"], data=str(tmp_path / "images")))["plain-0"]["prepare"]
    assert (folder["source"], folder["path"], folder["resolution"]) == ("folder", str(tmp_path / "images"), 32)


def test_a_tar_archive_packed_with_zstd_is_taken_too(tmp_path: Path) -> None:
    """Before Python 3.14, tarfile does not know it. What it holds is for `prepare` to say."""
    path = tmp_path / "faces.tar.zst"
    path.write_bytes(b"\x28\xb5\x2f\xfd" + bytes(99))
    assert made(FILE, tmp_path, Choice(data=str(path)))["plain-0"]["prepare"]["source"] == "tar"


def test_a_cut_chain_ends_with_the_target_that_the_whole_one_ended_with(tmp_path: Path) -> None:
    """The official critic's images are as large as the last phase's, whichever that is."""
    content = read_yaml(ROOT / "params.yaml")
    content["prepare"]["resolution"] = 32
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    file, rows = FILE | {"base": "progressive", "total_kimg": 20000}, ["plain", "full"]
    whole = made(file, tmp_path, Choice(rows=rows))["plain-0"]["phases"].values()
    assert [phase["gradient_target"] for phase in whole] == [32, 16, 16, 8, 8, 4, 4, 2, 2, None, None]
    cut = made(file, tmp_path, Choice(rows=rows, data=str(tmp_path / "small.yaml")))
    assert [phase["gradient_target"] for phase in cut["plain-0"]["phases"].values()] == [8, 4, 4, 2, 2, 1, 1]
    assert cut["full-0"]["phases"]["full"]["gradient_target"] is None


def test_the_command_line_has_the_last_word(tmp_path: Path) -> None:
    choice = Choice(overrides=(("networks.pixel_norm", True), ("phases.*.batch", 4)))
    both = made(FILE, tmp_path, choice)["both-0"]
    assert both["networks"]["pixel_norm"] is True
    assert {phase["batch"] for phase in both["phases"].values()} == {4}


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (Choice(rows=["z"]), "--rows: test has no row 'z', but plain, norm, both, longer, full"),
        (Choice(rows=[""]), "--rows: test has no row ''"),
        (Choice(seeds=0), "--seeds: 0 is not between 1 and 1000"),
        (Choice(budget_kimg=0.0), "--budget-kimg: 0.0 is not above 0"),
        (Choice(budget_kimg=float("nan")), "--budget-kimg: nan is not above 0"),
        (Choice(data="nowhere"), "--data: nowhere: no preset, no parameter file, and no folder"),
        (Choice(data="nowhere.yaml"), "nowhere.yaml: no such file"),
        (Choice(data="mnist-progressive"), "--data: mnist-progressive: its prepare.base is 7, but"),
        (Choice(data=__file__), f"--data: {__file__}: no preset, no parameter file, and no folder"),
        (Choice(overrides=(("nothing.x", 1),)), "--set: nothing.x: there is no 'nothing' to set it in"),
        (Choice(overrides=(("seed.x", 1),)), "--set: seed.x: there is no 'seed' to set it in"),
        (Choice(overrides=(("networks.pixel_nrom", True),)), "test, row plain: networks.pixel_nrom: unknown parameter"),
        (Choice(overrides=(("training", 3),)), "test, row plain: training: expected a mapping"),
        (Choice(overrides=(("phases", {}),)), "test, row plain: phases"),
    ],
)
def test_a_wrong_choice_ends_in_one_line(choice: Choice, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        run(FILE, tmp_path, choice)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"base": "digit"}, "digit: no such preset; did you mean 'digits'?"),
        ({"rows": {}}, "test.yaml: rows"),
        (
            {"rows": {"a": {"label": "a", "like": "b"}, "b": {"label": "b", "like": "c"}}},
            "test.yaml: rows.a.like: it is like 'c', which is no row",
        ),
        (
            {"rows": {"a": {"label": "a", "like": "b"}, "b": {"label": "b", "like": "a"}}},
            "test.yaml: rows.a.like: it is like itself",
        ),
        ({"rows": {"e*": {"label": "e"}}}, "test.yaml: rows.e*: a row's key must be of letters, digits and _"),
        (
            {"rows": {"a": {"label": "a", "published": {"swdd": 1.0}}}},
            "rows.a.published.swdd: expected swd, swd_<pixels>",
        ),
        ({"rows": {"a": {"label": "a", "sets": {}}}}, "rows.a.sets: unknown parameter; did you mean 'set'?"),
        (
            {"rows": {"a": {"label": "a", "set": {"phases": 3}}}},
            "test, row a: phases: expected a mapping",
        ),
        ({"total_kimg": 20}, "total_kimg: 20, but the phases before the last take 24"),
        ({"total_kimg": -1}, "test.yaml: total_kimg: must be greater than 0"),
    ],
)
def test_a_wrong_file_ends_in_one_line(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        run(FILE | change, tmp_path, Choice())
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_that_is_none_of_an_experiment_is_refused(tmp_path: Path) -> None:
    (tmp_path / "my rows.yaml").write_text(yaml.safe_dump(FILE), encoding="utf-8")
    with pytest.raises(InputError, match="letters, digits, - and _ only"):
        read_ablation(str(tmp_path / "my rows.yaml"))


@pytest.mark.parametrize("data", ["wgan-64", "wgan-gp-fish-32"])
def test_images_of_a_preset_with_other_networks_will_do(data: str, tmp_path: Path) -> None:
    plain = made(FILE, tmp_path, Choice(rows=["plain"], data=data))["plain-0"]
    assert plain["prepare"]["path"] == read_preset(data).content["prepare"]["path"]
    assert (plain["networks"]["architecture"], plain["networks"]["channels"]) == ("progressive", 3)


def test_conditions_say_images_length_and_changes(tmp_path: Path) -> None:
    changes = (("networks.pixel_norm", True),)
    found = run(FILE, tmp_path, Choice(rows=["plain", "longer"], seeds=2, overrides=changes))
    assert (
        conditions(found, changes) == "data/raw at 32×32; 200 kimg (plain); 400 kimg (longer); networks.pixel_norm=True"
    )


def test_no_file_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"neither one of the ablations \(table1\) nor a file"):
        read_ablation("table2")


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_our_own_ablations_are_right(path: Path) -> None:
    name, ablation = read_ablation(path.stem)
    parameters = {cell.row: cell.parameters for cell in cells(name, ablation, Choice())}
    for key, row in ablation.rows.items():
        assert sum(kimg(parameters[key])) == (row.total_kimg or ablation.total_kimg)
        assert "swd" in row.published


def test_the_rows_of_table_1_are_those_of_the_official_configuration() -> None:
    name, ablation = read_ablation("table1")
    rows = {cell.row: cell.parameters for cell in cells(name, ablation, Choice())}
    for key, parameters in rows.items():
        networks, training = parameters["networks"], parameters["training"]
        batches = {phase["batch"] for phase in parameters["phases"].values()}
        rates = {phase["lr"] for phase in parameters["phases"].values()}
        assert (networks["fmap_base"], networks["fused_scale"]) == (2048, False)
        if key >= "d":
            assert (batches, rates) == ({16}, {0.001 if key >= "f" else 0.0001})
            assert networks["minibatch_stddev"] == (16 if key in "efgh" else 0)
            assert networks["equalized_lr"] == (key in "fgh")
            assert networks["pixel_norm"] == (key in "gh")
            assert (training["critic_steps"], training["adam_beta2"], training["drift"]) == (1, 0.99, 0.001)
            assert training["ema_beta"] == 0.999


def test_overrides_say_only_what_differs_in_hydra_s_grammar() -> None:
    raw = {"a": {"x": 1, "old": 2}, "phases": {"p": {"kimg": 1.0}}, "s": "it's"}
    present = raw | {"a": {"x": 1, "old": 2, "default": 3}}
    wanted = {
        "a": {"x": 1e-8, "default": 3},
        "phases": {"q": {"kimg": 2.0, "from": "p"}},
        "s": r"a\'b",
        "n": [None, True],
    }
    assert overrides(raw, present, wanted) == [
        "~a.old",
        "~phases.p",
        "++a.x=1e-08",
        "++phases.q={kimg:2.0,from:'p'}",
        r"++s='a\\\'b'",
        "++n=[null,true]",
    ]


@pytest.mark.parametrize("path", sorted((ROOT / "docs/recipes").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_recipes_of_the_documents_are_right(path: Path) -> None:
    name, ablation = read_ablation(str(path))
    lengths = {cell.row: sum(kimg(cell.parameters)) for cell in cells(name, ablation, Choice())}
    assert lengths == {key: row.total_kimg or ablation.total_kimg for key, row in ablation.rows.items()}


def test_the_demo_has_the_chosen_recipe() -> None:
    name, ablation = read_ablation(str(ROOT / "docs/recipes/demo.yaml"))
    (cell,) = cells(name, ablation, Choice(rows=["chosen"]))
    phases = read_yaml(ROOT / "params.yaml")["phases"]
    assert kimg(cell.parameters) == [phase["kimg"] for phase in phases.values()]
    assert {phase["lr"] for phase in cell.parameters["phases"].values()} == {phase["lr"] for phase in phases.values()}
