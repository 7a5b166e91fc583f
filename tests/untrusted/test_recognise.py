"""What strangers' model files are, and what stands where one should be: each is named in one line with what to do."""

import bz2
import gzip
import io
import json
import lzma
import pickle
import struct
import sys
import tarfile
import types
import warnings
import zipfile
import zlib
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import pgan, refused
from PIL import Image

from pgan.interchange import description
from pgan.metrics import classifier
from pgan.networks import checkpoint
from pgan.untrusted.recognise import CHECKPOINT, EXPORTED, Kind, recognise, refusal

STATE = OrderedDict((f"progression.{i}.conv.weight", torch.zeros(4, 4, 3, 3)) for i in range(3))


def parents(module):
    """`a`, `a.b` and `a.b.c`."""
    parts = module.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


def instances(name, count=1, **state):
    """Objects of a class of another program, which is not installed here."""
    module, _, kind = name.rpartition(".")
    made = type(kind, (), {"__module__": module})
    for parent in parents(module):
        sys.modules[parent] = types.ModuleType(parent)
    setattr(sys.modules[module], kind, made)
    objects = [made() for _ in range(count)]
    for each in objects:
        each.__dict__.update(state)
    return objects


def pickled(name, count=1, protocol=4, **state):
    """A pickle of such objects, in a tuple."""
    try:
        return pickle.dumps(tuple(instances(name, count, **state)), protocol)
    finally:
        for parent in parents(name.rpartition(".")[0]):
            sys.modules.pop(parent)


def persistent():
    """As NVIDIA's torch_utils.persistence pickles."""
    name = "torch_utils.persistence"
    for parent in parents(name):
        sys.modules[parent] = types.ModuleType(parent)

    def _reconstruct_persistent_obj(meta):
        return meta

    _reconstruct_persistent_obj.__module__ = name
    _reconstruct_persistent_obj.__qualname__ = "_reconstruct_persistent_obj"
    sys.modules[name]._reconstruct_persistent_obj = _reconstruct_persistent_obj

    class Network:
        def __reduce__(self):
            return _reconstruct_persistent_obj, ({"type": "class", "module_src": "x", "class_name": "Generator"},)

    try:
        return pickle.dumps({"G": Network(), "D": Network(), "G_ema": Network(), "training_set_kwargs": None})
    finally:
        for parent in parents(name):
            del sys.modules[parent]


def saved(content, **options):
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def scripted():
    with warnings.catch_warnings(action="ignore"):
        module = torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2))
        buffer = io.BytesIO()
        torch.jit.save(module, buffer)
    return buffer.getvalue()


def zipped(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return buffer.getvalue()


def tarred():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("generator.pkl"))
    return buffer.getvalue()


def arrays():
    buffer = io.BytesIO()
    np.savez(buffer, a=np.zeros(3), b=np.zeros(3))
    return buffer.getvalue()


def safetensors(name="unet.conv.weight"):
    head = json.dumps({name: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return struct.pack("<Q", len(head)) + head + bytes(4)


def onnx(content=b"\x42\x04\x0a\x00\x10\x12"):
    return b"\x08\x08\x12\x07pytorch" + content


def image(kind):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, kind)
    return buffer.getvalue()


SOURCE = "x" * 1000
AGAIN, UNPACK = "download or copy it again", "unpack it, and name the file in it"
PAGE = "open the link in a browser, and download the file itself"

FOREIGN = {
    "state_dict": (lambda: saved(STATE), "a PyTorch file of another program", ""),
    "state_dict, legacy": (
        lambda: saved(STATE, _use_new_zipfile_serialization=False),
        "a PyTorch file of another program, in torch's old format",
        "",
    ),
    "Lightning": (
        lambda: saved({"epoch": 3, "pytorch-lightning_version": "2.1", "state_dict": STATE}),
        "a PyTorch Lightning checkpoint",
        "",
    ),
    "whole module": (lambda: saved(torch.nn.Linear(2, 2)), "with objects of torch.nn", ""),
    "Stable Diffusion": (
        lambda: saved({"state_dict": {"model.diffusion_model.input_blocks.0.weight": torch.zeros(1)}}),
        "a Stable Diffusion checkpoint (PyTorch)",
        "",
    ),
    "TorchScript": (scripted, "TorchScript of another program", ""),
    "torch.export": (
        lambda: zipped(archive_format="pt2", model__archive_format="pt2"),
        "a PyTorch program of torch.export",
        "",
    ),
    "StyleGAN": (
        lambda: pickled("dnnlib.tflib.network.Network", 3, version=4, build_func_name="G_style"),
        "networks of StyleGAN (a TensorFlow pickle)",
        "",
    ),
    "StyleGAN2": (
        lambda: pickled(
            "dnnlib.tflib.network.Network", 3, 2, version=4, build_module_src=SOURCE, build_func_name="G_main"
        ),
        "networks of StyleGAN2 (a TensorFlow pickle)",
        "",
    ),
    "StyleGAN, cut off": (
        lambda: pickled("dnnlib.tflib.network.Network", 3, build_module_src=SOURCE)[:200],
        "networks of StyleGAN (a TensorFlow pickle), cut off",
        "",
    ),
    "StyleGAN2-ADA": (persistent, "networks of StyleGAN2-ADA, StyleGAN3", ""),
    "official, Theano": (
        lambda: pickled("network.Network", 3, 2),
        "networks of the official Progressive GAN code's older version, for Theano",
        "",
    ),
    "scikit-learn": (
        lambda: pickled("sklearn.ensemble.Forest", protocol=0),
        "a pickle of scikit-learn (sklearn.ensemble.Forest)",
        "",
    ),
    "joblib, zlib": (lambda: zlib.compress(pickle.dumps([1])), "a file compressed with zlib, as joblib writes", ""),
    "Keras .h5": (lambda: b"\x89HDF\r\n\x1a\n" + bytes(99), "an HDF5 file, as Keras writes (.h5)", ""),
    "Keras": (
        lambda: zipped(metadata_dot_json="{}", config_dot_json="{}", model_dot_weights_dot_h5="x"),
        "a Keras model",
        "",
    ),
    "SavedModel": (lambda: b"\x08\x01\x12\x99\x01\x0a" + bytes(150), "a TensorFlow SavedModel", ""),
    "SavedModel, zipped": (lambda: zipped(m__saved_model_dot_pb="x"), "a TensorFlow SavedModel in a zip", ""),
    "TensorFlow graph": (lambda: b"\x0a\x1e\x0a\x05input\x12\x0bPlaceholder" + bytes(9), "a TensorFlow graph", ""),
    "TensorFlow list": (
        lambda: b'model_checkpoint_path: "model.ckpt-9"\n',
        "the list of a TensorFlow checkpoint's files",
        "",
    ),
    "TensorFlow index": (
        lambda: b"\0\0\1" + bytes(50) + b"\x57\xfb\x80\x8b\x24\x75\x47\xdb",
        "a part of a TensorFlow checkpoint",
        "",
    ),
    "TensorFlow Lite": (lambda: b"\x1c\0\0\0TFL3" + bytes(99), "a TensorFlow Lite model", ""),
    "ONNX": (onnx, "an ONNX model of another program", ""),
    "ONNX that pgan wrote": (lambda: onnx(b"\x72\x18\x0a\x04pgan\x12\x10pgan generator 1"), EXPORTED, ""),
    "ONNX, cut off": (lambda: onnx(b"\x3a\xff\x10abc"), "an ONNX model that is cut off", AGAIN),
    "safetensors": (safetensors, "a safetensors file", ""),
    "safetensors, diffusion": (
        lambda: safetensors("model.diffusion_model.out.weight"),
        "a Stable Diffusion model (safetensors)",
        "",
    ),
    "GGUF": (lambda: b"GGUF\3\0\0\0" + bytes(99), "a GGUF model of llama.cpp", ""),
    "npz": (arrays, "an archive of numpy arrays (.npz)", ""),
    "Git LFS": (
        lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 381673535\n",
        "a Git LFS pointer",
        "`git lfs pull`",
    ),
    "git-annex": (lambda: b"../.git/annex/objects/x/SHA256E-s1--a.pkl\n", "a git-annex pointer", "`git annex get`"),
    "DVC": (lambda: b"outs:\n- md5: 4d7a\n  size: 3\n  path: model.pt\n", "a DVC pointer", "`dvc pull`"),
    "web page": (
        lambda: b"<!DOCTYPE html><html><title>Google Drive - Virus scan warning</title>",
        "a web page ('Google Drive - Virus scan warning')",
        PAGE,
    ),
    "web page, plainer": (lambda: b"\xef\xbb\xbf\n<HTML><BODY>moved", "a web page", PAGE),
    "web page, UTF-16": (lambda: "<html><title>Sign in</title>".encode("utf-16"), "a web page ('Sign in')", PAGE),
    "redirect": (lambda: b'<a href="https://x/y">Found</a>.\n', "a web page", PAGE),
    "answer": (lambda: b"Entry not found", "a server's answer ('Entry not found')", PAGE),
    "answer, XML": (
        lambda: b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>',
        "a server's answer ('<?xml version=\"1.0\"?>')",
        PAGE,
    ),
    "answer, JSON": (lambda: b'{"error": "Invalid credentials"}', "a server's answer", PAGE),
    "text": (lambda: b"\n# My notes\n", "a text file ('# My notes')", ""),
    "gzip": (lambda: gzip.compress(b"x"), "an archive (gzip)", UNPACK),
    "bzip2": (lambda: bz2.compress(b"x"), "an archive (bzip2)", UNPACK),
    "xz": (lambda: lzma.compress(b"x"), "an archive (xz)", UNPACK),
    "tar": (tarred, "an archive (tar)", UNPACK),
    "7z": (lambda: b"7z\xbc\xaf\x27\x1c\0\4" + bytes(99), "an archive (7z)", UNPACK),
    "RAR": (lambda: b"Rar!\x1a\x07\x01\0" + bytes(99), "an archive (RAR)", UNPACK),
    "zip": (lambda: zipped(models__generator_dot_pkl=b"x"), "a zip archive (models/generator.pkl)", UNPACK),
    "PNG": (lambda: image("PNG"), "an image (PNG)", ""),
    "JPEG": (lambda: image("JPEG"), "an image (JPEG)", ""),
    "WebP": (lambda: image("WEBP"), "an image (WebP)", ""),
    "BMP": (lambda: image("BMP"), "an image (BMP)", ""),
    "empty": (lambda: b"", "an empty file", AGAIN),
    "zeros": (lambda: bytes(5000), "a file of zeros", AGAIN),
    "PyTorch, cut off": (lambda: saved(STATE)[:900], "a PyTorch file, cut off or damaged", AGAIN),
    "zip, cut off": (lambda: zipped(a=bytes(999))[:500], "a zip archive, cut off or damaged", AGAIN),
}
COMMANDS = {
    "import": (["out.pt"], "such as karras2018iclr-celebahq-1024x1024.pkl"),
    "sample": (["out.png"], "pgan reads "),
    "interpolate": (["out.gif"], "pgan reads "),
    "export": (["out.safetensors"], "pgan reads "),
    "evaluate": (["--out", "out.json"], "pgan reads "),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_file_of_others_is_named_with_what_to_do(name, tmp_path):
    make, what, advice = FOREIGN[name]
    (tmp_path / "model").write_bytes(make())
    found = recognise(tmp_path / "model")
    assert what in found.what
    assert advice in found.advice
    line = str(refusal(tmp_path / "model", "a pickle", "do this"))
    assert line.endswith(found.advice or "do this")
    assert "\n" not in line


@pytest.mark.parametrize(
    "name",
    [
        *("state_dict", "whole module", "TorchScript", "StyleGAN, cut off", "StyleGAN2-ADA", "scikit-learn"),
        *("ONNX", "safetensors", "Keras .h5", "web page", "empty", "PyTorch, cut off"),
    ],
)
@pytest.mark.parametrize("command", COMMANDS)
def test_every_reader_names_it(command, name, tmp_path, monkeypatch, params_file):
    monkeypatch.chdir(tmp_path)
    make, what, advice = FOREIGN[name]
    Path("model").write_bytes(make())
    options, otherwise = COMMANDS[command]
    source = ["--checkpoint", "model", "--params", params_file] if command == "evaluate" else ["model"]
    line = refused(command, *source, *options)
    assert line.startswith("error: model: ")
    assert what in line
    assert (advice or otherwise) in line
    assert not any(word in line for word in ("opcode", "codec", "Error:", "UnpicklingError"))
    assert sorted(path.name for path in tmp_path.iterdir() if path != params_file) == ["model"]


FOLDERS = {
    "SavedModel": (["saved_model.pb", "variables/x"], "a TensorFlow SavedModel"),
    "diffusers": (["model_index.json", "unet/x"], "a folder of diffusers"),
    "unpacked": (["data.pkl", "version", "data/0"], "a PyTorch file that was unpacked"),
    "Hugging Face": (["config.json", "model.safetensors"], "a Hugging Face model"),
    "TensorFlow": (["checkpoint", "model.ckpt-9.index"], "a TensorFlow checkpoint"),
    "phase": (["checkpoint.pt"], "name model/checkpoint.pt"),
    "other": (["x"], "name the file in it"),
}


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("command", ["import", "sample", "evaluate"])
def test_a_folder_is_named_too(command, name, tmp_path, monkeypatch, params_file):
    monkeypatch.chdir(tmp_path)
    for file in FOLDERS[name][0]:
        (tmp_path / "model" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "model" / file).write_text("x")
    options = COMMANDS[command][0]
    source = ["--checkpoint", "model", "--params", params_file] if command == "evaluate" else ["model"]
    line = refused(command, *source, *options)
    assert line.startswith("error: model: ")
    assert FOLDERS[name][1] in line


def test_the_files_of_a_tensorflow_checkpoint_are_known_by_one_another(tmp_path):
    (tmp_path / "model.ckpt-9.index").write_bytes(b"x")
    (tmp_path / "model.ckpt-9.data-00000-of-00001").write_bytes(b"\x93\x12\x77")
    assert recognise(tmp_path / "model.ckpt-9").what == "a TensorFlow checkpoint"
    assert recognise(tmp_path / "model.ckpt-9.data-00000-of-00001").what == "a part of a TensorFlow checkpoint"
    assert "a TensorFlow checkpoint" in refused("sample", tmp_path / "model.ckpt-9", tmp_path / "x.png")


def test_what_is_ours_is_known_whatever_its_name_is(networks, tmp_path):
    source = tmp_path / "checkpoint"
    checkpoint.save(checkpoint.state(checkpoint.fresh(networks, 8, seed=1)), source)
    assert recognise(source).what == CHECKPOINT
    for kind in (Kind.SAFETENSORS, Kind.TORCHSCRIPT):
        out = tmp_path / f"out.{kind.value.lower()}"
        assert pgan("export", source, out).exit_code == 0
        found = recognise(out)
        assert (found.what, found.kind) == (EXPORTED, kind)
        assert "name the checkpoint that it was exported from" in refused(
            "evaluate", "--checkpoint", out, "--out", tmp_path / "x.json"
        )
        assert "it needs no import" in refused("import", out, tmp_path / "x.pt")
    assert "it needs no import" in refused("import", source, tmp_path / "x.pt")
    whole = source.read_bytes()
    source.write_bytes(whole[: len(whole) // 2])
    for command in ("sample", "import", "export"):
        line = refused(command, source, tmp_path / "x.onnx" if command == "export" else tmp_path / "x.png")
        assert "a pgan checkpoint, cut off or damaged" in line
        assert AGAIN in line


def test_the_words_by_which_ours_are_known_are_those_that_are_written():
    assert checkpoint.FORMAT.startswith("pgan checkpoint ")
    assert classifier.FORMAT.startswith("pgan classifier ")
    assert description.FORMAT.startswith("pgan generator")


@pytest.mark.parametrize(
    "content", [b"\x80", b"\x80\x04", b"PK\x03\x04", b"\x08", b"c", b"cos\nsystem\n.", b"\0", b"<"]
)
def test_a_few_bytes_are_no_trouble(content, tmp_path):
    (tmp_path / "x").write_bytes(content)
    found = recognise(tmp_path / "x")
    assert found is None or found.what


def test_a_long_pickle_is_not_read_to_its_end(tmp_path):
    import time

    (tmp_path / "x").write_bytes(b"\x80\x04" + b"]" * 2**25 + b".")
    start = time.process_time()
    assert recognise(tmp_path / "x").kind is Kind.PICKLE
    assert time.process_time() - start < 2
