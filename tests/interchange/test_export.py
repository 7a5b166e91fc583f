"""`pgan export`: every format gives the checkpoint's own images and the same bytes; strangers' files are refused."""

import json
import sys
import zipfile

import numpy as np
import pytest
import torch
from command_line import pgan, refused

from pgan.errors import InputError
from pgan.interchange import official
from pgan.interchange.description import FORMAT
from pgan.interchange.generator_file import open_generator, open_generator_file
from pgan.networks import checkpoint

CPU = torch.device("cpu")
FORMATS = ["safetensors", "torchscript", "onnx"]


def written(config, resolution, path, **changes):
    """A checkpoint whose EMA generator has biases, and is another than the generator under training."""
    networks = checkpoint.fresh(config, resolution, seed=3)
    with torch.no_grad():
        for name, weight in networks.ema.named_parameters():
            weight.add_(0.1 if name.endswith("bias") else 0.01)
    content = checkpoint.state(networks)
    checkpoint.save(content | changes, path)
    return networks.ema


def inputs(config, n=5):
    z = torch.randn(n, config.latent_dimensions, generator=torch.Generator().manual_seed(1))
    return z, torch.arange(n) % config.classes if config.classes else None


def same_images(path, ema):
    """The largest difference to the generator, for batches of any size."""
    z, labels = inputs(ema.config)
    source = open_generator_file(path, CPU)
    return max(
        (
            source.images(z[:n], None if labels is None else labels[:n])
            - ema(z[:n], None if labels is None else labels[:n])
        )
        .abs()
        .max()
        .item()
        for n in (1, 2, 5)
    )


@pytest.mark.parametrize(
    ("format", "classes"),
    [
        *((format, 3) for format in FORMATS),
        *(pytest.param(format, 0, marks=pytest.mark.slow) for format in FORMATS),
    ],
)
def test_every_format_makes_the_same_images_and_the_same_bytes(networks, tmp_path, format, classes):
    config = networks.model_copy(update={"classes": classes, "fused_scale": True, "channels": 3})
    ema = written(config, 8, tmp_path / "a.pt")
    for out in ("one", "sub/two"):
        result = pgan("export", tmp_path / "a.pt", tmp_path / f"{out}.{format}")
        assert result.exit_code == 0, result.output
    assert same_images(tmp_path / f"one.{format}", ema) < (1e-4 if format != "safetensors" else 1e-12)
    data = (tmp_path / f"one.{format}").read_bytes()
    assert data == (tmp_path / f"sub/two.{format}").read_bytes(), "whatever was exported before, and wherever to"
    assert b"site-packages" not in data
    assert b"progressive.py" not in data
    left = {path.name for path in (tmp_path / "sub").iterdir()}
    assert left == {f"two.{format}"} | ({"two.json"} if format == "safetensors" else set())


SWITCHES = [
    {"tanh": True},
    {"pixel_norm": False, "normalize_latents": False},
    {"equalized_lr": False, "leaky_slope": 0.0},
    {"base_size": 7},
]


@pytest.mark.parametrize("changes", SWITCHES, ids=lambda changes: "-".join(changes))
def test_torchscript_of_every_switch(networks, tmp_path, changes):
    config = networks.model_copy(update=changes)
    ema = written(config, 2 * config.base_size, tmp_path / "a.pt")
    assert pgan("export", tmp_path / "a.pt", tmp_path / "a.torchscript").exit_code == 0
    assert same_images(tmp_path / "a.torchscript", ema) < 1e-5


def test_onnx_is_what_other_runtimes_expect(networks, tmp_path):
    onnx = pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    ema = written(networks.model_copy(update={"classes": 3, "tanh": True}), 8, tmp_path / "a.pt")
    assert pgan("export", tmp_path / "a.pt", tmp_path / "a.onnx").exit_code == 0
    model = onnx.load(tmp_path / "a.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert model.opset_import[0].version >= 17
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx", providers=["CPUExecutionProvider"])
    assert [(i.name, i.type, i.shape) for i in session.get_inputs()] == [
        ("latents", "tensor(float)", ["N", 8]),
        ("labels", "tensor(int64)", ["N"]),
    ]
    assert [(o.name, o.shape) for o in session.get_outputs()] == [("images", ["N", 1, 8, 8])]
    z, labels = inputs(ema.config, 7)
    (images,) = session.run(None, {"latents": z.numpy(), "labels": labels.numpy()})
    assert np.abs(images - ema(z, labels).numpy()).max() < 1e-4


def test_torchscript_needs_nothing_of_this_project(networks, tmp_path):
    import subprocess

    ema = written(networks, 8, tmp_path / "a.pt")
    assert pgan("export", tmp_path / "a.pt", tmp_path / "a.torchscript").exit_code == 0
    z, _ = inputs(ema.config)
    torch.save(z, tmp_path / "z.pt")
    code = "import sys, torch; m = torch.jit.load('a.torchscript'); torch.save(m(torch.load('z.pt')), 'x.pt')"
    code += "; assert not [name for name in sys.modules if name.startswith('pgan')]"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=tmp_path, check=True)
    assert (torch.load(tmp_path / "x.pt") - ema(z)).abs().max() < 1e-5


def test_the_json_beside_safetensors_describes_them(networks, tmp_path):
    from safetensors.torch import load_file, save_file

    ema = written(networks, 8, tmp_path / "a.pt")
    assert pgan("export", tmp_path / "a.pt", tmp_path / "a.safetensors").exit_code == 0
    described = json.loads((tmp_path / "a.json").read_text())
    assert described["format"] == FORMAT
    assert described["networks"] == networks.model_dump()
    assert described["outputs"]["images"]["shape"] == ["N", 1, 8, 8]
    save_file(load_file(tmp_path / "a.safetensors"), tmp_path / "a.safetensors")  # another tool drops the metadata
    assert same_images(tmp_path / "a.safetensors", ema) == 0
    (tmp_path / "a.json").unlink()
    assert "no a.json beside it" in refused("sample", tmp_path / "a.safetensors", tmp_path / "x.png")


def test_a_json_file_of_others_is_left_alone(networks, tmp_path):
    written(networks, 4, tmp_path / "a.pt")
    (tmp_path / "meta.json").write_text("{}")
    assert "in the way" in refused("export", tmp_path / "a.pt", tmp_path / "meta.safetensors")
    assert (tmp_path / "meta.json").read_text() == "{}"
    assert not (tmp_path / "meta.safetensors").exists()


def test_a_growing_snapshot_is_drawn_as_far_as_it_has_faded_and_not_exported(networks, tmp_path):
    run = {"step": 5, "rows": [{"alpha": 0.1}, {"alpha": 0.25}], "means": {}, "frames": []}
    ema = written(networks, 8, tmp_path / "snapshot.pt", run=run)
    z, _ = inputs(networks)
    images = open_generator_file(tmp_path / "snapshot.pt", CPU).images(z, None)
    assert torch.equal(images, ema(z, None, 0.25))
    assert not torch.equal(images, ema(z))
    assert "25%" in refused("export", tmp_path / "snapshot.pt", tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("lod", "resolution", "alpha"), [(0.0, 16, 1.0), (0.25, 16, 0.75), (1.5, 8, 0.5), (9.0, 4, 1.0)]
)
def test_an_official_pickle_is_drawn_at_its_level_of_detail(networks, tmp_path, monkeypatch, lod, resolution, alpha):
    ema = written(networks, 16, tmp_path / "a.pt")
    read = checkpoint.load(tmp_path / "a.pt")
    monkeypatch.setattr(official, "import_official", lambda path: (read, lod))
    (tmp_path / "a.pkl").write_bytes(b"\x80\x02")
    generator, found = open_generator(tmp_path / "a.pkl")
    assert (generator.resolution, found) == (resolution, alpha)
    assert torch.equal(generator.blocks["4"].conv.weight, ema.blocks["4"].conv.weight)


# --- what a user can get wrong


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.savetensors"], "did you mean 'a.safetensors'"),
        (["a"], "or pass --format"),
        (["a.onnx", "--format", "torchscript"], "make them agree"),
        (["a.json", "--format", "safetensors"], "end the name in .safetensors"),
        (["a.pt", "--format", "onnx"], "over its own source"),
        (["a.pt/x.onnx"], "cannot be written"),
        (["folder.torchscript"], "it is a folder"),
    ],
)
def test_a_wrong_out_is_refused_in_one_line(networks, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    written(networks, 4, tmp_path / "a.pt")
    before = (tmp_path / "a.pt").read_bytes()
    (tmp_path / "folder.torchscript").mkdir()
    assert message in refused("export", "a.pt", *arguments)
    assert (tmp_path / "a.pt").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pt", "folder.torchscript"]


@pytest.mark.parametrize("name", ["none.pt", ".", "a.pt/b"])
def test_a_missing_source_is_named(networks, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    written(networks, 4, tmp_path / "a.pt")
    assert name in refused("export", name, "a.onnx")


@pytest.mark.parametrize(
    ("module", "format", "package"),
    [("safetensors", "safetensors", "safetensors"), ("onnx", "onnx", "onnx"), ("onnxscript", "onnx", "onnxscript")],
)
def test_a_missing_extra_is_named_with_its_command(networks, tmp_path, monkeypatch, module, format, package):
    written(networks, 4, tmp_path / "a.pt")
    monkeypatch.setitem(sys.modules, module, None)
    line = refused("export", tmp_path / "a.pt", tmp_path / f"x.{format}", code=1)
    assert line.endswith(f"needs the package {package}: pip install 'pgan[export]'")


def test_reading_onnx_without_onnxruntime_is_refused(tmp_path, monkeypatch):
    (tmp_path / "a.onnx").write_bytes(b"\x08\x0a\x12pgan generator 1")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    line = refused("sample", tmp_path / "a.onnx", tmp_path / "x.png", code=1)
    assert "onnxruntime: pip install 'pgan[export]'" in line


# --- files of strangers


@pytest.mark.parametrize("suffix", ["pt", "safetensors", "torchscript", "onnx", "pkl", "bin"])
@pytest.mark.parametrize(
    "content", [b"", b"hello", b"PK\x03\x04", b"\x80\x04.", b"\x08\x0a", b"\xff" * 8 + b"{}", b"\0" * 99]
)
def test_no_generator_is_refused_in_one_line(tmp_path, suffix, content):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.{suffix}: ") as error:
        open_generator_file(path, CPU)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_cut_short_is_refused(networks, tmp_path, format):
    written(networks, 4, tmp_path / "a.pt")
    path = tmp_path / f"a.{format}"
    assert pgan("export", tmp_path / "a.pt", path).exit_code == 0
    whole = path.read_bytes()
    for length in (9, 100, len(whole) // 2, len(whole) - 20):
        path.write_bytes(whole[:length])
        assert f"a.{format}: " in refused("sample", path, tmp_path / "x.png")


def safetensors_of(path, changes, dropped=(), **described):
    from safetensors import safe_open
    from safetensors.torch import save_file

    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        content = json.loads(file.metadata()["pgan"])
    content["networks"] |= described.pop("networks", {})
    tensors = {name: value for name, value in (tensors | changes).items() if name not in dropped}
    save_file(tensors, path, metadata={"pgan": json.dumps(content | described)})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"dropped": ["blocks.4.conv.bias", "blocks.8.conv0.bias"]}, "'blocks.4.conv.bias' and 1 more is missing"),
        ({"changes": {"blocks.4.conv.bias": torch.zeros(9)}}, "expected float"),
        ({"changes": {"blocks.4.conv.bias": torch.zeros(8, dtype=torch.int32)}}, "found int32"),
        ({"changes": {"extra": torch.zeros(1)}}, "'extra' that these networks do not have"),
        ({"changes": {"blocks.4.conv.bias": torch.full((8,), float("nan"))}}, "no numbers"),
        ({"resolution": 2**40}, "is not a number of pixels"),
        ({"resolution": 12}, "is not networks.base_size"),
        ({"resolution": "8"}, "is not a number of pixels"),
        ({"networks": {"fmap_base": 10**400}}, "a.safetensors: "),
        ({"networks": {"fmap_base": 10**18, "fmap_max": 10**18}}, "a.safetensors: "),
        ({"networks": {"fmap_max": 10**5, "fmap_base": 10**6}}, "exceed the limit"),
        ({"networks": {"latent_size": 10**9}}, "networks.latent_size"),
        ({"networks": {"latent_size": 10**6}}, "expected float"),
        ({"networks": {"channels": 2}}, "networks.channels"),
        ({"networks": {"surprise": 1}}, "networks.surprise"),
        ({"format": "other"}, "not a generator that `pgan export` wrote"),
    ],
    ids=str,
)
def test_hostile_safetensors_are_refused_without_allocating_what_they_claim(networks, tmp_path, damage, message):
    written(networks, 8, tmp_path / "a.pt")
    assert pgan("export", tmp_path / "a.pt", tmp_path / "a.safetensors").exit_code == 0
    safetensors_of(tmp_path / "a.safetensors", **({"changes": {}} | damage))
    assert message in refused("sample", tmp_path / "a.safetensors", tmp_path / "x.png")


def test_half_precision_weights_of_other_tools_are_read(networks, tmp_path):
    ema = written(networks, 8, tmp_path / "a.pt")
    assert pgan("export", tmp_path / "a.pt", tmp_path / "a.safetensors").exit_code == 0
    safetensors_of(tmp_path / "a.safetensors", {name: value.half() for name, value in ema.state_dict().items()})
    assert same_images(tmp_path / "a.safetensors", ema) < 0.05


@pytest.mark.parametrize("call", ["torch.from_file('trapped', True, 8)", "ops.aten.from_file('trapped', True, 8)"])
@pytest.mark.parametrize("folder", ["code", "CODE"])  # PyTorch's own zip reader does not mind the case
def test_torchscript_that_touches_files_is_refused(networks, tmp_path, monkeypatch, call, folder):
    monkeypatch.chdir(tmp_path)
    written(networks, 4, tmp_path / "a.pt")
    assert pgan("export", "a.pt", "a.torchscript").exit_code == 0
    with zipfile.ZipFile("a.torchscript") as old, zipfile.ZipFile("b.torchscript", "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith(".py"):
                content = content.replace(b"    return ", f"    trap = {call}\n    return ".encode())
            new.writestr(name.replace("/code/", f"/{folder}/"), content)
    assert "refused: its code uses" in refused("sample", "b.torchscript", "x.png")
    assert not (tmp_path / "trapped").exists()


def test_a_graph_that_does_not_keep_its_promise_is_refused(networks, tmp_path):
    written(networks, 8, tmp_path / "a.pt")
    assert pgan("export", tmp_path / "a.pt", tmp_path / "a.torchscript").exit_code == 0
    for old, new, message in (
        (b'"resolution": 8', b'"resolution": 4', "should make images"),
        (b'"latent_size": 8', b'"latent_size": 9', "cannot be run"),
    ):
        with zipfile.ZipFile(tmp_path / "a.torchscript") as whole, zipfile.ZipFile(tmp_path / "b.ts", "w") as changed:
            for name in whole.namelist():
                changed.writestr(name, whole.read(name).replace(old, new))
        assert message in refused("sample", tmp_path / "b.ts", tmp_path / "x.png")
