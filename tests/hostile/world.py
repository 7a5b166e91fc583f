"""A whole experiment in miniature, made by the commands themselves, on which every command succeeds."""

import gzip
import io
import pickle
import shutil
import struct
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from harness import Server
from PIL import Image

from pgan.config import read_yaml

ROOT = Path(__file__).parents[2]
CHANGES: dict[str, Any] = {
    "prepare.resolution": 8,
    "prepare.max_images": 64,
    "init.path": "data/train/grow_8/checkpoint.pt",
    "networks.classes": 10,
    "networks.latent_size": 8,
    "networks.fmap_base": 16,
    "networks.fmap_max": 8,
    "training.samples": 10,
    "training.sample_frames": 2,
    "training.log_every_kimg": 0.016,
    "phases": {
        "stabilize_4": {"from": "init", "kind": "stabilize", "resolution": 4, "kimg": 0.032, "batch": 8, "lr": 0.001},
        "more_4": {"from": "stabilize_4", "kind": "stabilize", "resolution": 4, "kimg": 0.016, "batch": 8, "lr": 0.001},
        "grow_8": {"from": "more_4", "kind": "grow", "resolution": 8, "kimg": 0.032, "batch": 8, "lr": 0.001},
    },
    "features.classifier.resolution": 8,
    "features.classifier.width": 4,
    "features.classifier.epochs": 1,
    "features.classifier.batch": 8,
    "evaluate.images": 40,
    "evaluate.batch": 20,
    "evaluate.target_resolution": 8,
    "evaluate.metrics": ["frechet", "kid", "precision_recall", "memorisation", "inception_score", "classes", "swd"],
    "evaluate.swd": {"images": 40, "patches": 4, "directions": 8},
    "evaluate.precision_recall.images": 40,
    "evaluate.kid.subset_size": 10,
    "render.rows": 1,
    "render.columns": 2,
    "render.tile": 16,
    "render.frames_per_phase": 2,
    "render.interpolation": {"latents": 2, "frames_between": 2, "walkers": 2},
    "render.transitions": {"latents": 8, "pairs": 1},
    "render.curves.dpi": 40,
}

COMMANDS: dict[str, list[str]] = {
    "preset": ["preset", "digits", "--yes"],
    "new": ["new", "many.zip", "--kimg", "0.1", "--yes", "--workers", "1"],
    "check": ["check"],
    "plan": ["plan", "--workers", "1"],
    "prepare": ["prepare", "--workers", "1"],
    "init": ["init"],
    "train": ["train", "grow_8"],
    "features": ["features"],
    "evaluate": ["evaluate", "--checkpoint", "data/train/grow_8/checkpoint.pt", "--out", "metrics.json"],
    "render": ["render"],
    "report": ["report"],
    "export": ["export", "data/train/grow_8/checkpoint.pt", "again.safetensors"],
    "sample": ["sample", "data/train/grow_8/checkpoint.pt", "grid.png", "--seeds", "0-3"],
    "interpolate": ["interpolate", "data/train/grow_8/checkpoint.pt", "walk.gif", "--seeds", "0-1", "--frames", "2"],
    "compare": [
        *("compare", "data/train/grow_8/checkpoint.pt", "images.zip", "--reference", "data/pyramid"),
        *("--samples", "12", "--space", "none", "--workers", "1", "--out", "compare.json"),
    ],
    "clean": ["clean"],
    "import": ["import", "official.pkl", "imported.pt"],
}
"""What succeeds on the world; `download` has no network here."""


def change(content: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key."""
    *parents, last = key.split(".")
    for parent in parents:
        content = content[parent]
    content[last] = value


def parameters(**changes: Any) -> dict[str, Any]:
    """The parameters of the world, but for dotted keys given with `__` for the dot."""
    content = read_yaml(ROOT / "params.yaml")
    for key, value in (CHANGES | {key.replace("__", "."): value for key, value in changes.items()}).items():
        change(content, key, value)
    return content


def write_params(folder: Path, **changes: Any) -> None:
    """Write params.yaml."""
    text = yaml.safe_dump(parameters(**changes), sort_keys=False)
    (folder / "params.yaml").write_text(text, encoding="utf-8")


def build(folder: Path, server: Server) -> None:
    """Make the world in an empty folder."""
    write_params(folder)
    for name in ("tmp", "data/raw"):
        (folder / name).mkdir(parents=True)
    (folder / "official.pkl").write_bytes(_official())
    _images(folder)
    checkpoint = "data/train/grow_8/checkpoint.pt"
    for arguments in (
        COMMANDS["prepare"],
        COMMANDS["init"],
        ["train", "stabilize_4"],
        ["train", "more_4"],
        COMMANDS["train"],
        COMMANDS["features"],
        [
            *("evaluate", "--checkpoint", checkpoint, "--out", "data/evaluate/grow_8/metrics.json"),
            *("--nearest", "data/evaluate/grow_8"),
        ],
        *(["export", checkpoint, f"out.{ending}"] for ending in ("safetensors", "torchscript", "onnx")),
        ["import", "official.pkl", "official.pt"],
    ):
        ending = server.run(folder, arguments, memory=2**34)
        assert ending.code == 0, (arguments, ending)
    for phase in ("stabilize_4", "more_4"):  # what the evaluation of the others would have written, near enough
        shutil.copytree(folder / "data/evaluate/grow_8", folder / "data/evaluate" / phase)
    ending = server.run(folder, COMMANDS["render"], memory=2**34)
    assert ending.code == 0, ending


def _official() -> bytes:
    sys.path.append(str(ROOT / "tests"))
    from oracles import official_reference as official

    g, d, values = official.networks()
    return bytes(official.pickled([official.state(role, d if role == "D" else g, values[role]) for role in values]))


def _images(folder: Path) -> None:
    """The same few pictures as a folder, a zip, a tar, an IDX file and a CIFAR-10 archive."""
    (folder / "images/a").mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (6, 28, 28), dtype=np.uint8)
    with zipfile.ZipFile(folder / "images.zip", "w") as zipped, tarfile.open(folder / "images.tar.gz", "w:gz") as tar:
        for number, picture in enumerate(pixels):
            buffer = io.BytesIO()
            form = "PNG" if number % 2 else "JPEG"
            Image.fromarray(picture).save(buffer, form)
            name = f"a/{number}.{form.lower()}"
            (folder / "images" / name).write_bytes(buffer.getvalue())
            zipped.writestr(name, buffer.getvalue())
            member = tarfile.TarInfo(name)
            member.size = len(buffer.getvalue())
            tar.addfile(member, io.BytesIO(buffer.getvalue()))
    with zipfile.ZipFile(folder / "many.zip", "w") as zipped:  # enough for `pgan new`
        for number, picture in enumerate(np.random.default_rng(1).integers(0, 256, (20, 16, 16), dtype=np.uint8)):
            buffer = io.BytesIO()
            Image.fromarray(picture).save(buffer, "PNG")
            zipped.writestr(f"{number}.png", buffer.getvalue())
    (folder / "train-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 0x803, 6, 28, 28) + pixels.tobytes())
    (folder / "train-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, 6) + bytes([0, 1, 2, 0, 1, 2]))
    with gzip.open(folder / "zipped-images-idx3-ubyte.gz", "wb") as file:
        file.write((folder / "train-images-idx3-ubyte").read_bytes())
    cifar_archive(folder / "cifar.tar.gz", cifar_batch())


def cifar_batch(**changes: Any) -> bytes:
    """A pickled batch of CIFAR-10."""
    batch = {b"data": np.zeros((4, 3072), np.uint8), b"labels": [0, 1, 2, 3]}
    return pickle.dumps(batch | {key.encode(): value for key, value in changes.items()}, 2)


def cifar_archive(path: Path, batch: bytes) -> None:
    """An archive with one batch."""
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
        member.size = len(batch)
        tar.addfile(member, io.BytesIO(batch))
