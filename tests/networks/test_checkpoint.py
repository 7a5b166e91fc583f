"""Checkpoints: whole, deterministic, and harmless whoever wrote them."""

import pickle
import resource
import zipfile

import pytest
import torch
from typer.testing import CliRunner

from pgan.cli import app
from pgan.errors import InputError
from pgan.networks import checkpoint


def test_round_trip(networks, tmp_path):
    before = checkpoint.fresh(networks, 8, seed=1)
    checkpoint.save(checkpoint.state(before), tmp_path / "a.pt")
    after = checkpoint.load(tmp_path / "a.pt")
    assert after.config == networks
    assert after.resolution == 8
    assert after.progress == before.progress
    for name in ("generator", "critic", "ema"):
        one, other = getattr(before, name).state_dict(), getattr(after, name).state_dict()
        assert all(torch.equal(one[key], other[key]) for key in one)
    assert not any(p.requires_grad for p in after.ema.parameters())


def test_the_same_networks_make_the_same_bytes_wherever_they_are_written(networks, tmp_path):
    paths = [tmp_path / "a.pt", tmp_path / "sub" / "another name.pt"]
    for path in paths:
        checkpoint.save(checkpoint.state(checkpoint.fresh(networks, 8, seed=1)), path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["a.pt"], "nothing is left beside it"


class Trap:
    def __reduce__(self):
        return (open, ("trapped", "w"))


def damaged(kind, networks, path):
    checkpoint.save(checkpoint.state(checkpoint.fresh(networks, 4, seed=1)), path)
    content = checkpoint.state(checkpoint.fresh(networks, 4, seed=1))
    match kind:
        case "truncated":
            path.write_bytes(path.read_bytes()[:-1000])
        case "text":
            path.write_text("hello")
        case "empty":
            path.write_bytes(b"")
        case "pickle":
            path.write_bytes(pickle.dumps(Trap()))
        case "torch pickle":
            torch.save({"format": Trap()}, path)
        case "other dict":
            torch.save({"a": 1}, path)
        case "list":
            torch.save([1], path)
        case "no critic":
            del content["critic"]
            torch.save(content, path)
        case "wrong shape":
            content["ema"]["blocks.4.conv.weight"] = torch.zeros(1)
            torch.save(content, path)
        case "bad config":
            content["networks"]["channels"] = 7
            torch.save(content, path)
        case "bad resolution":
            torch.save(content | {"resolution": 5}, path)


KINDS = "truncated,text,empty,pickle,torch pickle,other dict,list,no critic,wrong shape,bad config,bad resolution"


@pytest.mark.parametrize("kind", KINDS.split(","))
def test_anything_else_is_refused_in_one_line_and_runs_nothing(kind, networks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    damaged(kind, networks, tmp_path / "a.pt")
    with pytest.raises(InputError, match=r"a\.pt: ") as error:
        checkpoint.load(tmp_path / "a.pt")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "trapped").exists()


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(InputError, match="no such checkpoint"):
        checkpoint.load(tmp_path / "none.pt")


def test_pgan_init_writes_a_checkpoint_of_any_resolution(tmp_path, params_file):
    for option, resolution in (([], 4), (["--resolution", "16"], 16)):
        result = CliRunner().invoke(
            app, ["init", "--params", str(params_file), "--out", str(tmp_path / "a.pt"), *option]
        )
        assert result.exit_code == 0, result.output
        assert checkpoint.load(tmp_path / "a.pt").resolution == resolution


def test_pgan_init_refuses_a_resolution_that_is_no_doubling(tmp_path, params_file):
    out = tmp_path / "a.pt"
    result = CliRunner().invoke(app, ["init", "--params", str(params_file), "--out", str(out), "--resolution", "12"])
    assert result.exit_code == 2
    assert "--resolution: resolution 12" in result.output
    assert not out.exists()


def test_a_flipped_bit_is_found_wherever_it_is(networks, tmp_path):
    path = tmp_path / "a.pt"
    checkpoint.save(checkpoint.state(checkpoint.fresh(networks, 4, seed=1)), path)
    good = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            name, extra = (int.from_bytes(good[entry.header_offset + i :][:2], "little") for i in (26, 28))
            bad = bytearray(good)
            bad[entry.header_offset + 30 + name + extra + entry.file_size // 2] ^= 1
            path.write_bytes(bad)
            with pytest.raises(InputError, match="CRC"):
                checkpoint.read(path)


def test_nothing_is_allocated_for_what_a_configuration_claims(networks, tmp_path):
    content = checkpoint.state(checkpoint.fresh(networks, 4, seed=1))
    content["networks"] |= {"fmap_base": 2**13, "fmap_max": 2**11}  # half a gigabyte
    torch.save(content, tmp_path / "a.pt")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match="expected float"):
        checkpoint.load(tmp_path / "a.pt")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**18, "kilobytes"


def test_networks_share_no_memory_with_one_another(networks):
    content = checkpoint.state(checkpoint.fresh(networks, 4, seed=1))
    content["ema"] = content["generator"]
    found = checkpoint.from_state(content, "x")
    with torch.no_grad():
        next(found.generator.parameters()).zero_()
    assert next(found.ema.parameters()).any()
