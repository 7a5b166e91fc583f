"""Sources of images: archives, IDX files and pictures that lie, explode or lead out of the place where they belong."""

import bz2
import gzip
import io
import lzma
import os
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from checkpoint_cases import Call, Trap, zeros
from harness import Case, Prepare
from world import COMMANDS, cifar_archive, cifar_batch, write_params

Make = Callable[[Path], Any]
"""Makes the file or folder at a path hostile; it stands beside the world's own."""

PATHS = {
    "folder": "images",
    "zip": "images.zip",
    "tar": "images.tar.gz",
    "idx": "train-images-idx3-ubyte",
    "cifar10": "cifar.tar.gz",
    "mnist-rgb": "train-images-idx3-ubyte",
}


def chunk(kind: bytes, data: bytes) -> bytes:
    """Of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, data: bytes = b"") -> bytes:
    """A grey PNG that declares a size, whatever its data are."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(data or bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def bmp(width: int, height: int) -> bytes:
    """A BMP that declares a size."""
    return b"BM" + struct.pack("<IHHI", 100, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, *[0] * 6)


def tiff(width: int, height: int) -> bytes:
    """A TIFF that declares a size, and strips that are not there."""
    entries = [
        (256, width),
        (257, height),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 8),
        (277, 1),
        (278, height),
        (279, 2**31),
    ]
    body = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries)) + body + struct.pack("<I", 0)


def gif(width: int, height: int) -> bytes:
    """A GIF that declares a size."""
    return (
        b"GIF89a"
        + struct.pack("<HH", width, height)
        + b"\x80\0\0"
        + bytes(6)
        + b","
        + struct.pack("<HHHH", 0, 0, width, height)
        + b"\0\x02\x02\x4c\x01\0;"
    )


def cut(share: float) -> Callable[[bytes], bytes]:
    """The beginning of a file."""
    return lambda data: data[: int(len(data) * share)]


PICTURES: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "a PNG of 10^5 x 10^5": ("x.png", lambda _: png(10**5, 10**5)),
    "a PNG of 2^31 x 2^31": ("x.png", lambda _: png(2**31 - 1, 2**31 - 1)),
    "a PNG of no width": ("x.png", lambda _: png(0, 8)),
    "a PNG of too few bytes": ("x.png", lambda _: png(5000, 5000)),
    "a BMP of 10^5 x 10^5": ("x.bmp", lambda _: bmp(10**5, 10**5)),
    "a BMP of negative width": ("x.bmp", lambda _: bmp(-(2**31), 8)),
    "a TIFF of 10^5 x 10^5": ("x.tif", lambda _: tiff(10**5, 10**5)),
    "a GIF of 65535 x 65535": ("x.gif", lambda _: gif(65535, 65535)),
    "a PPM of 10^5 x 10^5": ("x.ppm", lambda _: b"P6 100000 100000 255\n" + bytes(100)),
    "a PPM of many digits": ("x.ppm", lambda _: b"P6 " + b"9" * 5000 + b" 1 255\n"),
    "a JPEG cut in half": ("x.jpeg", cut(0.5)),
    "a JPEG of its first bytes": ("x.jpeg", cut(0.05)),
    "an empty picture": ("x.png", lambda _: b""),
    "text": ("x.jpg", lambda _: b"hello " * 100),
    "postscript that runs": ("x.jpg", lambda _: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n(w) run\n"),
    "a JPEG 2000 of nothing": ("x.jp2", lambda _: b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(50)),
    "a WebP of nothing": ("x.webp", lambda _: b"RIFF\xff\xff\xff\x7fWEBPVP8 " + bytes(30)),
}


def in_folder(name: str, data: Callable[[bytes], bytes]) -> Make:
    """A picture among the others."""
    return lambda path: (path / "a" / name).write_bytes(data((path / "a/0.jpeg").read_bytes()))


def special_folder(make: Callable[[Path], Any]) -> Make:
    """Something in the folder that is no file."""
    return lambda path: make(path / "a/x.png")


def zipped(entries: dict[str, bytes], attributes: int = 0, method: int = zipfile.ZIP_DEFLATED) -> Make:
    """A zip archive."""

    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w", method) as archive:
            for name, data in entries.items():
                entry = zipfile.ZipInfo(name)
                entry.external_attr, entry.compress_type = attributes, method
                archive.writestr(entry, data)

    return make


def zip_bomb(path: Path) -> None:
    """A picture of three gigabytes of zeros."""
    zeros(path, "x.png", 48, {})


SIZE = 2**28 + 2**20


def packed_bomb(method: int, pack: Callable[[bytes], bytes]) -> Make:
    """A picture of more zeros than are ever unpacked, in another method than Deflate."""

    def make(path: Path) -> None:
        packed = pack(bytes(SIZE))
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x.png", packed)
        data = bytearray(path.read_bytes())
        for place in (8, data.rindex(b"PK\x01\x02") + 10):
            data[place : place + 2] = struct.pack("<H", method)
            data[place + 14 : place + 18] = struct.pack("<I", SIZE)
        path.write_bytes(bytes(data))

    return make


def lzma_bomb(data: bytes) -> bytes:
    """LZMA as in a zip archive, which claims a dictionary of 4 GB."""
    settings = [{"id": lzma.FILTER_LZMA1, "preset": 0}]
    return struct.pack("<HHBI", 0, 5, 93, 2**32 - 1) + lzma.compress(data, lzma.FORMAT_RAW, filters=settings)


def patched(at: Callable[[bytes], int], value: bytes) -> Make:
    """The bytes of the world's own file, some of them replaced."""

    def make(path: Path) -> None:
        data = bytearray(path.read_bytes())
        place = at(bytes(data))
        data[place : place + len(value)] = value
        path.write_bytes(bytes(data))

    return make


def tarred(*members: tuple[str, bytes, bytes], mode: str = "w:gz") -> Make:
    """A tar archive of (name, type, content or target of the link)."""

    def make(path: Path) -> None:
        with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
            for name, kind, data in members:
                member = tarfile.TarInfo(name)
                member.type = kind
                if kind == tarfile.REGTYPE:
                    member.size = len(data)
                    archive.addfile(member, io.BytesIO(data))
                else:
                    member.linkname = data.decode()
                    archive.addfile(member)

    return make


def tar_header(size: int, kind: bytes = tarfile.REGTYPE) -> Make:
    """A header that promises more than follows."""

    def make(path: Path) -> None:
        header = tarfile.TarInfo("x.png")
        header.size, header.type = size, kind
        path.write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(1024))

    return make


def idx(*numbers: int, magic: int = 0x803, data: bytes = bytes(6 * 784)) -> Make:
    """An IDX file with that header."""
    return lambda path: path.write_bytes(struct.pack(f">I{len(numbers)}I", magic, *numbers) + data)


def zipped_idx(*numbers: int) -> Make:
    """The same, gzipped."""

    def make(path: Path) -> None:
        with gzip.open(path, "wb") as file:
            file.write(struct.pack(f">I{len(numbers)}I", 0x803, *numbers) + bytes(100))

    return make


def batch(data: bytes) -> Make:
    """A CIFAR-10 archive of that batch."""
    return lambda path: cifar_archive(path, data)


def nested(depth: int) -> bytes:
    """A pickle whose key is a tuple of twice the same tuple, `depth` deep: to hash it takes 2^depth steps."""
    tuples = b")" + b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(depth))
    return b"\x80\x02}" + tuples + b"K\x01s."


def array_state(dtype: Any, shape: Any, data: Any) -> bytes:
    """A pickled array whose parts do not fit each other."""

    class Liar:
        def __reduce__(self) -> Any:
            function, arguments, _ = np.zeros(1, np.uint8).__reduce__()
            return function, arguments, (1, shape, dtype, False, data)

    return cifar_batch(data=Liar())


JUNK: dict[str, Make] = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_bytes(b"hello\n" * 500),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "a device": lambda path: (path.unlink(), path.symlink_to("/dev/zero")),
    "nothing there": lambda path: path.unlink(),
    "a socket's name": lambda path: (path.unlink(), path.symlink_to(path.name)),
}

SOURCES: dict[str, dict[str, Make]] = {
    "folder": {name: in_folder(*picture) for name, picture in PICTURES.items()}
    | {
        "a picture that is a pipe": special_folder(os.mkfifo),
        "a picture that is a device": special_folder(lambda path: path.symlink_to("/dev/zero")),
        "a picture that is a dangling link": special_folder(lambda path: path.symlink_to("nowhere")),
        "a name of any bytes": in_folder("\n\x1b[31m\udcff.png", lambda _: b"no picture"),
        "a file instead": lambda path: (
            os.rename(path / "a/0.jpeg", path.with_name("x"))
            or __import__("shutil").rmtree(path)
            or os.rename(path.with_name("x"), path)
        ),
    },
    "zip": JUNK
    | {
        "a name with ..": zipped({"../x.png": b"x", "a/../../y.png": b"x"}),
        "an absolute name": zipped({"/x.png": b"x"}),
        "a name of a drive": zipped({"C:/x.png": b"x"}),
        "a link": zipped({"x.png": b"/etc/passwd"}, attributes=0o120777 << 16),
        "a bomb": zip_bomb,
        "another method": zipped({"x.png": b"x" * 100}, method=zipfile.ZIP_LZMA),
        "a bomb in bzip2": packed_bomb(zipfile.ZIP_BZIP2, bz2.compress),
        "a bomb in LZMA": packed_bomb(zipfile.ZIP_LZMA, lzma_bomb),
        "no pictures": zipped({"x.txt": b"x"}),
        "an offset beyond the end": patched(lambda data: data.rindex(b"PK\x05\x06") + 16, b"\xff\xff\xff\x7f"),
        "a size that lies": patched(lambda data: data.index(b"PK\x01\x02") + 20, b"\xff\xff\xff\x7f\xff\xff\xff\x7f"),
        "a checksum that lies": patched(lambda data: data.index(b"PK\x01\x02") + 16, b"\0\0\0\0"),
        "a picture of 10^5 x 10^5": zipped({"x.png": png(10**5, 10**5)}),
    },
    "tar": JUNK
    | {
        "a name with ..": tarred(("../x.png", tarfile.REGTYPE, b"x")),
        "an absolute name": tarred(("/x.png", tarfile.REGTYPE, b"x")),
        "a link": tarred(("x.png", tarfile.SYMTYPE, b"/etc/passwd")),
        "a hard link": tarred(("x.png", tarfile.LNKTYPE, b"/etc/passwd")),
        "a device in it": tarred(("x.png", tarfile.CHRTYPE, b"")),
        "a size of a terabyte": tar_header(2**40),
        "a long name of gigabytes": tar_header(2**32, tarfile.GNUTYPE_LONGNAME),
        "an extended header of gigabytes": tar_header(2**32, tarfile.XHDTYPE),
        "a broken member": lambda path: (
            tarred(*((f"{n}.png", tarfile.REGTYPE, png(8, 8, bytes(72))) for n in range(4)), mode="w")(path),
            patched(lambda data: data.index(b"2.png"), b"\xff" * 200)(path),
        ),
        "no end": lambda path: (
            tarred(*((f"{n}.png", tarfile.REGTYPE, png(8, 8, bytes(72))) for n in range(4)), mode="w")(path),
            path.write_bytes(path.read_bytes()[:2048]),
        ),
        "a broken gzip": patched(lambda data: len(data) // 2, b"\xff" * 40),
        "a picture of 10^5 x 10^5": tarred(("x.png", tarfile.REGTYPE, png(10**5, 10**5))),
    },
    "idx": JUNK
    | {
        "a negative number": idx(2**32 - 6, 28, 28),
        "a huge number": idx(2**31, 2**31, 2**31),
        "a short file": idx(7, 28, 28),
        "a long file": idx(5, 28, 28),
        "no images": idx(0, 28, 28, data=b""),
        "an image of gigapixels": idx(1, 2**16, 2**16),
        "floats": idx(6, 28, 28, magic=0xD03),
        "labels instead": idx(6, magic=0x801, data=bytes(6)),
        "half a header": lambda path: path.write_bytes(b"\0\0\x08\x03\0\0"),
        "a gzip that lies": zipped_idx(2**20, 28, 28),
        "a gzip of nonsense": lambda path: path.write_bytes(b"\x1f\x8b\x08\0" + bytes(50)),
        "no labels": lambda path: path.with_name("train-labels-idx1-ubyte").unlink(),
        "too few labels": lambda path: path.with_name("train-labels-idx1-ubyte").write_bytes(
            struct.pack(">II", 0x801, 5) + bytes(5)
        ),
        "labels that are a pipe": lambda path: (
            path.with_name("train-labels-idx1-ubyte").unlink(),
            os.mkfifo(path.with_name("train-labels-idx1-ubyte")),
        ),
    },
    "mnist-rgb": {
        "a pipe": JUNK["a pipe"],
        "cut": JUNK["cut"],
        "a negative number": idx(2**32 - 6, 28, 28),
        "a gzip that lies": zipped_idx(2**20, 28, 28),
        "an image of gigapixels": idx(1, 2**16, 2**16),
        "images of another size": idx(6, 14, 14, data=bytes(6 * 196)),
        "images of nearly no size": idx(6, 1, 1, data=bytes(6)),
        "no labels": lambda path: path.with_name("train-labels-idx1-ubyte").unlink(),
        "labels that are no digits": lambda path: path.with_name("train-labels-idx1-ubyte").write_bytes(
            struct.pack(">II", 0x801, 6) + bytes([0, 9, 10, 99, 255, 1])
        ),
    },
    "cifar10": JUNK
    | {
        "a command": batch(pickle.dumps(Trap(), 2)),
        "an eval": batch(cifar_batch(extra=Call(eval, "1"))),
        "an array of terabytes": batch(cifar_batch(extra=Call(np.ndarray, (2**40,)))),
        "a type of objects": batch(array_state(np.dtype("O"), (2**20,), [None])),
        "a type of nothing": batch(array_state(np.dtype("V0"), (2**60,), b"")),
        "a shape of terabytes": batch(array_state(np.dtype("u1"), (2**30, 3072), b"abc")),
        "a negative shape": batch(array_state(np.dtype("u1"), (-1, 3072), b"abc")),
        "a key that takes for ever": batch(nested(60)),
        "a memo of gigabytes": batch(b"\x80\x02Nr\xff\xff\xff\x7f."),
        "a text of gigabytes": batch(b"\x80\x02X\xff\xff\xff\x7fabc."),
        "bytes of gigabytes": batch(b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"abc."),
        "100,000 levels": batch(b"(" * 100_000 + b"t" * 100_000 + b"."),
        "no labels": batch(pickle.dumps({b"data": np.zeros((4, 3072), np.uint8)}, 2)),
        "labels beyond": batch(cifar_batch(labels=[0, 1, 2, 10])),
        "negative labels": batch(cifar_batch(labels=[0, 1, 2, -1])),
        "pixels of floats": batch(cifar_batch(data=np.zeros((4, 3072)))),
        "half a pickle": batch(cifar_batch()[:-50]),
    },
}


def described(data: bytes) -> dict[str, Make]:
    """That `dataset.json` in each kind of tree."""
    content = {"a/0.png": png(8, 8, bytes(72)), "dataset.json": data}
    members = [(name, tarfile.REGTYPE, part) for name, part in content.items()]
    return {
        "folder": lambda path: (path / "dataset.json").write_bytes(data),
        "zip": zipped(content),
        "tar": tarred(*members),
    }


DESCRIPTIONS = {
    "a dataset.json of lists": b'{"labels": [' + b"[]," * 2**22 + b"[]]}",
    "a dataset.json of too many lists": b'{"labels": [' + b"[]," * 2**23 + b"[]]}",
    "a dataset.json of many levels": b'{"labels": ' + b"[" * 2**20,
    "a dataset.json of zeros": bytes(2**27 + 1),
    "a dataset.json of digits": b'{"labels": [["a/0.png", ' + b"9" * 2**20 + b"]]}",
}


def cases() -> Iterator[Case]:
    """All of them."""
    for kind, makes in SOURCES.items():
        for name, make in makes.items():
            yield Case("prepare", f"{kind}: {name}", source(kind, make))
    for name, data in DESCRIPTIONS.items():
        for kind, make in described(data).items():
            yield Case("prepare", f"{kind}: {name}", source(kind, make, labels=True))
    yield Case("prepare", "folder: two workers", source("folder", SOURCES["folder"]["a JPEG cut in half"], workers=2))
    for name in ("a bomb", "a link", "a name with .."):
        yield Case("prepare", f"zip: only {name}, and it may be skipped", source("zip", SOURCES["zip"][name], skip=9))


def source(kind: str, make: Make, workers: int = 1, skip: int = 0, labels: bool = False) -> Prepare:
    """The world with another source of images."""

    def prepare(folder: Path) -> list[str]:
        path = folder / PATHS[kind]
        make(path)
        changes = {  # labels in a tree of images would be the mistake that is found
            "labels": labels or kind in ("idx", "cifar10", "mnist-rgb"),
            "source": kind,
            "channels": 3,
            "path": path.name,
            "allow_upscale": True,
            "max_skipped": skip,
            "max_images": None,
        }
        write_params(folder, **{f"prepare__{key}": value for key, value in changes.items()})
        return [*COMMANDS["prepare"][:-1], str(workers)]

    return prepare
