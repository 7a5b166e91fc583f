"""The public data sets: where their files are, and what is in them."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pgan.fetch import fetch, file_digest


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
            if not (path.is_file() and file_digest(path) == file.sha256):
                fetch(base + file.name, path, file.sha256, otherwise="try another with --url")
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
