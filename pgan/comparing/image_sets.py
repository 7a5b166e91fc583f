"""The kinds of image sets: a generator, an array, a pyramid, and a tree of pictures in a folder or an archive."""

import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from pgan.comparing.image_set import Images, ImageSet, Terms, in_form, is_grey, labels_for, rows_in_chunks
from pgan.data.pyramid import level_name, read_meta
from pgan.errors import InputError
from pgan.interchange.generator_file import GeneratorFile
from pgan.metrics.labels import class_frequencies
from pgan.metrics.progress import counted, interval
from pgan.metrics.reals import open_reals
from pgan.metrics.spool import spool
from pgan.prepare.config import Prepare
from pgan.prepare.decode import decode, from_array
from pgan.prepare.level_files import compact, open_levels
from pgan.prepare.pool import read_into
from pgan.prepare.sources import Payload, Refused, Source, spread
from pgan.prepare.sources.folder import folder
from pgan.prepare.sources.tar import tar_archive
from pgan.prepare.sources.zip import zip_archive
from pgan.prepare.unreadable import Unreadable
from pgan.prepare.work import read_file, reason_of
from pgan.sampling.draw import drawn, latent_of
from pgan.untrusted.arrays import open_array

LOOKED_AT = 32
"""Pictures, spread over all, from which the size of a tree's pictures is told, and whether they are grey."""
TREES: dict[str, Callable[[Path, bool], Source]] = {"folder": folder, "zip": zip_archive, "tar": tar_archive}


class GeneratorSet(ImageSet):
    """What a generator makes: image i is that of `pgan sample --seeds i`, as far as labels agree."""

    def __init__(self, file: GeneratorFile) -> None:
        self.file = file
        self.networks = file.description.networks
        super().__init__(file.path, "generator", file.description.resolution, self.networks.channels, None)

    def read(self, wanted: np.ndarray, terms: Terms, name: str) -> Images:
        """Images of the seeds from `terms.seed` × n on."""
        first = terms.seed * len(wanted)
        z = torch.stack([latent_of(first + int(i), self.networks) for i in wanted])
        labels = labels_for(self.networks.classes, len(wanted), terms.frequencies)
        chunks = counted(drawn(self.file, z, labels, 1.0, terms.batch), len(z), f"{name}: generate")
        return Images(spool(in_form(chunks, terms), terms.scratch), wanted)


class ArraySet(ImageSet):
    """A .npy file: uint8 (N, C, H, W) as `pgan sample` writes it, (N, H, W, C) as other programs do, or (N, H, W)."""

    def __init__(self, path: Path) -> None:
        self.images = _channels_first(open_array(path), path)
        grey = is_grey(self.images[spread(len(self.images), LOOKED_AT)])
        super().__init__(path, "array", min(self.images.shape[2:]), 1 if grey else 3, len(self.images))

    def read(self, wanted: np.ndarray, terms: Terms, name: str) -> Images:
        """The rows that are wanted."""
        rows = counted(rows_in_chunks(self.images, wanted), len(wanted), f"{name}: read")
        return Images(spool(in_form(rows, terms), terms.scratch), wanted)


def _channels_first(array: np.ndarray, path: Path) -> np.ndarray:
    """As (N, C, H, W), a view. Raises InputError where it holds no images."""
    if array.dtype != np.uint8:
        advice = "save it as whole numbers from 0 to 255 (numpy.uint8)"
        raise InputError(f"{path}: values of {array.dtype}, and which of them is white is not known; {advice}")
    if array.ndim == 3:
        array = array[:, None]
    elif array.ndim == 4 and array.shape[1] not in (1, 3) and array.shape[3] in (1, 3):
        array = array.transpose(0, 3, 1, 2)
    if array.ndim != 4 or array.shape[1] not in (1, 3):
        expected = "expected (N, C, H, W), (N, H, W, C) or (N, H, W) of grey or RGB images"
        raise InputError(f"{path}: an array {array.shape}; {expected}")
    return array


class PyramidSet(ImageSet):
    """A folder that `pgan prepare` made."""

    def __init__(self, path: Path) -> None:
        self.meta = read_meta(path)
        super().__init__(path, "pyramid", self.meta.levels[-1], self.meta.channels, self.meta.count)

    def read(self, wanted: np.ndarray, terms: Terms, name: str) -> Images:
        """Of the level of that resolution if there is one, else of the largest."""
        level = terms.resolution if terms.resolution in self.meta.levels else self.size
        rows = rows_in_chunks(open_reals(self.path, self.meta, level), wanted)
        rows = counted(rows, len(wanted), f"{name}: read")
        return Images(spool(in_form(rows, terms), terms.scratch), wanted)

    def frequencies(self) -> np.ndarray:
        """Of its labels."""
        return class_frequencies(self.path, self.meta)

    @property
    def credits(self) -> list[str]:
        """Of drawn images."""
        return self.meta.credits


class TreeSet(ImageSet):
    """Pictures in a folder or an archive, read as `pgan prepare` reads them."""

    def __init__(self, path: Path, kind: str) -> None:
        self.source = TREES[kind](path, False)
        size, grey = self._look(path)
        super().__init__(path, kind, size, 1 if grey else 3, len(self.source.names))

    def _look(self, path: Path) -> tuple[int, bool]:
        """The most frequent shorter side, of equally frequent ones the smallest, and whether all pictures are grey."""
        sides: Counter[int] = Counter()
        grey, problem = True, ""
        with warnings.catch_warnings(action="ignore"):  # what Pillow finds odd but decodes
            for index, payload in self.source.read(spread(len(self.source.names), LOOKED_AT)):
                try:
                    picture = _decoded(payload)
                except MemoryError:
                    raise
                except Exception as error:  # broken data make Pillow raise nearly anything
                    problem = problem or f"{self.source.names[index]}: {reason_of(error)}"
                    continue
                sides[min(picture.size)] += 1
                grey = grey and is_grey(np.asarray(picture).transpose(2, 0, 1)[None])
        if not sides:
            looked = min(LOOKED_AT, len(self.source.names))
            raise InputError(f"{path}: not one of {looked} pictures that were looked at can be read, such as {problem}")
        return min(sides, key=lambda side: (-sides[side], side)), grey

    def read(self, wanted: np.ndarray, terms: Terms, name: str) -> Images:
        """Pictures that cannot be read are left out."""
        r = terms.resolution
        place = terms.scratch / name
        place.mkdir()
        settings = Prepare(
            source="folder", path="-", resolution=r, base=r, channels=terms.channels, allow_upscale=True
        )  # the source is open: its kind and path are not looked at
        open_levels(place, len(wanted), settings)
        kept, skipped = np.ones(len(wanted), bool), []
        with closing(read_into(place, self.source, wanted, settings, terms.workers)) as outcomes:
            for outcome in tqdm(outcomes, f"{name}: read", len(wanted), unit="img", mininterval=interval()):
                if outcome.problem is not None:
                    kept[outcome.position] = False
                    skipped.append((str(self.source.names[wanted[outcome.position]]), outcome.problem))
        if not kept.any():
            raise InputError(
                f"{self.path}: not one of {len(wanted)} pictures can be read, such as {': '.join(skipped[0])}"
            )
        compact(place / level_name(r), kept, terms.channels, r)
        return Images(open_array(place / level_name(r), private=True), wanted[kept], sorted(skipped))


def _decoded(payload: Payload) -> Image.Image:
    """A picture in RGB. Raises as `decode`."""
    if isinstance(payload, Refused):
        raise Unreadable(payload.reason)
    content = read_file(payload) if isinstance(payload, Path) else payload
    return decode(content, 3) if isinstance(content, bytes) else from_array(np.asarray(content), 3)
