"""Snapshots: what a phase that was stopped needs to go on as if nothing had happened.

They lie outside the phase's outputs, which DVC deletes before it runs a stage.  Each phase has a folder, named by a
fingerprint of all that determines the phase: a snapshot of other parameters, another parent, other data or code is
never used.  Two generations are kept: if the newest is damaged, the one before is used.
"""

import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pydantic
import torch
from torch import Tensor
from tqdm import tqdm

from pgan import files
from pgan.errors import InputError, RunError
from pgan.locks import Lock
from pgan.networks import checkpoint
from pgan.training.watched_files import WatchedFiles

NEWEST, PREVIOUS, ORIGIN, LOCK = "newest.pt", "previous.pt", "origin.json", "lock"
FILES = (NEWEST, PREVIOUS, ORIGIN, LOCK, ".newest.part.pt", ".origin.part.json")
"""All that may lie in a phase's folder; the last two are what a killed process left."""


@pydantic.dataclasses.dataclass(config=pydantic.ConfigDict(strict=True, extra="forbid", arbitrary_types_allowed=True))
class Position:
    """How far a phase has come: what a snapshot holds beside the networks and Adam's state."""

    step: int
    rows: list[dict[str, int | float]]
    """Of losses.csv."""
    sums: dict[str, Tensor]
    counts: dict[str, int]
    """Of the loss terms since the last row."""
    frames: list[Tensor]
    """uint8 (n, C, r, r): the pictures taken so far."""
    machine: dict[str, str]
    """What decided over the last digits."""


def read_position(content: dict[str, Any], steps: int) -> Position:
    """The inverse of `vars`. Raises TypeError or ValueError when the content is no position in a phase of `steps`."""
    position = Position(**content)
    if not 0 <= position.step <= steps or any(frame.dtype != torch.uint8 for frame in position.frames):
        raise ValueError(f"step {position.step} of {steps}")
    return position


def fingerprint(parameters: dict[str, Any], *contents: WatchedFiles) -> str:
    """Sixteen hex digits of the phase's parameters, the contents of its input files and code, torch's and numpy's
    versions."""
    digest = hashlib.sha256(json.dumps(parameters, sort_keys=True).encode())
    for content in contents:
        digest.update(b"".join(content.digests()))
    digest.update(f"{torch.__version__} {np.__version__}".encode())
    return digest.hexdigest()[:16]


class Snapshots:
    """The snapshots of one phase, as a context: its lock is let go of at the end.

    Two processes may train the same phase at once, as queued experiments with the same first phases do.  Both would
    write the same, so the first one writes, and the other takes over when the first has ended.
    """

    def __init__(
        self, folder: Path, phase: str, key: str, origin: dict[str, str] | None = None, keeps: bool = True
    ) -> None:
        """`origin` names the files that the phase is made from, for `pgan clean`; without `keeps`, only look."""
        self.phase, self.key, self._origin, self._keeps = phase, key, origin, keeps
        self.path = folder / f"{phase}-{key}"
        self._lock = Lock(self.path / LOCK)

    def __enter__(self) -> "Snapshots":
        return self

    def __exit__(self, *reason: object) -> None:
        if not self.exist():
            self.remove()
        self._lock.release()

    def exist(self) -> bool:
        """Whether there is one, of whatever age."""
        return any((self.path / name).exists() for name in (NEWEST, PREVIOUS))

    def save(self, content: dict[str, Any]) -> None:
        """Keep a new snapshot and the one before it.

        Raises:
            InputError: nothing can be written there.
            RunError: the disk is full, even without the older snapshot; the newer one stands.
        """
        if not self._mine():
            return
        try:
            self._write(content)
        except RunError:
            if not (self.path / NEWEST).exists():
                raise
            (self.path / PREVIOUS).unlink(missing_ok=True)  # its room is what the new one needs
            self._write(content)

    def load(self) -> dict[str, Any] | None:
        """The newest snapshot that is whole, or None; says which ones are damaged."""
        if not self._mine():
            _warn(f"{self.phase}: another process trains this very phase; it keeps the snapshots")
        for name in (NEWEST, PREVIOUS):
            path = self.path / name
            if not path.exists():
                continue
            try:
                return self._belonging(checkpoint.read(path), path)
            except InputError as error:
                _warn(f"damaged snapshot ignored: {error}")
        others = [path for path in self.path.parent.glob(f"{self.phase}-*/{NEWEST}") if path.parent != self.path]
        if others:
            what = "other parameters, inputs, code or device; `pgan clean --dry-run` lists them"
            _say(f"note: snapshots of {self.phase} that are there are not used, being of {what}")
        return None

    def remove(self) -> None:
        """Delete them: the phase is done. While another process keeps them, they stay."""
        if self._mine():
            shutil.rmtree(self.path, ignore_errors=True)

    def _mine(self) -> bool:
        """Whether this process is the one that writes them."""
        return self._keeps and self._lock.acquire()

    def _write(self, content: dict[str, Any]) -> None:
        newest = self.path / NEWEST
        if not (self.path / ORIGIN).exists():
            with files.whole_file(self.path / ORIGIN) as part:
                part.write_text(json.dumps(self._origin), encoding="utf-8")
        with files.whole_file(newest) as part:
            checkpoint.dump(content | {"key": self.key}, part)
            if newest.exists():
                newest.replace(self.path / PREVIOUS)

    def _belonging(self, content: Any, path: Path) -> dict[str, Any]:
        if not isinstance(content, dict) or content.get("key") != self.key or not isinstance(content.get("run"), dict):
            raise InputError(f"{path}: holds something else")
        return content


def discard(folder: Path) -> bool:
    """Delete a phase's snapshots; whether they are gone, as they are unless a process has begun to use them."""
    lock = Lock(folder / LOCK)
    if not folder.is_dir() or not lock.acquire():
        return not folder.is_dir()
    for name in FILES:
        (folder / name).unlink(missing_ok=True)
    lock.release()
    folder.rmdir()
    return True


def _warn(message: str) -> None:
    _say(f"warning: {message}")


def _say(message: str) -> None:
    tqdm.write(message, file=sys.stderr)
