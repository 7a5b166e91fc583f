"""CIFAR-10's archives, in miniature."""

import io
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pgan.data.pyramid import open_labels, open_level
from pgan.errors import InputError
from pgan.prepare.build import build
from pgan.prepare.config import Prepare

Settings = Callable[..., Prepare]

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 3, 32, 32), dtype=np.uint8)
LABELS = (np.arange(20) * 7 % 10).tolist()


def archive(path: Path, content: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def batch(rows: slice, **changes: Any) -> dict[bytes, Any]:
    data = PIXELS[rows].reshape(-1, 3072)
    return {b"batch_label": b"training", b"labels": LABELS[rows], b"data": data, b"filenames": [b"x.png"]} | changes


def python2_pickle(content: dict[bytes, Any]) -> bytes:
    """As Python 2's numpy wrote it: byte strings, and numpy.core."""
    data = pickle.dumps(content, protocol=2)
    return data.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def from_parts(path: Path, python: bool) -> Path:
    """Batches in another order than that of their numbers, with a test batch between them."""
    rows = {2: slice(4, 8), 1: slice(0, 4), 3: slice(8, 12), 5: slice(16, 20), 4: slice(12, 16)}
    if python:
        content = {f"cifar-10-batches-py/data_batch_{n}": python2_pickle(batch(rows[n])) for n in rows}
        return archive(path, {**content, "cifar-10-batches-py/test_batch": python2_pickle(batch(slice(0, 20)))})
    records = np.concatenate([np.array(LABELS, np.uint8)[:, None], PIXELS.reshape(20, -1)], 1)
    content = {f"cifar-10-batches-bin/data_batch_{n}.bin": records[rows[n]].tobytes() for n in rows}
    return archive(path, {**content, "cifar-10-batches-bin/test_batch.bin": records.tobytes()})


@pytest.mark.parametrize("python", [True, False])
def test_training_batches_in_order(python: bool, settings: Settings, tmp_path: Path) -> None:
    path = from_parts(tmp_path / "cifar.tar.gz", python)
    meta = build(settings("cifar10", path=str(path), resolution=32, labels=True), tmp_path / "out")
    assert (meta.count, meta.classes[0], meta.classes[9]) == (20, "airplane", "truck")
    assert np.array_equal(open_level(tmp_path / "out", 32), PIXELS)
    assert open_labels(tmp_path / "out").tolist() == LABELS


def test_both_archives_have_one_digest(settings: Settings, tmp_path: Path) -> None:
    digests = {
        build(settings("cifar10", path=str(from_parts(tmp_path / "a", python))), tmp_path / "out").source_digest
        for python in (True, False)
    }
    assert len(digests) == 1


class Evil:
    """Runs a command when it is unpickled by anything that lets it."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> Any:
        return self.call[0], self.call[1:]


def error(content: dict[str, bytes], settings: Settings, tmp_path: Path) -> str:
    with pytest.raises(InputError) as caught:
        build(settings("cifar10", path=str(archive(tmp_path / "a.tar.gz", content))), tmp_path / "out")
    return str(caught.value)


def test_nothing_that_a_pickle_names_is_run(settings: Settings, tmp_path: Path) -> None:
    import os

    witness = tmp_path / "witness"
    for evil in (
        Evil(os.mkdir, str(witness)),
        Evil(eval, "1"),
        Evil(np.load, str(witness)),
        Evil(np.ndarray, (2**60,)),
    ):
        message = error({"data_batch_1": python2_pickle(batch(slice(4), extra=evil))}, settings, tmp_path)
        assert "not a batch of CIFAR-10" in message
    assert not witness.exists()
    assert "it asks for builtins.eval" in error(
        {"data_batch_1": pickle.dumps(Evil(eval, "1"), protocol=4)}, settings, tmp_path
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"readme.html": b""}, "no training batches"),
        ({"data_batch_1": b"nonsense"}, "not a batch"),
        ({"data_batch_1": b""}, "not a batch"),
        ({"data_batch_1": pickle.dumps([1])}, "no pixels"),
        ({"data_batch_1": pickle.dumps({})}, "no pixels"),
        ({"data_batch_1": python2_pickle(batch(slice(4), labels=1) | {b"labels": [1, 2]})}, "do not fit its 4"),
        ({"data_batch_1": python2_pickle(batch(slice(4)) | {b"labels": [1, 2, 3, 10]})}, "do not fit"),
        ({"data_batch_1": python2_pickle(batch(slice(4)) | {b"labels": [1, 2, 3, 10**30]})}, "no list of labels"),
        ({"data_batch_1": python2_pickle(batch(slice(4)) | {b"data": PIXELS[:4]})}, "no pixels"),
        ({"data_batch_1": python2_pickle(batch(slice(4)) | {b"data": PIXELS[:4].reshape(4, -1) / 2})}, "no pixels"),
        ({"data_batch_1.bin": bytes(3072)}, "not whole records"),
        ({"data_batch_1.bin": b""}, "do not fit its 0"),
        ({"data_batch_1.bin": bytes([11]) + bytes(3072)}, "do not fit"),
    ],
)
def test_wrong_archives(content: dict[str, bytes], message: str, settings: Settings, tmp_path: Path) -> None:
    assert message in error(content, settings, tmp_path)
    assert not (tmp_path / "out").exists()


def test_missing_archive(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        build(settings("cifar10", path=str(tmp_path / "none")), tmp_path / "out")
