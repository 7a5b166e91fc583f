"""A look at every image of a source, on all cores."""

import hashlib
import warnings
from collections.abc import Callable
from contextlib import closing
from typing import NamedTuple

import imagehash
import numpy as np
from PIL import Image
from tqdm import tqdm

from pgan.metrics.progress import interval
from pgan.prepare.decode import decode, decode_with_header, from_array
from pgan.prepare.pool import outcomes
from pgan.prepare.remarks import look
from pgan.prepare.sources import Payload, Refused, Source
from pgan.prepare.square import to_square
from pgan.prepare.work import Chunk, read_file, reason_of

VIEW, THUMBNAIL = 32, 16
"""Pixels per side of what is kept of images: of a few for the mirror test, of all for comparing near duplicates."""
MOST_VIEWS = 4096
"""Images for the mirror test, spread over the source."""
COLOURED, COLOURED_SHARE = 24, 0.01
"""An image is in colour where the channels of this share of its pixels differ by more than this number of levels. JPEG
leaves a few levels in grey images."""
COMPARED = 64
"""Pixels of the shorter side, about, at which colours are compared: pixel by pixel, large photographs are smooth."""
EQUAL = 2
"""Levels: neighbouring pixels that differ by no more are of one colour, whatever noise a JPEG has added."""
SIMILAR = 8
"""Levels, to either side, that still count as the brightness of the ground: paper has a grain."""
BLACK = (0, 0, 0)


class Sight(NamedTuple):
    """What one image shows."""

    position: int
    digest: bytes
    """Of the encoded bytes or of the pixels: equal for exact duplicates."""
    problem: str | None = None
    """Why it cannot be used; then the rest is not known."""
    form: str = ""
    """Pillow's name of the format; `pixels` where the source holds arrays."""
    mode: str = ""
    """Pillow's name of the kind of pixels."""
    width: int = 0
    height: int = 0
    is_coloured: bool = False
    is_transparent: bool = False
    """Some of its pixels are."""
    is_flat: bool = False
    """Of one colour, on white."""
    is_flat_on_black: bool = False
    """Of one colour where black shows through its transparency."""
    evenness: float = 0.0
    """Share of neighbouring pixels of one colour: high in drawings, low in photographs."""
    ground: float = 0.0
    """Share of pixels of the commonest brightness: high in text, digits and figures on plain ground."""
    border: int = 0
    """Mean grey along its edges, 0 to 255."""
    hash: int = 0
    """64 bits that similar images share (pHash)."""
    view: bytes = b""
    """VIEW × VIEW pixels of grey, of the square in its middle."""

    @property
    def short_side(self) -> int:
        """Pixels."""
        return min(self.width, self.height)


class Survey(NamedTuple):
    """All images of a source."""

    source: Source
    sights: list[Sight]
    """In the source's order, without their views."""
    thumbnails: np.ndarray
    """(N, THUMBNAIL, THUMBNAIL) uint8; zeros where an image cannot be used."""
    views: dict[int, np.ndarray]
    """Of up to MOST_VIEWS positions, (VIEW, VIEW) uint8."""


def survey(source: Source, workers: int) -> Survey:
    """Look at all images, with a progress bar. Raises as `outcomes`."""
    count = len(source.names)
    stride = max(1, -(-count // MOST_VIEWS))
    sights: list[Sight | None] = [None] * count
    thumbnails = np.zeros((count, THUMBNAIL, THUMBNAIL), np.uint8)
    views: dict[int, np.ndarray] = {}
    images = ((int(index), payload) for index, payload in source.read(np.arange(count)))
    with closing(outcomes(images, looker, workers, VIEW)) as done:
        for sight in tqdm(done, total=count, desc="look", unit="image", mininterval=interval(), maxinterval=10):
            sights[sight.position] = sight._replace(view=b"")
            if sight.view:
                view = np.frombuffer(sight.view, np.uint8).reshape(VIEW, VIEW)
                thumbnails[sight.position] = view.reshape(THUMBNAIL, 2, THUMBNAIL, 2).mean((1, 3))
                if sight.position % stride == 0:
                    views[sight.position] = view
    return Survey(source, [sight for sight in sights if sight is not None], thumbnails, views)


# --- in a worker process


def looker() -> Callable[[Chunk], list[Sight]]:
    """The function that looks at a chunk of images."""
    return _look_at_chunk


def _look_at_chunk(chunk: Chunk) -> list[Sight]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow finds odd but decodes
        return [_look_at(position, payload) for position, payload in chunk]


def _look_at(position: int, payload: Payload) -> Sight:
    digest = b""
    try:
        if isinstance(payload, Refused):
            return Sight(position, digest, payload.reason)
        data = read_file(payload) if not isinstance(payload, bytes | np.ndarray) else payload  # type: ignore[arg-type]
        digest = hashlib.blake2b(data if isinstance(data, bytes) else data.tobytes(), digest_size=16).digest()
        return _seen(Sight(position, digest), data)
    except MemoryError:  # the machine's fault, not the file's
        raise
    except Exception as error:  # broken data make Pillow raise nearly anything
        return Sight(position, digest, reason_of(error))


def _seen(sight: Sight, data: bytes | np.ndarray) -> Sight:
    if isinstance(data, bytes):
        head, image = decode_with_header(data, channels=3)
        on_black = decode(data, 3, BLACK) if head.has_transparency else image
        form, mode = head.form, head.mode
    else:
        image = on_black = from_array(data, channels=3)
        form, mode = "pixels", "L" if data.ndim == 2 else "RGB"
    square = to_square(image, VIEW, fit="crop", pad_value=0, resample="box", allow_upscale=True)
    small = np.asarray(image.reduce(max(1, min(image.size) // COMPARED)).convert("L")).astype(np.int16)
    grey = square.convert("L")
    view = np.asarray(grey)
    return sight._replace(
        form=form,
        mode=mode,
        width=image.width,
        height=image.height,
        is_coloured=_is_coloured(square),
        is_transparent=on_black is not image and on_black.tobytes() != image.tobytes(),
        is_flat=look(image).is_flat,
        is_flat_on_black=look(on_black).is_flat,
        evenness=_evenness(small),
        ground=_ground(small),
        border=int(view[0].sum(dtype=int) + view[-1].sum(dtype=int) + view[:, (0, -1)].sum(dtype=int)) // (4 * VIEW),
        hash=int(np.packbits(imagehash.phash(grey).hash).view(">u8")[0]),
        view=view.tobytes(),
    )


def _is_coloured(image: Image.Image) -> bool:
    red, green, blue = np.moveaxis(np.asarray(image), 2, 0)
    highest, lowest = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    return bool(np.count_nonzero(highest - lowest > COLOURED) > COLOURED_SHARE * red.size)


def _evenness(grey: np.ndarray) -> float:
    """Share of neighbours, left and right, of one colour."""
    differences = np.abs(grey[:, 1:] - grey[:, :-1])
    return np.count_nonzero(differences <= EQUAL) / differences.size if differences.size else 1.0


def _ground(grey: np.ndarray) -> float:
    """The largest share of pixels whose brightness is within `SIMILAR` of one level."""
    counts = np.bincount(grey.ravel(), minlength=256)
    return float(np.convolve(counts, np.ones(2 * SIMILAR + 1), "same").max()) / grey.size
