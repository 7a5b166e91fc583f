"""Fetching public data sets, checked and whole, or not at all."""

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from tqdm import tqdm

from pgan.errors import RunError
from pgan.files import whole_file

TIMEOUT = 30
"""Seconds without an answer after which a server counts as silent."""

BLOCK = 2**18

LARGEST = 2**30
"""Bytes of a file; CIFAR-10 has 170 MB. A server that never ends would fill the disk."""


@dataclass(frozen=True)
class RemoteFile:
    """A file with a known content."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Dataset:
    """Files in one folder of a public server."""

    url: str
    files: tuple[RemoteFile, ...]


# SHA-256 as published by TensorFlow Datasets (MNIST) and Keras (CIFAR-10).
DATASETS = {
    "mnist": Dataset(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        (
            RemoteFile(
                "train-images-idx3-ubyte.gz", "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
            ),
            RemoteFile(
                "train-labels-idx1-ubyte.gz", "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
            ),
            RemoteFile("t10k-images-idx3-ubyte.gz", "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
            RemoteFile("t10k-labels-idx1-ubyte.gz", "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
        ),
    ),
    "cifar10": Dataset(
        "https://www.cs.toronto.edu/~kriz/",
        (RemoteFile("cifar-10-python.tar.gz", "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"),),
    ),
}


def fetch_dataset(name: str, out: Path, url: str | None = None) -> Iterator[Path]:
    """Fetch the files of a data set into `out`, from `url` instead of its own server where given; yields their paths.

    Raises:
        RunError: the server cannot be reached, has no such file, breaks off, or sends something else.
    """
    dataset = DATASETS[name]
    base = (url or dataset.url).rstrip("/") + "/"
    with _folder(out):
        for file in dataset.files:
            path = out / file.name
            if not (path.is_file() and _sha256(path) == file.sha256):
                _fetch(base + file.name, path, file.sha256)
            yield path


@contextmanager
def _folder(out: Path) -> Iterator[None]:
    """Make the folder; what is still empty when the block fails goes again."""
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    out.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        with suppress(OSError):  # not empty
            for folder in made:
                folder.rmdir()
        raise


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(url: str, path: Path, sha256: str) -> None:
    """Fetch one file; it appears under its name only when it is whole and right."""
    with whole_file(path) as part:
        with part.open("wb") as file:
            found = _copy(url, file)
        if found != sha256:
            raise RunError(f"{url}: not the file that was expected: SHA-256 {found}, not {sha256}")


def _copy(url: str, file: BinaryIO) -> str:
    """Copy what the server sends; returns its SHA-256."""
    digest = hashlib.sha256()
    with _answer(url) as answer:
        total = int(answer.headers.get("Content-Length") or 0)
        with tqdm(total=total or None, desc=file.name.rsplit("/", 1)[-1], unit="B", unit_scale=True) as bar:
            while block := _receive(answer, url):
                digest.update(block)
                file.write(block)
                if file.tell() > LARGEST:
                    raise RunError(f"{url}: more than the limit of {LARGEST} bytes: not the file that was expected")
                bar.update(len(block))
    if total and file.tell() != total:
        raise RunError(f"{url}: broke off after {file.tell()} of {total} bytes; try again")
    return digest.hexdigest()


def _answer(url: str) -> Any:
    try:
        return urllib.request.urlopen(url, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        raise RunError(f"{url}: the server says {error.code} {error.reason}; try another with --url") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise RunError(
            f"{url}: cannot be reached: {reason}; are you online? Another server can be given with --url"
        ) from None


def _receive(answer: Any, url: str) -> bytes:
    try:
        return answer.read(BLOCK)
    except (OSError, http.client.HTTPException) as error:
        raise RunError(f"{url}: broke off: {error}; try again") from None
