"""Which kind of image set a path is, by what is in it."""

from pathlib import Path

import torch

from pgan.comparing.image_set import ImageSet
from pgan.comparing.image_sets import ArraySet, GeneratorSet, PyramidSet, TreeSet
from pgan.data.pyramid import META
from pgan.errors import InputError
from pgan.interchange.generator_file import READERS
from pgan.metrics.sizes import too_few
from pgan.prepare.signatures import HEAD, identify
from pgan.prepare.sources.archive import TARS
from pgan.untrusted.inputs import open_file
from pgan.untrusted.recognise import recognise, refusal

NUMPY = b"\x93NUMPY"
READ = (
    "pgan compare reads folders, zip and tar archives of pictures, .npy arrays, pyramids of `pgan prepare`, and every "
    "generator that `pgan sample` reads"
)


def open_images(path: Path, device: torch.device) -> ImageSet:
    """What is at a path; generators compute on the device.

    Raises:
        InputError: nothing is there, or something else, or fewer than two images.
        RunError: a package that a generator's format needs is not installed.
    """
    try:
        found = _opened(path, device)
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(f"{path}: no such file or folder") from None
    if found.count is not None and (problem := too_few(found.count)):
        raise InputError(f"{path}: {problem}")
    return found


def open_reals_of(path: Path, device: torch.device) -> ImageSet:
    """The same for the real images. Raises as `open_images`, and InputError for a generator."""
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; name the real images with --reference")
    found = open_images(path, device)
    if found.count is None:
        raise InputError(f"{path}: a generator, but --reference needs real images")
    return found


def _opened(path: Path, device: torch.device) -> ImageSet:
    if path.is_dir():
        if (path / META).exists():
            return PyramidSet(path)
        if (path / "checkpoint.pt").exists():
            raise InputError(f"{path}: a folder of a phase; name {path / 'checkpoint.pt'}")
        return TreeSet(path, "folder")
    found = recognise(path)
    if found is not None:
        for reader in READERS:
            if reader.recognises(found):
                return GeneratorSet(reader.reads(path, device))
    with open_file(path) as file:
        head = file.read(HEAD)
    if head.startswith(NUMPY):
        return ArraySet(path)
    kind = identify(head)
    if kind is not None and kind.group == "archive":
        if kind.name == "a zip archive" and found is not None and not found.what.startswith("an archive of numpy"):
            return TreeSet(path, "zip")
        if kind.name in TARS:
            return TreeSet(path, "tar")
    raise refusal(path, "images or a generator", READ)
