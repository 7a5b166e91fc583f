"""A source of images -> the pyramid on disk: all of it or nothing."""

import hashlib
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pgan.data.pyramid import LABELS, META, Meta, level_name, write_meta
from pgan.errors import MOST_LINES, SEPARATOR, InputError, RunError
from pgan.files import replaced_folder
from pgan.prepare.attributes import attribute_rows
from pgan.prepare.config import COUNTED, EMBEDDED, Prepare
from pgan.prepare.level_files import compact, levels_bytes, open_levels
from pgan.prepare.pool import read_into
from pgan.prepare.remarks import Remarks
from pgan.prepare.sources import Source, open_source, spread
from pgan.prepare.sources.left_out import LeftOut, first
from pgan.prepare.work import Outcome


def build(
    settings: Prepare,
    out: Path,
    *,
    seed: int = 0,
    workers: int = 1,
    note: Callable[[str], object] = lambda _: None,
) -> Meta:
    """Make the pyramid that `settings` describe in the folder `out`, replacing one that is there.

    `seed` determines what sources draw (`DRAWN`).  The result does not depend on `workers`, the number of processes.
    `note` is given what a user should know of how the source was read, line by line.

    Raises:
        InputError: the source is wrong, has too few classes, or too many of its images are broken or too small.
        RunError: the disk is full, memory ran out, or a worker process was killed.
    """
    source = open_source(settings, seed)
    wanted = spread(len(source.names), settings.max_images)
    _check_classes(settings, np.unique(source.labels[wanted]).size)
    for line in source.notes:
        note(_printable(line))
    with replaced_folder(out, marker=META, maker="pgan prepare") as folder:
        _check_space(folder, len(wanted), settings)
        open_levels(folder, len(wanted), settings)
        remarks = Remarks()
        digests, skipped = _fill(folder, source, wanted, settings, workers, remarks)
        kept = np.ones(len(wanted), bool)
        kept[list(skipped)] = False
        classes = _Classes(source, wanted[kept], settings)
        for resolution in settings.levels:
            compact(folder / level_name(resolution), kept, settings.channels, resolution)
        np.save(folder / LABELS, classes.labels)
        meta = Meta(
            count=int(kept.sum()),
            channels=settings.channels,
            levels=settings.levels,
            classes=[_printable(name) for name in classes.names],
            source=settings.source,
            source_digest=_digest(source, wanted, digests),
            skipped=[
                {"file": _printable(source.names[wanted[position]]), "reason": _printable(reason)}
                for position, reason in sorted(skipped.items())
            ],
            left_out=_left_out(source, len(wanted), classes.lost),
            class_counts=classes.counts,
            remarks=remarks.listed(lambda position: _printable(source.names[wanted[position]])),
            licences=[asdict(licence) | {"credit": licence.credit} for licence in source.licences],
            drawn_with=source.drawn_with,
        )
        write_meta(folder, meta)
    return meta


class _Classes:
    """The classes of its source that the images of a pyramid have, counted from 0."""

    def __init__(self, source: Source, kept: np.ndarray, settings: Prepare) -> None:
        """`kept` are indices into the source.  Raises InputError where fewer than two classes are left."""
        self.labels = source.labels[kept]
        """(N,) int64."""
        self.names = source.classes
        self.counts: list[int] = []
        self.lost: list[str] = []
        """Classes without an image."""
        if not source.classes:
            return
        counts = np.bincount(self.labels, minlength=len(source.classes))
        present = np.flatnonzero(counts)
        if settings.source not in COUNTED:
            _check_classes(settings, len(present))
            self.lost = [source.classes[label] for label in np.flatnonzero(counts == 0)]
            self.names = [source.classes[label] for label in present]
            self.labels, counts = np.searchsorted(present, self.labels), counts[present]
        self.counts = counts.tolist()


def _check_classes(settings: Prepare, count: int) -> None:
    """Raise InputError where labels are asked for, and there are no two classes."""
    if settings.labels and settings.source not in COUNTED and count < 2:
        raise InputError(
            f"{_where(settings)}: the images that are used are of one class, and labels need two or more. Set "
            "prepare.labels to false, or make sure that images of another class can be read and that "
            "prepare.max_images leaves some of them"
        )


def _left_out(source: Source, wanted: int, lost: list[str]) -> list[dict[str, object]]:
    """What of the source is not in the pyramid, as `Meta` has it."""
    entries = list(source.left_out)
    if wanted < len(source.names):
        why = f"prepare.max_images takes {wanted}, spread evenly over all"
        entries.insert(0, LeftOut("images", len(source.names) - wanted, why))
    if lost:
        entries.insert(0, LeftOut("classes", len(lost), "none of their images could be used", first(lost)))
    return [
        asdict(entry) | {"what": _printable(entry.what), "examples": [_printable(name) for name in entry.examples]}
        for entry in entries
    ]


def _fill(
    folder: Path, source: Source, wanted: np.ndarray, settings: Prepare, workers: int, remarks: Remarks
) -> tuple[np.ndarray, dict[int, str]]:
    """Write all images at their positions; returns SHA-256 digests (N, 32) and the reasons of positions left empty."""
    digests = np.zeros((len(wanted), 32), np.uint8)
    skipped: dict[int, str] = {}
    small = 0
    with (
        closing(read_into(folder, source, wanted, settings, workers)) as done,
        attribute_rows(folder, source.attributes) as add,
    ):
        for outcome in _with_progress(done, len(wanted)):
            digests[outcome.position] = np.frombuffer(outcome.digest, np.uint8)
            if outcome.look is not None:
                remarks.add(outcome.position, outcome.look)
            if outcome.problem is None:
                add(outcome.attributes)
                continue
            skipped[outcome.position] = outcome.problem
            if outcome.too_small:
                skipped[outcome.position] += f" are too few for prepare.resolution {settings.resolution}"
                small += 1
    if len(skipped) > settings.max_skipped or len(skipped) == len(wanted):
        raise InputError(_complaint(source, wanted, skipped, small, settings))
    return digests, skipped


def _complaint(source: Source, wanted: np.ndarray, skipped: dict[int, str], small: int, settings: Prepare) -> str:
    """Why images cannot be used: how many, what to do, and a line for each as far as they are shown."""
    if len(skipped) == len(wanted):
        lines = [f"{_where(settings)}: not one of {len(wanted)} images can be used"]
    else:
        lines = [
            f"{_where(settings)}: {len(skipped)} of {len(wanted)} images cannot be used, and prepare.max_skipped "
            f"allows {settings.max_skipped}; mend or remove them, or raise it"
        ]
    if small:
        lines.append(
            f"{small} of them {'is' if small == 1 else 'are'} too small: lower prepare.resolution, or set "
            "prepare.allow_upscale to true"
        )
    room = MOST_LINES - len(lines)
    positions = sorted(skipped)
    shown = positions if len(positions) <= room else positions[: room - 1]
    lines += [f"{_printable(source.names[wanted[place]])}: {_printable(skipped[place])}" for place in shown]
    if len(shown) < len(positions):
        lines.append(f"… and {len(positions) - len(shown)} more")
    return SEPARATOR.join(lines)


def _with_progress(done: Iterator[Outcome], total: int) -> Iterator[Outcome]:
    """A bar with rate and time left, seldom redrawn where it goes to a file."""
    seldom = 0.1 if sys.stderr.isatty() else 10.0
    yield from tqdm(done, total=total, desc="prepare", unit="image", mininterval=seldom, maxinterval=max(10, seldom))


def _where(settings: Prepare) -> str:
    return f"source '{settings.source}'" if settings.source in EMBEDDED else str(settings.path)


def _printable(name: object) -> str:
    """Text in one line that UTF-8 can hold: file names may be any bytes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(name))


def _digest(source: Source, wanted: np.ndarray, digests: np.ndarray) -> str:
    """SHA-256 over names, classes and contents in order: the same for a folder and for an archive of it."""
    total = hashlib.sha256()
    for index, digest in zip(wanted, digests, strict=True):
        label = source.classes[source.labels[index]] if source.classes else ""
        total.update(f"{_printable(source.names[index])}\0{_printable(label)}\0{digest.tobytes().hex()}\n".encode())
    return total.hexdigest()


def _check_space(folder: Path, count: int, settings: Prepare) -> None:
    """Better to find out before hours of work than after."""
    needed = levels_bytes(count, settings.channels, settings.levels)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise RunError(
            f"{folder.parent}: the pyramid needs {needed / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free; "
            "make room, or choose another --out"
        )
