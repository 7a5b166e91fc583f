"""IDX files."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pgan.data.pyramid import open_labels, open_level
from pgan.errors import InputError
from pgan.prepare.build import build
from pgan.prepare.config import Prepare
from pgan.prepare.sources import idx

Settings = Callable[..., Prepare]

IMAGES = np.random.default_rng(0).integers(0, 256, (70, 8, 8), dtype=np.uint8)
LABELS = (np.arange(70) % 3 * 2 + 1).astype(np.uint8)  # 1, 3, 5


def encode(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.fixture
def images(tmp_path: Path) -> Path:
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(encode(LABELS))
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(encode(IMAGES))
    return path


def test_plain_and_gzipped_files(images: Path, settings: Settings, tmp_path: Path, monkeypatch: object) -> None:
    zipped = images.with_name(images.name + ".gz")
    zipped.write_bytes(gzip.compress(images.read_bytes()))
    digests = set()
    for path in (images, zipped):
        meta = build(settings("idx", path=str(path), labels=True, channels=1), tmp_path / "out")
        assert meta.classes == ["1", "3", "5"]
        assert np.array_equal(open_level(tmp_path / "out", 8)[:, 0], IMAGES)
        assert np.array_equal(open_labels(tmp_path / "out"), np.arange(70) % 3)
        digests.add(meta.source_digest)
    assert len(digests) == 1


def test_files_are_read_in_blocks(
    images: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idx, "BLOCK", 3 * 64 + 1)
    build(settings("idx", path=str(images), max_images=20), tmp_path / "out")
    assert np.array_equal(open_level(tmp_path / "out", 8)[:, 1], IMAGES[np.arange(20) * 70 // 20])


def test_labels_path(images: Path, settings: Settings, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(gzip.compress(encode(LABELS[::-1].copy())))
    build(settings("idx", path=str(images), labels=True, labels_path=str(other)), tmp_path / "out")
    assert open_labels(tmp_path / "out").tolist() == (np.arange(70) % 3)[::-1].tolist()


@pytest.mark.parametrize(
    ("name", "beside"), [("t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte"), ("a-images.gz", "a-labels")]
)
def test_mnist_names_of_labels(name: str, beside: str, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(encode(IMAGES))
    (tmp_path / beside).write_bytes(encode(LABELS[::-1].copy()))
    build(settings("idx", path=str(tmp_path / name), labels=True), tmp_path / "out")
    assert open_labels(tmp_path / "out").tolist() == (np.arange(70) % 3)[::-1].tolist()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an IDX file"),
        (b"\x89PNG\r\n", "not an IDX file"),
        (b"\0\0\x0d\x03" + bytes(20), "type 0x0d with 3 dimensions; expected unsigned bytes"),
        (b"\0\0\x08\x01" + struct.pack(">I", 70) + bytes(70), "with 1 dimensions; expected .* with 3"),
        (b"\0\0\x08\x03" + bytes(5), "cut off within the header"),
        (b"\0\0\x08\x03" + struct.pack(">3I", 0, 8, 8), "empty"),
        (b"\0\0\x08\x03" + struct.pack(">3I", 2, 2**31, 2**31) + bytes(99), "header promises"),
        (b"\0\0\x08\x03" + struct.pack(">3I", 2**32 - 1, 8, 8) + bytes(99), "header promises 4294967295"),
        (encode(IMAGES)[:-1], "header promises"),
        (encode(IMAGES) + b"\0", "header promises"),
        (gzip.compress(encode(IMAGES)[:-1], mtime=0), "ends after 69 of 70 entries"),
        (gzip.compress(encode(IMAGES) + b"\0", mtime=0), "longer than its header says"),
        (gzip.compress(encode(IMAGES), mtime=0)[:-500], "the gzip stream is cut off"),
        (gzip.compress(encode(IMAGES), mtime=0)[:-8] + bytes(8), "the gzip stream is broken"),
        (b"\x1f\x8b\x08" + bytes(50), "the gzip stream is "),
        (gzip.compress(b"\0\0\x08\x03" + struct.pack(">3I", 2**27, 8, 8), mtime=0), "header promises"),
        (
            gzip.compress(b"\0\0\x08\x03" + struct.pack(">3I", 2**27 + 1, 1, 1) + bytes(2**24), mtime=0),
            "header promises",
        ),
    ],
)
def test_wrong_files(content: bytes, message: str, settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "images"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        build(settings("idx", path=str(path)), tmp_path / "out")
    assert str(caught.value).startswith(f"{path}: ")
    assert not (tmp_path / "out").exists()


def test_missing_files(images: Path, settings: Settings, tmp_path: Path) -> None:
    def error(**changes: str) -> str:
        with pytest.raises(InputError) as caught:
            build(settings("idx", **{"path": str(images), "labels": True, **changes}), tmp_path / "out")
        return str(caught.value)

    assert error(path=str(tmp_path / "none")) == f"{tmp_path / 'none'}: no such file"
    assert "a folder" in error(path=str(tmp_path))
    assert error(labels_path=str(tmp_path / "none")) == f"{tmp_path / 'none'}: no such file"
    (tmp_path / "short").write_bytes(encode(LABELS[:-1]))
    assert "69 labels for the 70 images" in error(labels_path=str(tmp_path / "short"))
    assert "expected unsigned bytes (0x08) with 1" in error(labels_path=str(images))
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    assert "give prepare.labels_path" in error()
    images.rename(tmp_path / "digits")
    assert "no 'images' in its name" in error(path=str(tmp_path / "digits"))


def test_mnist_from_seven_pixels_up(shared_data: Path, settings: Settings, tmp_path: Path) -> None:
    path = shared_data / "mnist" / "t10k-images-idx3-ubyte.gz"
    meta = build(
        settings("idx", path=str(path), labels=True, channels=1, base=7, resolution=28), tmp_path / "out", workers=2
    )
    assert (meta.count, meta.levels, meta.classes) == (10_000, [7, 14, 28], [str(digit) for digit in range(10)])
    raw = np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=16).reshape(-1, 28, 28)
    assert np.array_equal(open_level(tmp_path / "out", 28)[:, 0], raw)
    means = raw.reshape(-1, 7, 4, 7, 4).mean((2, 4))
    assert np.array_equal(open_level(tmp_path / "out", 7)[:, 0], np.rint(means).astype(np.uint8))
    assert open_labels(tmp_path / "out")[:5].tolist() == [7, 2, 1, 0, 4]
