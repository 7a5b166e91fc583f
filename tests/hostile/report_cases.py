"""What `pgan report` is given: pictures that are none, damaged JSON, places where nothing can be written."""

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from checkpoint_cases import Damage
from file_cases import JSON, damaged
from harness import Case
from source_cases import JUNK
from world import COMMANDS

PAGE = "data/render/report.html"


def png(width: int, height: int, data: bytes) -> Damage:
    """A grey PNG that claims a size."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(data)), (b"IEND", b""))
    parts = [struct.pack(">I", len(d)) + name + d + struct.pack(">I", zlib.crc32(name + d)) for name, d in chunks]
    return lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def gif(width: int, height: int, frames: int) -> Damage:
    """A GIF of empty frames that claims a size."""
    size = struct.pack("<HH", width, height)
    frame = b"\x2c\0\0\0\0" + size + b"\0\x02\x02\x4c\x01\0"
    return lambda path: path.write_bytes(b"GIF89a" + size + b"\x80\0\0\0\0\0\xff\xff\xff" + frame * frames + b"\x3b")


def cut(path: Path) -> None:
    """Only the first half of a file."""
    os.truncate(path, path.stat().st_size // 2)


PICTURES: dict[str, Damage] = JUNK | {
    "cut": cut,
    "a picture of 10^5 x 10^5": png(10**5, 10**5, b""),
    "a picture of 2^31 x 2^31": png(2**31 - 1, 2**31 - 1, b""),
    "a picture of nothing": png(0, 0, b""),
    "a picture without pixels": png(100, 100, b""),
    "a bomb": png(30_000, 30_000, bytes(2**27)),
    "a film of gigapixels": gif(2**16 - 1, 2**16 - 1, 1),
    "a film without a frame": gif(8, 8, 0),
}
TEXTS = {
    "meta.json": "data/pyramid/meta.json",
    "summary.json": "data/train/more_4/summary.json",
    "metrics.json": "data/evaluate/more_4/metrics.json",
}


def cases() -> Iterator[Case]:
    """All of them."""
    for name, damage in PICTURES.items():
        for picture in ("samples.png", "progress.gif"):
            yield Case("report", f"{picture}: {name}", damaged("report", f"data/render/{picture}", damage))
    for what, file in TEXTS.items():
        for name, damage in JSON.items():
            yield Case("report", f"{what}: {name}", damaged("report", file, damage))
    for name, place in {
        "in a file": "params.yaml/x.html",
        "in a device": "/dev/full/x.html",
        "in /proc": "/proc/nothing/x.html",
        "a name of 5000": "x" * 5000 + ".html",
        "a folder": "data",
        "here": ".",
        "the root": "/",
        "its own input": "params.yaml",
    }.items():
        yield Case("report", f"out: {name}", lambda _, p=place: [*COMMANDS["report"], "--out", p])
    for option in ("--params", "--train", "--evaluate", "--pyramid", "--pictures"):
        arguments = [*COMMANDS["report"], option, "no\nsuch \x1b[31m\udcff"]
        yield Case("report", f"{option}: nothing", lambda _, a=arguments: a)
    yield Case("report", "a device that is none", lambda _: [*COMMANDS["report"], "--device", "tpu\x1b[31m"])
