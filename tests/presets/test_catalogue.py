"""The presets: valid, with the numbers of their sources, and laid over each other as values and as text."""

import re
from pathlib import Path
from typing import Any

import pytest

from pgan.errors import InputError
from pgan.networks.progressive import Progressive
from pgan.presets.catalogue import BASED_ON, FOLDER, names, read_preset, read_values
from pgan.presets.checked import experiment_of
from pgan.presets.overlay import overlay
from pgan.presets.values import WHOLE
from pgan.untrusted.strict_yaml import parse

ROOT = Path(__file__).parents[2]
V2 = {
    1: ([128, 128, 128, 64, 32, 16, 8, 4, 4], {1024: 0.0015}),
    2: ([256, 256, 128, 64, 32, 16, 8, 8, 8], {512: 0.0015, 1024: 0.002}),
    4: ([512, 256, 128, 64, 32, 16, 16, 16, 16], {256: 0.0015, 512: 0.002, 1024: 0.003}),
    8: ([512, 256, 128, 64, 32, 32, 32, 32, 32], {128: 0.0015, 256: 0.002, 512: 0.003, 1024: 0.003}),
}
"""GPUs → minibatches at 4, 8, … 1024 pixels, and the rates that are not 0.001: `sched` in the official config.py."""


def test_the_demo_is_the_preset_digits() -> None:
    assert (ROOT / "params.yaml").read_text(encoding="utf-8") == read_preset("digits").text


@pytest.mark.parametrize("name", names())
def test_a_preset_is_valid_and_says_what_it_is(name: str) -> None:
    preset = read_preset(name)
    assert experiment_of(preset).phases
    assert preset.reproduces.endswith(".")
    assert preset.source.endswith(".")
    assert "Every parameter of the experiment." in preset.text
    assert "Based on" not in preset.text
    assert max(map(len, preset.text.splitlines())) <= 125
    assert not re.search(r"\S#", preset.text)


@pytest.mark.parametrize("name", names())
def test_a_preset_holds_the_values_of_its_file_over_those_of_its_base(name: str) -> None:
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    base = BASED_ON.search(text)
    if base is None:
        assert name == "digits"
    else:
        assert parse(read_preset(name).text) == merged(parse(read_preset(base[1]).text), parse(text))


@pytest.mark.parametrize("name", names())
def test_the_values_of_a_preset_are_those_of_its_text(name: str) -> None:
    assert read_values(name) == read_preset(name).content


def merged(lower: Any, upper: Any, key: str = "") -> Any:
    """Nested mappings, one over the other; networks of another architecture have keys of their own."""
    if not (isinstance(lower, dict) and isinstance(upper, dict)) or key in WHOLE:
        return upper
    if "architecture" in upper and upper["architecture"] != lower["architecture"]:
        return upper
    return lower | {k: merged(lower[k], v, k) if k in lower else v for k, v in upper.items()}


@pytest.mark.parametrize("name", names())
def test_no_comment_of_a_preset_is_lost(name: str) -> None:
    _, _, body = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").partition("\n\n")
    comments = [line[line.index("#") :] for line in body.splitlines() if "#" in line]
    assert comments
    assert [comment for comment in comments if comment not in read_preset(name).text] == []


@pytest.mark.parametrize("top", [256, 1024])
@pytest.mark.parametrize("gpus", V2)
def test_faces_are_trained_as_the_official_configuration_says(top: int, gpus: int) -> None:
    batches, rates = V2[gpus]
    preset = experiment_of(read_preset(f"celeba-hq-{top}" + (f"-{gpus}gpu" if gpus > 1 else "")))
    assert [phase.resolution for phase in preset.phases.values()] == [4, *sorted([8 << k for k in range(8)] * 2)][
        : len(preset.phases)
    ]
    for name, phase in preset.phases.items():
        assert name == f"{phase.kind}_{phase.resolution}"
        assert phase.batch == batches[phase.resolution.bit_length() - 3]
        assert phase.lr == rates.get(phase.resolution, 0.001)
        assert phase.kimg == 600 or name == f"stabilize_{top}"
    assert sum(phase.kimg for phase in preset.phases.values()) == 12000
    networks, training = preset.networks, preset.training
    assert [networks.feature_maps(networks.stage(r)) for r in (4, 32, 64, 128, top)] == [
        512,
        512,
        256,
        128,
        16384 // top,
    ]
    assert (networks.latent_dimensions, networks.fused_scale, networks.minibatch_stddev) == (512, True, 4)
    assert (training.ema_beta, training.drift, training.gradient_target, training.mirror) == (0.999, 0.001, 1.0, True)


@pytest.mark.parametrize(
    ("name", "total", "length", "batch", "group"),
    [("progressive", 19000, 800, 16, 16), ("lsun-256", 20000, 800, 16, 16)],
)
def test_a_schedule_is_that_of_its_source(name: str, total: int, length: int, batch: int, group: int) -> None:
    preset = experiment_of(read_preset(name))
    *all_but_last, last = preset.phases.values()
    assert {phase.kimg for phase in all_but_last} == {length}
    assert last.kimg == total - length * len(all_but_last)
    assert {(phase.batch, phase.lr) for phase in preset.phases.values()} == {(batch, 0.001)}
    assert last.resolution == preset.prepare.resolution
    assert preset.networks.minibatch_stddev == group


def test_modes_are_recovered_as_the_official_configuration_says() -> None:
    preset = experiment_of(read_preset("mnist-rgb-modes"))
    phases, networks, training = preset.phases, preset.networks, preset.training
    assert [phase.kimg for phase in phases.values()] == [500, 2000, 500, 2000, 500, 2000, 7500]  # 15,000 in total
    assert {(phase.batch, phase.lr) for phase in phases.values()} == {(64, 0.001)}
    assert all(phase.gradient_target in (32 / phase.resolution, None) for phase in phases.values())
    assert isinstance(networks, Progressive)
    assert [networks.feature_maps(networks.stage(r)) for r in (4, 8, 16, 32)] == [64, 32, 16, 8]
    assert (networks.latent_dimensions, networks.tanh, networks.minibatch_stddev) == (64, True, 64)
    assert (training.critic_steps, training.drift) == (5, 0.0)
    assert training.ema_beta is not None
    assert training.ema_beta**5 == pytest.approx(0.999, abs=1e-7)
    assert (preset.evaluate.images, "modes" in preset.evaluate.metrics) == (25_600, True)


def test_an_unknown_name_is_refused_with_a_hint() -> None:
    with pytest.raises(InputError, match="no such preset; did you mean 'celeba-hq-256'"):
        read_preset("celeba-256")
    with pytest.raises(InputError, match="no such preset; see `pgan preset --list`"):
        read_preset("../../params")


LOWER = """a:                          # about a
  # above one
  one: 1                    # first
  two: {x: 1, y: 2}

# above phases
phases:
  p: {kimg: 1}
  q: {kimg: 2}

networks:
  width: 3  # px
c: [1, 2]
"""


@pytest.mark.parametrize(
    ("upper", "old", "new"),
    [
        ("a:\n  one: 100\n", "  one: 1                    # first", "  one: 100                  # first"),
        ("a:\n  one: 7  # own\n", "  one: 1                    # first", "  one: 7  # own"),
        ("a:  # mine\n  one: 1\n", "a:                          # about a", "a:  # mine"),
        ("a:\n  two: {x: 3}\n", "  two: {x: 1, y: 2}", "  two: {x: 3}"),
        ("a:\n  three: 3\n", "  two: {x: 1, y: 2}\n", "  two: {x: 1, y: 2}\n  three: 3\n"),
        ("phases:\n  # why\n  r: {kimg: 3}\n", "  p: {kimg: 1}\n  q: {kimg: 2}", "  # why\n  r: {kimg: 3}"),
        ("phases:  # own\n  # why\n  p: {kimg: 1}\n  q: {kimg: 2}\n", "phases:\n", "phases:  # own\n  # why\n"),
        ("networks:\n  architecture: fish\n  latent: 1\n", "  width: 3  # px", "  architecture: fish\n  latent: 1"),
        ("c:\n  - 3\n", "c: [1, 2]", "c:\n  - 3"),
        ("d: 5\n", "c: [1, 2]\n", "c: [1, 2]\nd: 5\n"),
    ],
)  # fmt: skip
def test_comments_stay_with_what_they_are_about(upper: str, old: str, new: str) -> None:
    assert old in LOWER
    assert overlay(LOWER, upper) == LOWER.replace(old, new)
