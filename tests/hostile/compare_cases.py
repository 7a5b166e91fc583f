"""What `pgan compare` is given: files of every kind that lie, and places where nothing can be written."""

from collections.abc import Callable, Iterator
from pathlib import Path

from checkpoint_cases import ANY, CHECKPOINT
from file_cases import EXPORTED, FIELDS, LABELS, NPY, Damage, replaced
from harness import Case, Prepare
from source_cases import SOURCES
from world import COMMANDS

OPTIONS = ["--reference", "data/pyramid", "--samples", "12", "--space", "none", "--workers", "1"]
LEFT_OUT = ("a size that lies", "a checksum that lies")
"""Of one picture among others: it is left out, and named."""


def cases() -> Iterator[Case]:
    """All of them."""
    for number, (name, damage) in enumerate(ANY.items()):
        if number % 3 == 0:
            yield Case("compare", f"checkpoint: {name}", damaged(CHECKPOINT, damage))
    for file, damages in EXPORTED.items():
        for number, (name, damage) in enumerate(damages.items()):
            if number % 4 == 0:
                yield Case("compare", f"{file}: {name}", damaged(file, damage))
    for name, damage in NPY.items():
        yield Case("compare", f"array: {name}", damaged("data/pyramid/images_8.npy", damage, new="array.npy"))
        yield Case("compare", f"level: {name}", spoilt("data/pyramid/images_8.npy", damage))
    for number, (key, value) in enumerate(FIELDS["meta.json"]):
        yield Case("compare", f"meta.json: {key!r} {number}", spoilt("data/pyramid/meta.json", replaced(key, value)))
    for name, damage in LABELS.items():
        yield Case("compare", f"labels: {name}", spoilt("data/pyramid/labels.npy", damage))
    for kind, file in (("zip", "images.zip"), ("tar", "images.tar.gz")):
        for name, make in SOURCES[kind].items():
            if name in LEFT_OUT:
                continue
            yield Case("compare", f"{kind}: {name}", damaged(file, make))
    yield from options()


def damaged(name: str, damage: Damage, new: str = "") -> Prepare:
    """A file of the world, or a copy under a new name, damaged and compared."""

    def prepare(folder: Path) -> list[str]:
        if new:
            (folder / new).write_bytes((folder / name).read_bytes())
        damage(folder / (new or name))
        return ["compare", new or name, *OPTIONS]

    return prepare


def spoilt(name: str, damage: Damage) -> Prepare:
    """The reference, damaged."""

    def prepare(folder: Path) -> list[str]:
        damage(folder / name)
        return COMMANDS["compare"]

    return prepare


def options() -> Iterator[Case]:
    """Options that are nonsense, and outputs that cannot be."""
    for name, arguments in {
        "samples of a billion": ["--samples", str(10**9)],
        "one sample": ["--samples", "1"],
        "a resolution of a trillion": ["--resolution", str(2**40)],
        "a negative seed": ["--seed", "-1"],
        "a device that is none": ["--device", "tpu\x1b[31m"],
        "features of nothing": ["--features", "images"],
        "an Inception file that is a checkpoint": ["--inception", CHECKPOINT],
        "an Inception file that is nowhere": ["--inception", "no\nsuch \x1b[31mfile \udcff"],
        "a reference of a generator": ["--reference", "out.safetensors"],
        "a reference of nothing": ["--reference", "x" * 5000],
        "out: in a file": ["--out", "params.yaml/x.json"],
        "out: in a device": ["--out", "/dev/full/x.json"],
        "out: in /proc": ["--out", "/proc/nothing/x.json"],
        "out: a name of 5000": ["--out", "x" * 5000 + ".json"],
        "out: here": ["--out", "."],
        "out: the root": ["--out", "/"],
        "out: its own input": ["--out", "params.json", "--grid", "picture.png"],
    }.items():
        yield Case("compare", name, with_options(arguments))


def with_options(arguments: list[str]) -> Callable[[Path], list[str]]:
    """The command of the world with more options; the last of an option counts."""

    def prepare(folder: Path) -> list[str]:
        if "picture.png" in arguments:
            (folder / "picture.png").symlink_to(CHECKPOINT)
        return [*COMMANDS["compare"], *arguments]

    return prepare
