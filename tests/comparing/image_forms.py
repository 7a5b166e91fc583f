"""Small pictures in every form that can be compared, and generators."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from pgan.networks import checkpoint
from pgan.networks.config import Networks
from pgan.networks.network import Generator


def crops(count: int, seed: int, size: int = 16) -> np.ndarray:
    """Squares out of scikit-learn's two photographs, uint8 (N, 3, size, size)."""
    from sklearn.datasets import load_sample_images

    photographs = load_sample_images().images
    random = np.random.default_rng(seed)
    found = []
    for i in range(count):
        photograph = photographs[i % len(photographs)]
        side = int(random.integers(60, 200))
        top, left = (int(random.integers(0, length - side)) for length in photograph.shape[:2])
        square = Image.fromarray(photograph[top : top + side, left : left + side])
        found.append(np.asarray(square.resize((size, size), Image.Resampling.LANCZOS)))
    return np.stack(found).transpose(0, 3, 1, 2)


def encoded(image: np.ndarray) -> bytes:
    """A PNG of (C, h, w)."""
    file = io.BytesIO()
    Image.fromarray(image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0))).save(file, "PNG")
    return file.getvalue()


def members(images: np.ndarray) -> Iterator[tuple[str, bytes]]:
    """Names, which sort in their order, and contents."""
    for number, image in enumerate(images):
        yield f"{number:05d}.png", encoded(image)


def as_folder(images: np.ndarray, path: Path) -> Path:
    path.mkdir()
    for name, data in members(images):
        (path / name).write_bytes(data)
    return path


def as_zip(images: np.ndarray, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in reversed(list(members(images))):
            archive.writestr(name, data)
    return path


def as_tar(images: np.ndarray, path: Path) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in reversed(list(members(images))):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def as_array(images: np.ndarray, path: Path) -> Path:
    np.save(path, images)
    return path


def as_channels_last(images: np.ndarray, path: Path) -> Path:
    np.save(path, np.ascontiguousarray(images.transpose(0, 2, 3, 1)))
    return path


def as_pyramid(images: np.ndarray, path: Path, labels: list[int] | None = None) -> Path:
    """With a level of half the size, too."""
    from pgan.data.pyramid import LABELS, Meta, level_name, write_meta

    path.mkdir()
    size = images.shape[-1]
    small = images.reshape(*images.shape[:2], size // 2, 2, size // 2, 2).mean((3, 5))
    np.save(path / level_name(size), images)
    np.save(path / level_name(size // 2), np.rint(small).astype(np.uint8))
    given = np.array(labels if labels is not None else [0] * len(images), np.int64)
    classes = [str(number) for number in range(given.max() + 1)] if labels is not None else []
    np.save(path / LABELS, given)
    write_meta(path, Meta(len(images), images.shape[1], [size // 2, size], classes, "test", "0"))
    return path


FORMS: dict[str, Callable[[np.ndarray, Path], Path]] = {
    "folder": as_folder,
    "pictures.zip": as_zip,
    "pictures.tar.gz": as_tar,
    "first.npy": as_array,
    "last.npy": as_channels_last,
    "pyramid": as_pyramid,
}


def written(config: Networks, path: Path, resolution: int = 16, seed: int = 3) -> Generator:
    """A checkpoint of untrained networks, and its generator."""
    networks = checkpoint.fresh(config, resolution, seed=seed)
    checkpoint.save(checkpoint.state(networks), path)
    return networks.ema
