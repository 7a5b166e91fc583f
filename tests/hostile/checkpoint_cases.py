"""Checkpoints, snapshots, classifiers and exported files: damaged, lying, or with something to run."""

import io
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from harness import Case
from parameter_cases import FISH
from world import COMMANDS, write_params

from pgan.networks import checkpoint
from pgan.networks.config import Networks

CHECKPOINT = "data/train/grow_8/checkpoint.pt"
PARENT = "data/train/more_4/checkpoint.pt"
READERS = ("evaluate", "render", "export", "sample", "interpolate", "init", "train")
"""Commands that read a checkpoint."""

Damage = Callable[[Path], Any]


class Trap:
    """Runs a command when it is unpickled by anything that lets it."""

    def __reduce__(self) -> Any:
        return os.system, ("touch witness",)


class Call:
    """Unpickles as a call."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> Any:
        return self.call[0], self.call[1:]


def content(path: Path) -> Any:
    """What a checkpoint holds."""
    return torch.load(path, weights_only=True)


def edited(change: Callable[[Any], Any]) -> Damage:
    """The content changed in place, or replaced by what `change` returns."""

    def damage(path: Path) -> None:
        whole = content(path)
        changed = change(whole)
        torch.save(whole if changed is None else changed, path)

    return damage


def put(*keys: Any, value: Any) -> Damage:
    """One value of the content replaced."""

    def change(whole: Any) -> None:
        for key in keys[:-1]:
            whole = whole[key]
        whole[keys[-1]] = value

    return edited(change)


def without(*keys: Any) -> Damage:
    """One value of the content taken out."""

    def change(whole: Any) -> None:
        for key in keys[:-1]:
            whole = whole[key]
        del whole[keys[-1]]

    return edited(change)


def rezipped(change: Callable[[str, bytes], bytes], method: int = zipfile.ZIP_STORED) -> Damage:
    """The archive's records, rewritten with right checksums."""

    def damage(path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            records = {entry.filename: archive.read(entry) for entry in archive.infolist()}
        with zipfile.ZipFile(path, "w", method) as archive:
            for name, data in records.items():
                archive.writestr(name, change(name, data))

    return damage


def flip(path: Path) -> None:
    """One bit of one weight."""
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        weights = [entry for entry in archive.infolist() if "/data/" in entry.filename]
        record = max(weights, key=lambda entry: entry.file_size)
    name, extra = (int.from_bytes(data[record.header_offset + i :][:2], "little") for i in (26, 28))
    data[record.header_offset + 30 + name + extra + record.file_size // 2] ^= 4
    path.write_bytes(bytes(data))


def lie(path: Path) -> None:
    """The central directory claims that a record is 3 GiB."""
    data = bytearray(path.read_bytes())
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 20 : entry + 28] = struct.pack("<II", 3 * 2**30, 3 * 2**30)
    path.write_bytes(bytes(data))


def bomb(path: Path) -> None:
    """A weight of 3 GiB of zeros, compressed to 3 MB."""
    with zipfile.ZipFile(path) as archive:
        records = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    names = [name for name in records if name.endswith("/data/0")]
    zeros(path, names[0], 48, {name: data for name, data in records.items() if name not in names})


def zeros(path: Path, name: str, count: int, others: dict[str, bytes]) -> None:
    """A zip archive with a member of `count` times 64 MiB of zeros, made without compressing them all."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(2**26)) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = block * count + packer.flush()
    with zipfile.ZipFile(path, "w") as archive:
        for other, data in others.items():
            archive.writestr(other, data)
        archive.writestr(zipfile.ZipInfo(name), packed)
    data = bytearray(path.read_bytes())
    entry = data.rindex(b"PK\x01\x02")
    local = int.from_bytes(data[entry + 42 : entry + 46], "little")
    for place, method in ((entry, 10), (local, 8)):
        data[place + method : place + method + 2] = struct.pack("<H", zipfile.ZIP_DEFLATED)
        data[place + method + 14 : place + method + 18] = struct.pack("<I", count * 2**26)
    path.write_bytes(bytes(data))


def pickled(value: Any) -> Damage:
    """The list of tensors replaced by any pickle."""
    return rezipped(lambda name, data: pickle.dumps(value, 2) if name.endswith("/data.pkl") else data)


def wide(path: Path) -> None:
    """A weight of one number that pretends to be as large as the configuration says."""
    whole = content(path)
    for part in ("generator", "ema"):
        weight = whole[part]["blocks.4.conv.weight"]
        whole[part]["blocks.4.conv.weight"] = torch.zeros(1).expand(weight.shape)
    torch.save(whole, path)


def fish(width: int = 4, pretend: bool = False) -> Damage:
    """Networks of another architecture, wider than the weights are, or of one number that pretends to be thousands."""

    def damage(path: Path) -> None:
        config = Networks.model_validate(FISH)
        whole = checkpoint.state(checkpoint.fresh(config, 32, 0))
        whole["networks"]["width"] = width
        for part in ("generator", "ema") if pretend else ():
            weight = whole[part]["dense.weight"]
            whole[part]["dense.weight"] = torch.zeros(1).expand(weight.shape)
        torch.save(whole, path)

    return damage


ANY: dict[str, Damage] = {
    "cut in the middle": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "cut by one byte": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("hello\n" * 100),
    "a picture": lambda path: path.write_bytes(Path(path.parents[3], "images/a/1.png").read_bytes()),
    "a flipped bit": flip,
    "a record that lies about its size": lie,
    "compressed records": rezipped(lambda _, data: data, zipfile.ZIP_DEFLATED),
    "another byte order": rezipped(lambda name, data: b"big" if name.endswith("/byteorder") else data),
    "a pickle that runs a command": lambda path: path.write_bytes(pickle.dumps(Trap())),
    "a command in the archive": pickled(Trap()),
    "an eval in the archive": pickled(Call(eval, "__import__('os').system('touch witness')")),
    "two gigabytes of nothing": pickled(Call(bytearray, 2**31)),
    "a memo of gigabytes": rezipped(
        lambda name, data: b"\x80\x02Nr\xff\xff\xff\x7f." if name.endswith("/data.pkl") else data
    ),
    "half a pickle": rezipped(lambda name, data: data[: len(data) // 2] if name.endswith("/data.pkl") else data),
    "a storage that is not there": rezipped(
        lambda name, data: (
            data.replace(b"X\x01\x00\x00\x000", b"X\x01\x00\x00\x00Z", 1) if name.endswith("/data.pkl") else data
        )
    ),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "a device": lambda path: (path.unlink(), path.symlink_to("/dev/zero")),
    "a link to itself": lambda path: (path.unlink(), path.symlink_to(path.name)),
    "nothing there": lambda path: path.unlink(),
    "another dictionary": edited(lambda _: {"a": 1}),
    "a list": edited(lambda _: [1, 2]),
    "a tensor": edited(lambda _: torch.zeros(3)),
    "a sparse weight": put(
        "ema", "blocks.4.conv.weight", value=torch.sparse_coo_tensor([[0]], [1.0], (10**9,), check_invariants=True)
    ),
    "a weight without memory": put("ema", "blocks.4.conv.weight", value=torch.empty(8, 8, 3, 3, device="meta")),
    "a weight that is a number": put("ema", "blocks.4.conv.weight", value=1.0),
    "a weight of whole numbers": put("ema", "blocks.4.conv.weight", value=torch.zeros(8, 8, 3, 3, dtype=torch.int8)),
    "a weight of another shape": put("ema", "blocks.4.conv.weight", value=torch.zeros(8, 8, 3, 1)),
    "a weight that pretends": wide,
    "a weight too few": without("ema", "blocks.4.conv.weight"),
    "a weight too many": put("ema", "surprise", value=torch.zeros(1)),
    "no networks": without("networks"),
    "terabytes of networks": edited(lambda whole: whole["networks"].update(fmap_base=2**30, fmap_max=2**20)),
    "megabytes of networks": edited(lambda whole: whole["networks"].update(fmap_base=512, fmap_max=512)),
    "an unknown architecture": put("networks", "architecture", value="x\n" * 1000),
    "the name of another architecture": put("networks", "architecture", value="fish"),
    "the keys of another architecture": put("networks", value=FISH),
    "a fish with forged weights": fish(pretend=True),
    "a fish that is wider than its weights": fish(width=8),
    "terabytes of fish": fish(width=2**16),
    "batch norm without statistics": put("networks", "batch_norm", value=True),
    "a base of a billion": put("networks", "fmap_base", value=10**30),
    "an infinite decay": put("networks", "fmap_decay", value=1e300),
    "channels of text": put("networks", "channels", value="three\nlines"),
    "a resolution of text": put("resolution", value="8"),
    "a resolution that is none": put("resolution", value=12),
    "a resolution of a trillion": put("resolution", value=2**40),
    "no EMA": without("ema"),
}
"""What every reader refuses."""

WHOLE: dict[str, Damage] = {
    "no critic": without("critic"),
    "kernels without weights": put("networks", "minibatch_discrimination", value=2**16),
    "a critic that is a list": put("critic", value=[1]),
    "a negative progress": put("progress", "images", value=-1),
    "a progress that is no number": put("progress", "total_images", value=float("nan")),
    "a progress of text": put("progress", "images", value="many"),
    "no progress": without("progress"),
    "an endless progress": put("progress", "total_images", value=2**70),
}
"""What is refused by those who read more than the EMA generator."""

ADAM: dict[str, Damage] = {
    "Adam of another shape": put("optimizers", "critic", "state", 0, "exp_avg", value=torch.zeros(2)),
    "Adam of a list": put("optimizers", "critic", value=[1]),
    "Adam without the generator": without("optimizers", "generator"),
    "Adam of a thousandth parameter": put("optimizers", "critic", "state", 1000, value={}),
    "Adam without a step": without("optimizers", "critic", "state", 0, "step"),
    "Adam's step of text": put("optimizers", "critic", "state", 0, "step", value="x"),
    "Adam that pretends": put("optimizers", "critic", "state", 0, "exp_avg", value=torch.zeros(1).expand(8, 1, 1, 1)),
}


def cases() -> Iterator[Case]:
    """All of them."""
    for command in READERS:
        for number, (name, damage) in enumerate(ANY.items()):
            turn = (number - READERS.index(command)) % len(READERS)
            if turn in (0, 3) or command == "sample":
                yield checkpoint_case(command, name, damage)
    for name, damage in WHOLE.items():
        for command in ("train", "evaluate"):
            yield checkpoint_case(command, name, damage)
    for name, damage in ADAM.items():
        yield Case("train", f"checkpoint: {name}", second_phase(damage))
    yield Case("sample", "checkpoint: a zip bomb", lambda folder: bomb(folder / CHECKPOINT) or COMMANDS["sample"])
    for name in ("cut in the middle", "a flipped bit", "a command in the archive", "a list", "a pipe"):
        yield Case("evaluate", f"classifier: {name}", classifier(ANY[name]))
    for name, damage in CLASSIFIER.items():
        yield Case("evaluate", f"classifier: {name}", classifier(damage))


CLASSIFIER: dict[str, Damage] = {
    "a width of a billion": put("shape", "width", value=10**9),
    "a width of text": put("shape", "width", value="8"),
    "no shape": without("shape"),
    "a weight too few": without("weights", "head.bias"),
    "a weight of another shape": put("weights", "head.bias", value=torch.zeros(1)),
    "a weight of another type": put("weights", "head.bias", value=torch.zeros(10, dtype=torch.int64)),
}


def checkpoint_case(command: str, name: str, damage: Damage) -> Case:
    """A damaged checkpoint for a command."""

    def prepare(folder: Path) -> list[str]:
        if command == "init":
            write_params(folder, init__source="checkpoint", init__resolution=4, init__path=CHECKPOINT)
        damage(folder / (PARENT if command == "train" else CHECKPOINT))
        return COMMANDS[command]

    return Case(command, f"checkpoint: {name}", prepare)


def second_phase(damage: Damage) -> Callable[[Path], list[str]]:
    """A parent whose Adam state the phase `more_4` goes on with."""

    def prepare(folder: Path) -> list[str]:
        damage(folder / "data/train/stabilize_4/checkpoint.pt")
        return ["train", "more_4"]

    return prepare


def classifier(damage: Damage) -> Callable[[Path], list[str]]:
    """A damaged feature network."""

    def prepare(folder: Path) -> list[str]:
        damage(folder / "data/features/classifier.pt")
        return COMMANDS["evaluate"]

    return prepare
