"""What commands find on disk besides parameters, checkpoints and sources, and where they are told to write."""

import json
import os
import pickle
import shutil
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from checkpoint_cases import CHECKPOINT, Call, Damage, Trap, rezipped
from harness import Case
from source_cases import JUNK, nested
from world import COMMANDS, write_params


def damaged(command: str, name: str, damage: Damage, *arguments: str) -> Callable[[Path], list[str]]:
    """A file of the world, damaged."""

    def prepare(folder: Path) -> list[str]:
        damage(folder / name)
        return list(arguments) or COMMANDS[command]

    return prepare


def npy_header(text: str, data: bytes = b"", version: int = 1) -> Damage:
    """A .npy file with any header."""
    body = text.encode() + b"\n"
    length = struct.pack("<H" if version == 1 else "<I", len(body))
    return lambda path: path.write_bytes(b"\x93NUMPY" + bytes([version, 0]) + length + body + data)


def header(shape: str, descr: str = "'|u1'", fortran: str = "False") -> str:
    """The literal in a .npy header."""
    return f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}}}"


def saved(array: np.ndarray) -> Damage:
    """Another array."""
    return lambda path: np.save(path, array, allow_pickle=True)


NPY: dict[str, Damage] = JUNK | {
    "objects": saved(np.array([Trap()], dtype=object)),
    "a shape of exabytes": npy_header(header("(1152921504606846976, 1, 8, 8)"), bytes(64)),
    "a shape that overflows": npy_header(header("(4294967296, 4294967296, 8, 8)")),
    "a negative shape": npy_header(header("(-1, 1, 8, 8)"), bytes(64)),
    "a shape of text": npy_header(header("'x'"), bytes(64)),
    "a shape of truths": npy_header(header("(True, 1, 8, 8)"), bytes(65)),
    "a header that is code": npy_header("__import__('os').system('touch witness')"),
    "a header of brackets": npy_header("(" * 5000),
    "a header of minus signs": npy_header("-" * 9000 + "1"),
    "a header without end": npy_header("{'descr"),
    "a header of gigabytes": lambda path: path.write_bytes(
        b"\x93NUMPY\2\0" + struct.pack("<I", 2**31) + b"{" + bytes(99)
    ),
    "version 9": lambda path: path.write_bytes(b"\x93NUMPY\x09\x00" + bytes(100)),
    "column-major": saved(np.asfortranarray(np.zeros((64, 1, 8, 8), np.uint8))),
    "no values": saved(np.zeros((0, 1, 8, 8), np.uint8)),
    "another type": saved(np.zeros((64, 1, 8, 8), np.complex64)),
    "structures": saved(np.zeros((64, 1, 8, 8), [("a", "u1")])),
    "a zip": lambda path: np.savez(path.open("wb"), x=np.zeros(3)),
    "a pickle": lambda path: path.write_bytes(pickle.dumps(Trap())),
}

ARRAYS = {
    "level": ("data/pyramid/images_8.npy", ("train", "features", "render")),
    "labels": ("data/pyramid/labels.npy", ("train", "features")),
    "samples": ("data/train/grow_8/samples.npy", ("render",)),
    "real features": ("data/features/real_8.npy", ("evaluate",)),
    "nearest.npy": ("data/evaluate/grow_8/nearest.npy", ("render",)),
}

JSON: dict[str, Damage] = JUNK | {
    "a list": lambda path: path.write_text("[1]"),
    "null": lambda path: path.write_text("null"),
    "100,000 levels": lambda path: path.write_text("[" * 100_000),
    "5000 digits": lambda path: path.write_text('{"count": ' + "9" * 5000 + "}"),
    "UTF-16": lambda path: path.write_bytes('{"count": "\u1234"}'.encode("utf-16-le")[:-1]),
}

TEXTS = {
    "meta.json": ("data/pyramid/meta.json", ("features", "evaluate")),
    "space.json": ("data/features/space.json", ("evaluate",)),
    "summary.json": ("data/train/more_4/summary.json", ("render",)),
    "metrics.json": ("data/evaluate/more_4/metrics.json", ("render",)),
    "nearest.json": ("data/evaluate/grow_8/nearest.json", ("render",)),
}


def replaced(key: str, value: Any) -> Damage:
    """One value of a JSON file."""

    def damage(path: Path) -> None:
        content = json.loads(path.read_text())
        content[key] = value
        path.write_text(json.dumps(content))

    return damage


FIELDS: dict[str, list[tuple[str, Any]]] = {
    "meta.json": [
        ("count", 10**30),
        ("count", -1),
        ("count", "64"),
        ("count", 65),
        ("count", True),
        ("levels", [8, 4]),
        ("levels", 8),
        ("levels", ["../x"]),
        ("levels", [10**20]),
        ("levels", []),
        ("channels", 3),
        ("channels", [1]),
        ("classes", "digits"),
        ("classes", ["x" * 1_000_000, 3]),
        ("classes", None),
        ("surprise", 1),
    ],
    "space.json": [("space", "inception"), ("space", ["x" * 100_000]), ("channels", "1"), ("levels", 3), ("x", 1)],
    "summary.json": [
        ("resolution", 10**9),
        ("resolution", 5),
        ("resolution", "4"),
        ("total_kimg", 1e308),
        ("total_kimg", float("nan")),
        ("total_kimg", -1),
        ("sample_kimg", [1e308] * 2),
        ("sample_kimg", ["x"]),
        ("sample_kimg", []),
        ("sample_kimg", [0.1] * 100_000),
        ("kind", ["grow"]),
    ],
    "metrics.json": [
        ("frechet", float("inf")),
        ("frechet", 10**400),
        ("frechet", 1e308),
        ("precision", "x" * 1_000_000),
        ("recall", [[]]),
        ("two\nlines", None),
    ],
    "nearest.json": [
        ("rows", 3),
        ("rows", [{}]),
        ("rows", [{"generated": 10**400, "closest": True, "real": [1], "distances": [1.0]}]),
        ("rows", [{"generated": 1, "closest": True, "real": [1], "distances": []}] * 100_000),
        ("searched", "x" * 1_000_000),
        ("between_reals", float("inf")),
        ("between_reals", -1e-320),
        ("two\nlines", None),
    ],
}

CSV: dict[str, Damage] = JUNK | {
    "no rows": lambda path: path.write_text(path.read_text().splitlines()[0] + "\n"),
    "a column too few": lambda path: path.write_text(path.read_text().replace("total_kimg", "kimgs")),
    "a cell of text": lambda path: path.write_text(path.read_text() + "x,x,x,x,x,x,x,x,x\n"),
    "a cell of a million": lambda path: path.write_text(path.read_text() + "9" * 1_000_000 + ",1\n"),
    "time that runs back": lambda path: path.write_text(path.read_text() + "1,-1,-5,1,1,1,1,1,1\n"),
    "cells too many": lambda path: path.write_text(path.read_text() + "1," * 50 + "\n"),
    "binary": lambda path: path.write_bytes(bytes(range(256))),
}


def safetensors(change: Callable[[dict[str, Any]], Any], data: bytes | None = None) -> Damage:
    """The header of a safetensors file changed."""

    def damage(path: Path) -> None:
        whole = path.read_bytes()
        length = int.from_bytes(whole[:8], "little")
        head = json.loads(whole[8 : 8 + length])
        text = json.dumps(change(head) or head).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text + (whole[8 + length :] if data is None else data))

    return damage


def described(change: Callable[[dict[str, Any]], Any]) -> Damage:
    """The description within a safetensors file changed."""

    def changed(head: dict[str, Any]) -> None:
        content = json.loads(head["__metadata__"]["pgan"])
        change(content)
        head["__metadata__"]["pgan"] = json.dumps(content)

    return safetensors(changed)


def code(line: str) -> Damage:
    """A line put into the code of a TorchScript file, before its result."""

    def change(name: str, content: bytes) -> bytes:
        return content.replace(b"    return ", f"    {line}\n    return ".encode(), 1) if "/code/" in name else content

    return rezipped(change)


def protobuf(field: int, content: bytes) -> bytes:
    """A field of bytes."""
    length, size = b"", len(content)
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([field << 3 | 2]) + length + bytes([size]) + content


EXPORTED: dict[str, dict[str, Damage]] = {
    "out.safetensors": JUNK
    | {
        "a header of exabytes": lambda path: path.write_bytes(b"\xff" * 7 + b"\x0f{" + bytes(100)),
        "tensors of terabytes": safetensors(
            lambda head: head["blocks.4.conv.bias"].update(shape=[2**40], data_offsets=[0, 2**42])
        ),
        "overlapping tensors": safetensors(
            lambda head: head["blocks.8.conv1.bias"].update(data_offsets=head["blocks.4.conv.bias"]["data_offsets"])
        ),
        "a negative shape": safetensors(lambda head: head["blocks.4.conv.bias"].update(shape=[-8])),
        "a shape of text": safetensors(lambda head: head["blocks.4.conv.bias"].update(shape="8")),
        "no data": safetensors(lambda head: None, b""),
        "nested metadata": safetensors(lambda head: head["__metadata__"].update(pgan="[" * 100_000)),
        "no metadata": lambda path: (
            safetensors(lambda head: head.pop("__metadata__") and head)(path),
            path.with_suffix(".json").unlink(),
        ),
        "metadata in a pipe": lambda path: (
            safetensors(lambda head: head.pop("__metadata__") and head)(path),
            path.with_suffix(".json").unlink(),
            os.mkfifo(path.with_suffix(".json")),
        ),
        "terabytes of networks": described(lambda d: d["networks"].update(fmap_base=2**30, fmap_max=2**20)),
        "a resolution of a trillion": described(lambda d: d.update(resolution=2**40)),
        "classes of text": described(lambda d: d["networks"].update(classes="ten\nlines" * 10_000)),
        "another format": described(lambda d: d.update(format="other")),
    },
    "out.torchscript": JUNK
    | {
        "compressed": rezipped(lambda _, content: content, zipfile.ZIP_DEFLATED),
        "code that writes a file": code('_0 = torch.save([images], "witness")'),
        "code of another namespace": code("_0 = ops.aten.from_file('witness')"),
        "code without end": code("while True:\n      pass"),
        "code of gigabytes": code("x9 = torch.add(images, 10000000000)"),
        "no code": rezipped(lambda name, content: b"" if "/code/" in name else content),
        "a command": rezipped(lambda name, content: pickle.dumps(Trap(), 2) if name.endswith("/data.pkl") else content),
        "another description": rezipped(lambda name, content: b"{}" if name.endswith("pgan.json") else content),
        "a nested description": rezipped(
            lambda name, content: b"[" * 100_000 if name.endswith("pgan.json") else content
        ),
    },
    "out.onnx": JUNK
    | {
        "nonsense": lambda path: path.write_bytes(b"\x08\x08" + bytes(range(256)) * 4),
        "a description of nothing": lambda path: path.write_bytes(
            path.read_bytes().replace(b"pgan generator 1", b"pgan generator 2")
        ),
        "a description of another size": lambda path: path.write_bytes(
            path.read_bytes().replace(b'"resolution": 8', b'"resolution": 4')
        ),
        "a graph within nothing": lambda path: path.write_bytes(b"\x08\x08" + protobuf(7, b"")),
        "lengths that lie": lambda path: path.write_bytes(b"\x08\x08\x3a\xff\xff\xff\xff\x07"),
    },
    "official.pkl": JUNK
    | {
        "a command": lambda path: path.write_bytes(pickle.dumps(Trap(), 2)),
        "an eval": lambda path: path.write_bytes(pickle.dumps([Call(eval, "1")] * 3, 4)),
        "a key that takes for ever": lambda path: path.write_bytes(nested(60)),
        "a memo of gigabytes": lambda path: path.write_bytes(b"\x80\x02Nr\xff\xff\xff\x7f."),
        "bytes of gigabytes": lambda path: path.write_bytes(b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"abc."),
        "100,000 levels": lambda path: path.write_bytes(b"\x80\x02" + b"(" * 100_000 + b"t" * 100_000 + b"."),
        "three numbers": lambda path: path.write_bytes(pickle.dumps((1, 2, 3))),
        "a dictionary": lambda path: path.write_bytes(pickle.dumps({"G": 1})),
        "an array of terabytes": lambda path: path.write_bytes(pickle.dumps(Call(np.ndarray, (2**40,)), 2)),
    },
}
EXPORTED_READERS = {
    "out.safetensors": ("sample", "export", "interpolate"),
    "out.torchscript": ("sample", "interpolate"),
    "out.onnx": ("sample", "interpolate"),
    "official.pkl": ("import", "export", "sample"),
}


def reading(command: str, file: str) -> list[str]:
    """The command's arguments with that file as its source."""
    return {
        "sample": ["sample", file, "grid.png", "--seeds", "0-1"],
        "interpolate": ["interpolate", file, "walk.gif", "--seeds", "0-1", "--frames", "2"],
        "export": ["export", file, "again.safetensors"],
        "import": ["import", file, "imported.pt"],
    }[command]


def cases() -> Iterator[Case]:
    """All of them."""
    for what, (file, commands) in ARRAYS.items():
        for command in commands:
            for name, damage in NPY.items():
                yield Case(command, f"{what}: {name}", damaged(command, file, damage))
    for what, (file, commands) in TEXTS.items():
        for command in commands:
            for name, damage in JSON.items():
                yield Case(command, f"{what}: {name}", damaged(command, file, damage))
            for number, (key, value) in enumerate(FIELDS[what]):
                damage = replaced(key, value)
                yield Case(command, f"{what}: {key!r} {number}", damaged(command, file, damage))
    for name, damage in CSV.items():
        yield Case("render", f"losses.csv: {name}", damaged("render", "data/train/more_4/losses.csv", damage))
    for file, damages in EXPORTED.items():
        for number, (name, damage) in enumerate(damages.items()):
            readers = EXPORTED_READERS[file]
            for command in readers if name not in JUNK else (readers[number % len(readers)],):
                yield Case(command, f"{file}: {name}", damaged(command, file, damage, *reading(command, file)))
    for name, damage in LABELS.items():
        yield Case("train", f"labels: {name}", damaged("train", "data/pyramid/labels.npy", damage))
        yield Case("features", f"labels: {name}", damaged("features", "data/pyramid/labels.npy", damage))
    for name, damage in FEATURES.items():
        yield Case("evaluate", f"real features: {name}", damaged("evaluate", "data/features/real_8.npy", damage))
    for name in JUNK:
        yield Case("features", f"inception: {name}", inception(JUNK[name]))
    yield Case("features", "inception: a command", inception(lambda path: path.write_bytes(pickle.dumps(Trap()))))
    yield Case("features", "inception: a checkpoint", inception(lambda path: None))
    yield from outputs()
    yield from presets()
    yield from options()
    yield from downloads()


LABELS: dict[str, Damage] = {
    "negative": saved(np.full(64, -1)),
    "beyond": saved(np.full(64, 10)),
    "huge": saved(np.full(64, 2**62)),
    "too few": saved(np.zeros(63, np.int64)),
    "too many": saved(np.zeros(65, np.int64)),
    "floats": saved(np.zeros(64)),
}
FEATURES: dict[str, Damage] = {
    "no numbers": saved(np.full((64, 16), np.nan, np.float32)),
    "infinite": saved(np.full((64, 16), np.inf, np.float32)),
    "of other dimensions": saved(np.zeros((64, 15), np.float32)),
    "doubles": saved(np.zeros((64, 16))),
    "one image": saved(np.zeros((1, 16), np.float32)),
}


def inception(damage: Damage) -> Callable[[Path], list[str]]:
    """A file that should be the Inception network."""

    def prepare(folder: Path) -> list[str]:
        shutil.copy(folder / CHECKPOINT, folder / "inception.pt")
        damage(folder / "inception.pt")
        write_params(folder, features__space="inception", features__inception__path="inception.pt")
        return COMMANDS["features"]

    return prepare


WRITING: dict[str, list[str]] = {
    "prepare": ["prepare", "--workers", "1", "--out"],
    "init": ["init", "--out"],
    "train": ["train", "grow_8", "--parent", "data/train/more_4/checkpoint.pt", "--out"],
    "features": ["features", "--out"],
    "evaluate": ["evaluate", "--checkpoint", CHECKPOINT, "--out"],
    "render": ["render", "--out"],
    "export": ["export", CHECKPOINT, "--format", "safetensors"],
    "sample": ["sample", CHECKPOINT, "--seeds", "0-1"],
    "interpolate": ["interpolate", CHECKPOINT, "--seeds", "0-1", "--frames", "2"],
    "import": ["import", "official.pkl"],
}
ENDINGS = {"sample": ".png", "interpolate": ".gif"}


def outputs() -> Iterator[Case]:
    """Places where nothing can be written."""
    for command, arguments in WRITING.items():
        ending = ENDINGS.get(command, "")
        yield Case(command, "out: in a file", lambda _, a=arguments, e=ending: [*a, f"params.yaml/x{e}"])
        yield Case(command, "out: in a device", lambda _, a=arguments, e=ending: [*a, f"/dev/full/x{e}"])
        yield Case(command, "out: in /proc", lambda _, a=arguments, e=ending: [*a, f"/proc/nothing/x{e}"])
        yield Case(command, "out: a name of 5000", lambda _, a=arguments, e=ending: [*a, "x" * 5000 + e])
        if command in ("init", "evaluate", "export", "import"):
            yield Case(command, "out: a folder", lambda _, a=arguments: [*a, "data"])
        if command in ("prepare", "train", "features", "render"):
            yield Case(command, "out: a file", lambda _, a=arguments: [*a, "params.yaml"])
        if command in ("prepare", "features"):
            yield Case(command, "out: somebody's folder", lambda _, a=arguments: [*a, "images"])
        if command in ("prepare", "init", "features", "evaluate", "export", "import"):
            yield Case(command, "out: here", lambda _, a=arguments: [*a, "."])
        yield Case(command, "out: the root", lambda _, a=arguments: [*a, "/"])
    yield Case("init", "out: its own input", lambda _: ["init", "--out", "params.yaml"])
    yield Case("evaluate", "out: its own input", lambda _: [*WRITING["evaluate"], CHECKPOINT])
    yield Case("import", "out: its own input", lambda _: ["import", "official.pkl", "official.pkl"])
    yield Case("train", "out: its own input", lambda _: [*COMMANDS["train"], "--log", "params.yaml"])


def options() -> Iterator[Case]:
    """Options that are nonsense."""
    sample, walk = COMMANDS["sample"][:3], COMMANDS["interpolate"][:3]
    for seeds in ("x", "", "1-", "9-1", "0,0", "0-999999999", "9" * 30, "-1", "1\n2", "٣", "0-1," * 50_000):
        yield Case("sample", f"seeds {seeds[:20]!r}", lambda _, s=seeds: [*sample, "--seeds", s])
        yield Case("interpolate", f"seeds {seeds[:20]!r}", lambda _, s=seeds: [*walk, "--seeds", s])
    for labels in ("x", "10", "0-99", "-1", "\x1b[31m", "0,0"):
        yield Case("sample", f"labels {labels!r}", lambda _, chosen=labels: [*sample, "--labels", chosen])
    for option, value in (
        ("--truncation", "nan"),
        ("--truncation", "inf"),
        ("--truncation", "-1"),
        ("--scale", "10" * 10),
        ("--columns", "0"),
        ("--columns", "[/bold]"),
        ("--batch", "99999999999"),
        ("--device", "cuda:99"),
        ("--device", "nonsense\nlines"),
        ("--device", "meta"),
    ):
        yield Case("sample", f"{option} {value!r}", lambda _, o=option, v=value: [*sample, o, v])
    for command in ("train", "features", "evaluate", "render"):
        yield Case(command, "a device that is none", lambda _, c=command: [*COMMANDS[c], "--device", "tpu\x1b[31m"])
    for phase in ("nothing", "", "grow_8.lr", "../grow_8", "x" * 10_000, "\udcff\n", "phases"):
        yield Case("train", f"phase {phase[:20]!r}", lambda _, p=phase: ["train", p])
    yield Case("export", "onto its source", lambda _: ["export", "out.safetensors", "out.safetensors"])
    yield Case("export", "a strange ending", lambda _: ["export", CHECKPOINT, "x.\n\x1b[31m"])
    yield Case("sample", "a strange ending", lambda _: ["sample", CHECKPOINT, "x.\n\x1b[31m"])
    yield Case("init", "a resolution of a trillion", lambda _: ["init", "--resolution", str(2**40)])
    yield Case("init", "a negative resolution", lambda _: ["init", "--resolution", "-4"])
    yield Case("prepare", "no workers", lambda _: ["prepare", "--workers", "0"])
    yield Case("check", "an unknown option", lambda _: ["check", "--[/bold]\x1b"])
    yield Case("check", "an argument too many", lambda _: ["check", "x" * 10_000])


PRESENT: dict[str, Damage] = {name: JUNK[name] for name in ("a folder", "a pipe", "a device", "a socket's name")} | {
    "binary": lambda path: path.write_bytes(bytes(range(256))),
    "UTF-16": lambda path: path.write_bytes("seed: 1\n".encode("utf-16")),
    "half a character": lambda path: path.write_bytes("seed: é".encode()[:-1]),
    "gigabytes": lambda path: os.truncate(path, 2**33),
    "a megabyte of lines": lambda path: path.write_bytes(b"\n" * 2**20),
}
"""What a preset may find in the place of the present parameters."""


def presets() -> Iterator[Case]:
    """Names that are none, and places where no parameter file can be."""
    for name in (
        "digit",
        "",
        ".",
        "../../params",
        "/etc/passwd",
        "digits.yaml",
        "*",
        "a\nb\x1b[31m",
        "\udcff",
        "x" * 10_000,
    ):
        yield Case("preset", f"named {name[:20]!r}", lambda _, n=name: ["preset", n, "--yes"])
    yield Case("preset", "no name", lambda _: ["preset"])
    yield Case("preset", "nobody to ask", lambda _: ["preset", "celeba-hq-256"])
    for what, damage in PRESENT.items():
        yield Case("preset", f"present: {what}", damaged("preset", "params.yaml", damage))
    for place in ("data", "params.yaml/x", "/dev/full", "/dev/full/x", "/proc/nothing/x", "/", ".", "x" * 5000):
        arguments = [*COMMANDS["preset"], "--params", place]
        yield Case("preset", f"params: {place[:20]!r}", lambda _, a=arguments: a)


def downloads() -> Iterator[Case]:
    """Servers that are none, and places where nothing can be written."""
    for url in (
        "http://127.0.0.1:1/",
        "http://[",
        "http://a b\n/",
        "nonsense",
        "ftp://127.0.0.1:1/",
        "data:,x#",
        "http://" + "x" * 10_000 + "/",
        "http://127.0.0.1:99999/",
        "http://\udcff/",
    ):
        yield Case("download", f"from {url[:20]!r}", lambda _, u=url: ["download", "mnist", "--url", u])
    yield Case("download", "from a folder of this machine", local_mirror)
    yield Case("download", "an unknown set", lambda _: ["download", "x" * 1000])
    yield Case("download", "into a file", lambda _: ["download", "mnist", "--out", "params.yaml"])
    yield Case("download", "into a device", lambda _: ["download", "cifar10", "--out", "/dev/full/x"])


def local_mirror(folder: Path) -> list[str]:
    """A folder, which is no server, that holds something else under the name."""
    shutil.copy(folder / "train-images-idx3-ubyte", folder / "train-images-idx3-ubyte.gz")
    return ["download", "mnist", "--out", ".", "--url", f"file://{folder}/elsewhere"]
