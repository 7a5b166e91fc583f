"""The work on one chunk of images, in a worker process: decode, make square, halve, write to the level files."""

import hashlib
import re
import stat
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

import numpy as np
from PIL import Image

from pgan.data.pyramid import level_name
from pgan.prepare.config import Prepare
from pgan.prepare.decode import decode, from_array
from pgan.prepare.drawing import Drawing, draw
from pgan.prepare.levels import pyramid
from pgan.prepare.remarks import Look, look
from pgan.prepare.sources import Payload, Refused
from pgan.prepare.sources.tree import MAX_FILE
from pgan.prepare.square import TooSmallError, to_square
from pgan.prepare.unreadable import CONVERT, GET_AGAIN, Unreadable

Chunk = list[tuple[int, Payload]]
"""(position in the pyramid, image)."""


@dataclass(frozen=True)
class Outcome:
    """What became of one image."""

    position: int
    digest: bytes
    """SHA-256 of what the source holds: the encoded bytes, or the pixels. Of nothing, where nothing could be read."""

    problem: str | None = None
    """Why the image could not be used."""

    too_small: bool = False
    """The problem is the size alone."""

    look: Look | None = None
    """How it looks in the pyramid; None where it could not be used."""

    attributes: dict[str, str] = field(default_factory=dict)
    """What is drawn in it, by attribute."""


def chunk_worker(settings: Prepare, folder: Path) -> Callable[[Chunk], list[Outcome]]:
    """The function that works on a chunk: it writes images to the files that `open_levels` made in `folder`.

    The function raises OSError when a level cannot be written.
    """
    files = [(folder / level_name(resolution)).open("r+b", buffering=0) for resolution in settings.levels]
    starts = [_header_size(file) for file in files]

    def work(chunk: Chunk) -> list[Outcome]:
        outcomes = []
        squares: list[tuple[int, np.ndarray]] = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Pillow finds odd but decodes; on large images decode() has the word
            for position, payload in chunk:
                outcome, square = _square(position, payload, settings)
                outcomes.append(outcome)
                if square is not None:
                    squares.append((position, square))
        for run in _runs(squares):
            levels = pyramid(np.stack([square for _, square in run]), settings.base)
            for file, start, images in zip(files, starts, levels, strict=True):
                _write(file, start + run[0][0] * images[0].nbytes, images)
        return outcomes

    return work


def _header_size(file: FileIO) -> int:
    """Where the array begins in a .npy file."""
    np.lib.format.read_magic(file)
    np.lib.format.read_array_header_1_0(file)
    return file.tell()


def _write(file: FileIO, position: int, images: np.ndarray) -> None:
    """Write at a place of its own in a file that other workers write to. A memory map would make a full disk fatal."""
    file.seek(position)
    rest = np.ascontiguousarray(images).data.cast("B")
    while rest:
        rest = rest[file.write(rest) :]


def _runs(squares: list[tuple[int, np.ndarray]]) -> list[list[tuple[int, np.ndarray]]]:
    """Images whose positions follow on one another, so that they can be written at once."""
    runs: list[list[tuple[int, np.ndarray]]] = []
    for position, square in squares:
        if runs and runs[-1][-1][0] + 1 == position:
            runs[-1].append((position, square))
        else:
            runs.append([(position, square)])
    return runs


def _square(position: int, payload: Payload, settings: Prepare) -> tuple[Outcome, np.ndarray | None]:
    """One image as (C, r, r) uint8, or None with the reason in its outcome."""
    digest = hashlib.sha256().digest()
    attributes: dict[str, str] = {}
    try:
        if isinstance(payload, Refused):
            return Outcome(position, digest, payload.reason), None
        if isinstance(payload, Path):
            payload = read_file(payload)
        elif isinstance(payload, Drawing):
            payload, attributes = draw(payload, settings.resolution)
        digest = hashlib.sha256(payload if isinstance(payload, bytes) else payload.tobytes()).digest()
        image = _image(payload, settings)
    except TooSmallError as error:
        return Outcome(position, digest, str(error), too_small=True), None
    except MemoryError:  # the machine's fault, not the file's: listing it would make the result depend on the machine
        raise
    except Exception as error:  # broken data make Pillow raise nearly anything
        return Outcome(position, digest, reason_of(error)), None
    pixels = np.asarray(image)  # (r, r) or (r, r, 3)
    pixels = pixels[None] if settings.channels == 1 else pixels.transpose(2, 0, 1)
    return Outcome(position, digest, look=look(image), attributes=attributes), pixels


def _image(payload: bytes | np.ndarray, settings: Prepare) -> Image.Image:
    channels = settings.channels
    if isinstance(payload, bytes):
        image = decode(payload, channels, settings.background_colour)
    else:
        image = from_array(payload, channels)
    return to_square(
        image,
        settings.resolution,
        fit=settings.fit,
        pad_value=settings.pad_value,
        resample=settings.filter,
        allow_upscale=settings.allow_upscale,
    )


def read_file(path: Path) -> bytes:
    """The bytes of a file. A pipe or device of that name is not opened: that could wait forever.

    Raises:
        Unreadable: it is no file, or larger than `MAX_FILE`.
        OSError: it cannot be read.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise Unreadable("a pipe or device, not a file; remove it")
    with path.open("rb") as file:
        data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise Unreadable(f"more than the limit of {MAX_FILE} bytes; save it smaller")
    return data


def reason_of(error: Exception) -> str:
    """One line that is the same on every run: what is wrong with the image, and what to do."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    text = re.sub(r"<.* at 0x[0-9a-f]+>", "data", text.splitlines()[0])
    if isinstance(error, Unreadable | Image.UnidentifiedImageError | Image.DecompressionBombError):
        return text
    if isinstance(error, FileNotFoundError):
        return f"{text}: a link that leads nowhere, or a file that has gone since"
    if isinstance(error, OSError) and error.errno is not None:
        return f"{text}; check the file and the rights to it"
    if re.search("unsupported|not supported|unknown|cannot handle", text, re.IGNORECASE):
        return f"{text}: of a kind that Pillow cannot read; {CONVERT}"
    return f"{text}: damaged or cut off; {GET_AGAIN}"
