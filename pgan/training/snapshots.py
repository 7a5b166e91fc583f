"""Snapshots: what a phase that was stopped needs to go on as if nothing had happened.

They lie outside the phase's outputs, which DVC deletes before it runs a stage.  A snapshot's name is a fingerprint of
all that determines the phase, so that one of other parameters, another parent, other data or code is never used.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch

import pgan.data
import pgan.networks
import pgan.training
from pgan.errors import InputError
from pgan.networks import checkpoint


def fingerprint(parameters: dict[str, Any], files: list[Path]) -> str:
    """Sixteen hex digits of the phase's parameters, the content of its input files, the code and torch's version."""
    digest = hashlib.sha256(json.dumps(parameters, sort_keys=True).encode())
    for path in files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "blake2b").digest())
    for package in (pgan.training, pgan.networks, pgan.data):
        for source in sorted(Path(package.__path__[0]).glob("*.py")):
            digest.update(source.read_bytes())
    digest.update(torch.__version__.encode())
    return digest.hexdigest()[:16]


class Snapshots:
    """The snapshot of one phase in a folder."""

    def __init__(self, folder: Path, phase: str, key: str) -> None:
        self.phase = phase
        self.path = folder / f"{phase}-{key}.pt"

    def save(self, content: dict[str, Any]) -> None:
        """Replace the snapshot; the old one stands until the new one is whole."""
        checkpoint.save(content, self.path)

    def load(self) -> dict[str, Any] | None:
        """The snapshot, or None when there is none or it is damaged."""
        if not self.path.exists():
            return None
        try:
            content = checkpoint.read(self.path)
        except InputError:
            return None
        return content if isinstance(content, dict) and "run" in content else None

    def remove(self) -> None:
        """Delete it: the phase is done."""
        self.path.unlink(missing_ok=True)
