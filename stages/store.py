"""The tracking store: opened by one tracker at a time, and made whole or not at all."""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

EXPERIMENT = "pgan"
SQLITE = "sqlite:///"
BUSY_SECONDS = 20
"""How long to wait for another writer of a SQLite file: MLflow's own limit, which it forgets while it opens one."""


@contextlib.contextmanager
def alone(root: Path) -> Iterator[None]:
    """Let other trackers wait that use the same SQLite file, or the same server from this repository."""
    path = _database(root)
    folder = path.parent if path else root
    folder.mkdir(parents=True, exist_ok=True)
    number = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


def connect(root: Path) -> tuple[MlflowClient, str]:
    """A client and the experiment's id; by default in a SQLite file in the repository's root."""
    path = _database(root)
    if path is None:
        return _open(_uri(), None)
    if not path.exists():
        _make(path)
    _, _, query = _uri().partition("?")
    return _open(f"{SQLITE}{path}?{query or f'timeout={BUSY_SECONDS}'}", (path.parent / "mlartifacts").as_uri())


def repository(root: Path) -> str:
    """What tells this working copy from others that use the same store with the same parameters.

    A word in a file, and that file's number on the disk: a copy of the folder is another repository.
    """
    path = root / ".pgan" / "repository"
    path.parent.mkdir(exist_ok=True)
    with contextlib.suppress(FileExistsError), path.open("x", encoding="utf-8") as file:
        file.write(secrets.token_hex(4))
    return f"{path.read_text(encoding='utf-8')}-{path.stat().st_ino}"


def _uri() -> str:
    return os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}mlflow.db"


def _database(root: Path) -> Path | None:
    """The SQLite file, seen from the root: DVC may run the stage in a folder that it deletes. None for a server."""
    name, _, _ = _uri().removeprefix(SQLITE).partition("?")
    return root / name if _uri().startswith(SQLITE) and name != ":memory:" else None


def _make(path: Path) -> None:
    """Make the tables, which MLflow does in forty steps: it never mends a file in which it was killed between two."""
    part = path.with_name(f"{path.name}.part")
    for left in (part, path.with_name(f"{part.name}-journal")):
        left.unlink(missing_ok=True)
    MlflowClient(f"{SQLITE}{part}")
    os.replace(part, path)


def _open(uri: str, artifacts: str | None) -> tuple[MlflowClient, str]:
    client, name = MlflowClient(uri), os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return client, str(client.create_experiment(name, artifacts))
        except MlflowException:  # another repository's tracker may have made it at this moment
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    return client, str(found.experiment_id)
