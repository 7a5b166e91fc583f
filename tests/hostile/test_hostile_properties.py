"""Malformed inputs that nobody thought of, derived by chance from good ones in ways that are certainly wrong.

HYPOTHESIS_PROFILE=deep draws new ones, and many more.
"""

import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from file_cases import reading
from harness import Server, judge, sandbox, tree
from hypothesis import given, settings
from hypothesis import strategies as st
from source_cases import source
from world import COMMANDS, parameters

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
PROFILE = settings(
    derandomize=not DEEP, database=None, deadline=None, max_examples=500 if DEEP else 10, print_blob=False
)

CHECKPOINTS = {
    "data/train/grow_8/checkpoint.pt": ("evaluate", "render", "sample", "interpolate", "export"),
    "data/train/more_4/checkpoint.pt": ("train",),
    "data/features/classifier.pt": ("evaluate",),
}
FILES = CHECKPOINTS | {
    "out.safetensors": ("sample", "export"),
    "out.onnx": ("sample", "interpolate"),
    "out.torchscript": ("sample",),
    "official.pkl": ("import", "sample", "export"),
    "data/pyramid/images_8.npy": ("train", "features", "render"),
    "data/pyramid/labels.npy": ("train", "features"),
    "data/pyramid/meta.json": ("features", "evaluate"),
    "data/features/real_8.npy": ("evaluate",),
    "data/features/space.json": ("evaluate",),
    "data/train/more_4/samples.npy": ("render",),
    "data/train/more_4/summary.json": ("render",),
    "images.zip": ("prepare",),
    "images.tar.gz": ("prepare",),
    "cifar.tar.gz": ("prepare",),
    "train-images-idx3-ubyte": ("prepare",),
    "images/a/0.jpeg": ("prepare",),
}
SOURCES = {"zip": "zip", "gz": "tar", "jpeg": "folder", "idx3-ubyte": "idx"}

pairs = st.sampled_from([(command, file) for file, commands in FILES.items() for command in commands])
shares = st.floats(0, 0.9, allow_nan=False)


def arguments(command: str, file: str, folder: Path) -> list[str]:
    """The command that reads that file."""
    if command == "prepare":
        kind = "cifar10" if "cifar" in file else next(kind for end, kind in SOURCES.items() if file.endswith(end))
        return source(kind, lambda _: None)(folder)
    if command in ("sample", "interpolate", "export", "import"):
        return reading(command, file)
    return COMMANDS[command]


@contextmanager
def refused(command: str, file: str, server: Server, world: Path, place: Path) -> Iterator[Path]:
    """A file of the world, to be spoilt in the block, after which the command that reads it must refuse it."""
    with sandbox(world, place) as folder:
        given_arguments = arguments(command, file, folder)
        yield folder / file
        before = tree(folder)
        ending = server.run(folder, given_arguments)
        assert judge(ending) == [], (command, file, ending)
        assert tree(folder) == before


@settings(PROFILE, max_examples=PROFILE.max_examples * 2)
@given(pair=pairs, share=shares)
def test_files_that_are_cut_off(pair: Any, share: float, server: Server, world: Path, place: Path) -> None:
    with refused(*pair, server, world, place) as path:
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])


@PROFILE
@given(pair=pairs, data=st.binary(min_size=0, max_size=400))
def test_files_of_other_bytes(pair: Any, data: bytes, server: Server, world: Path, place: Path) -> None:
    with refused(*pair, server, world, place) as path:
        path.write_bytes(b"\x01" + data)


@PROFILE
@given(pair=pairs, other=st.sampled_from(sorted(FILES)), junk=st.binary(min_size=1, max_size=9))
def test_files_of_another_format(pair: Any, other: str, junk: bytes, server: Server, world: Path, place: Path) -> None:
    command, file = pair
    if other.rpartition(".")[2] == file.rpartition(".")[2] or (other.endswith("pt") and file.endswith("pt")):
        return
    if command in ("sample", "interpolate", "export") and (other.startswith("out") or other in CHECKPOINTS):
        return  # these tell formats by their content
    if command in ("sample", "export") and other == "official.pkl":
        return
    with refused(command, file, server, world, place) as path:
        shutil.copy(world / other, path)


@PROFILE
@given(pair=pairs.filter(lambda pair: pair[1] in CHECKPOINTS), place_in=st.floats(0, 1), bit=st.integers(0, 7))
def test_flipped_bits_of_weights(
    pair: Any, place_in: float, bit: int, server: Server, world: Path, place: Path
) -> None:
    with refused(*pair, server, world, place) as path:
        data = bytearray(path.read_bytes())
        with zipfile.ZipFile(path) as archive:
            records = [entry for entry in archive.infolist() if "/data/" in entry.filename and entry.file_size]
        at = int(place_in * (sum(entry.file_size for entry in records) - 1))
        for entry in records:
            if at < entry.file_size:
                name, extra = (int.from_bytes(data[entry.header_offset + i :][:2], "little") for i in (26, 28))
                data[entry.header_offset + 30 + name + extra + at] ^= 1 << bit
                break
            at -= entry.file_size
        path.write_bytes(bytes(data))


WRONG = [
    *(-1, -0.5, 10**30, float("nan"), float("-inf")),
    *({"a": 1}, {"from": {"from": []}}, {str(i): i for i in range(1000)}),
    *([[]], [{}], [1] * 1000),
    *("\n\0\x1b", "x" * 50_000),
]
"""None of them is right anywhere, but for text where text may be free."""


def leaves(content: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Where the values are."""
    if not isinstance(content, dict):
        return [path]
    return [leaf for key, value in content.items() for leaf in leaves(value, (*path, key))]


LEAVES = leaves(parameters())
FREE = ("prepare.path", "prepare.labels_path", "init.path", "url")
"""Where any text is right, so that none is wrong; and `prepare.path` need only exist."""


@settings(PROFILE, max_examples=PROFILE.max_examples * 2)
@given(leaf=st.sampled_from(LEAVES), value=st.sampled_from(WRONG))
def test_parameters_of_a_wrong_value(
    leaf: tuple[str, ...], value: Any, server: Server, world: Path, place: Path
) -> None:
    if isinstance(value, str) and ".".join(leaf).endswith(FREE):
        return
    content = parameters()
    inner = content
    for key in leaf[:-1]:
        inner = inner[key]
    inner[leaf[-1]] = value
    with refused("check", "params.yaml", server, world, place) as path:
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


SECTIONS = [("training",), ("phases", "grow_8"), ("features",), ("evaluate",), ("render",), ("evaluate", "kid"), ()]


@PROFILE
@given(section=st.sampled_from(SECTIONS), number=st.integers(0, 100), added=st.text(max_size=40))
def test_parameters_too_few_and_too_many(
    section: tuple[str, ...], number: int, added: str, server: Server, world: Path, place: Path
) -> None:
    content = parameters()
    inner = content
    for key in section:
        inner = inner[key]
    if number % 2 and added not in inner:
        inner[added] = 1
    else:
        del inner[sorted(inner)[number % len(inner)]]
    with refused("check", "params.yaml", server, world, place) as path:
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


@PROFILE
@given(
    file=st.sampled_from(["data/pyramid/meta.json", "data/features/space.json", "data/train/more_4/summary.json"]),
    number=st.integers(0, 100),
    value=st.sampled_from([None, {}, {"a": [1]}, -1, "x", [None], 10**400, [[]], 1.5]),
)
def test_descriptions_of_a_wrong_value(
    file: str, number: int, value: Any, server: Server, world: Path, place: Path
) -> None:
    content = json.loads((world / file).read_text())
    needed = {
        "data/pyramid/meta.json": ["count", "channels", "levels", "classes"],
        "data/features/space.json": ["space", "channels", "levels"],
        "data/train/more_4/summary.json": ["resolution", "total_kimg", "sample_kimg"],
    }[file]
    key = needed[number % len(needed)]
    content[key] = {"a": value} if key == "total_kimg" and value == 1.5 else value
    with refused("render" if "summary" in file else "evaluate", file, server, world, place) as path:
        path.write_text(json.dumps(content))


def test_the_properties_know_the_files_of_the_world(world: Path) -> None:
    assert [file for file in FILES if not (world / file).is_file()] == []
