"""`pgan train` with wrong input: one clear line, exit code 2, nothing written."""

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from pgan.cli import app


@pytest.fixture
def pgan(params_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *args: CliRunner().invoke(app, [str(arg) for arg in args])


@pytest.fixture
def pyramid(tmp_path):
    folder = tmp_path / "data/pyramid"
    folder.mkdir(parents=True)
    for r in (4, 8):
        np.save(folder / f"images_{r}.npy", np.zeros((40, 1, r, r), np.uint8))
    np.save(folder / "labels.npy", np.arange(40, dtype=np.int64) % 10)
    return folder


def change(params_file, **sections):
    content = yaml.safe_load(params_file.read_text())
    for key, values in sections.items():
        content[key] = content[key] | values if isinstance(values, dict) else values
    params_file.write_text(yaml.safe_dump(content, sort_keys=False))


def refused(result, *words):
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    lines = [line for line in result.output.splitlines() if line]
    assert len(lines) == 1, result.output
    assert all(word in lines[0] for word in words), lines[0]


def test_two_phases_from_the_command_line(pgan, pyramid, tmp_path):
    assert pgan("init").exit_code == 0
    for phase in ("stabilize_4", "grow_8"):
        result = pgan("train", phase, "--device", "cpu")
        assert result.exit_code == 0, result.output
        assert (tmp_path / "data/train" / phase / "checkpoint.pt").exists()
    assert not list(tmp_path.glob(".pgan/snapshots/*")), "a finished phase leaves none"


def test_unknown_phase_suggests_the_nearest(pgan):
    refused(pgan("train", "stabilise_4"), "phases.stabilise_4: missing", "did you mean 'stabilize_4'?")


def test_missing_parameter_file(pgan):
    refused(pgan("train", "grow_8", "--params", "none.yaml"), "none.yaml: no such file")


def test_missing_parent(pgan, pyramid):
    refused(pgan("train", "grow_8"), "data/train/stabilize_4/checkpoint.pt: no such checkpoint")


def test_missing_pyramid(pgan):
    pgan("init")
    refused(pgan("train", "stabilize_4"), "data/pyramid/images_4.npy: no such file")


def test_parent_of_the_wrong_resolution(pgan, pyramid):
    pgan("init")
    result = pgan("train", "stabilize_8", "--parent", "data/train/init/checkpoint.pt")
    refused(
        result,
        "params.yaml: phases.stabilize_8.resolution: a stabilize phase must have the resolution of its parent, 4,",
    )


def test_parent_of_other_networks(pgan, pyramid, params_file):
    pgan("init")
    change(params_file, networks={"fmap_max": 4})
    refused(pgan("train", "stabilize_4"), "was made with other networks")


def test_channels_that_do_not_fit(pgan, pyramid, params_file):
    change(params_file, networks={"channels": 3})
    pgan("init")
    refused(pgan("train", "stabilize_4"), "params.yaml: networks.channels: 3, but the images", "have 1")


@pytest.mark.parametrize("classes", [4, 9, 11, 1000])
def test_networks_of_other_classes_than_the_labels(pgan, pyramid, params_file, classes):
    change(params_file, networks={"classes": classes})
    pgan("init")
    refused(
        pgan("train", "stabilize_4"), f"params.yaml: networks.classes: {classes}, but the data have 10; set it to 10"
    )


def test_an_unavailable_device(pgan, pyramid):
    pgan("init")
    refused(pgan("train", "stabilize_4", "--device", "abacus"), "device 'abacus': unknown")


def test_a_full_disk_costs_nothing_that_was_computed(pgan, pyramid, tmp_path, monkeypatch):
    from pgan.networks import checkpoint

    pgan("init")
    before = (tmp_path / "data/train/init/checkpoint.pt").read_bytes()

    def full(content, file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.torch, "save", full)
    result = pgan("train", "stabilize_4")
    assert result.exit_code == 1
    assert result.output.splitlines()[-1].endswith(
        "stabilize_4: cannot be written: No space left on device; make room, or choose another place"
    )
    assert "Traceback" not in result.output
    assert not list((tmp_path / "data/train").glob("*stabilize_4*"))
    assert (tmp_path / "data/train/init/checkpoint.pt").read_bytes() == before


def test_an_output_that_cannot_be_written_is_found_before_the_training(pgan, pyramid, tmp_path):
    pgan("init")
    (tmp_path / "file").write_text("")
    refused(
        pgan("train", "stabilize_4", "--parent", "data/train/init/checkpoint.pt", "--out", "file/x"),
        "file/x: cannot be",
    )


def test_what_was_trained_outlives_a_failure_of_the_outputs(pgan, pyramid, tmp_path, monkeypatch):
    from pgan.training import loop, records

    pgan("init")

    def full(path, frames):
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(records, "write_samples", full)
        assert pgan("train", "stabilize_4").exit_code == 1
    (snapshot,) = tmp_path.glob(".pgan/snapshots/*")
    monkeypatch.setattr(loop.PhaseRun, "advance", lambda self: pytest.fail("trained again"))
    result = pgan("train", "stabilize_4")
    assert result.exit_code == 0, result.output
    assert not snapshot.exists()
