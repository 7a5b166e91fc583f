"""The tracking store: opened by one tracker at a time, and made whole or not at all."""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import LifecycleStage
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy import URL, make_url

from pgan.locks import lock
from stages.tracking.troubles import NAME, DeletedExperiment, tracking_uri

EXPERIMENT = "pgan"
SQLITE = "sqlite:///"
DRIVER = "sqlite+pysqlite"
"""The same to MLflow, but for one thing: of a path with %20 or # in it, it does not make folders of a wrong name."""
BUSY_SECONDS = 20
"""How long to wait for another writer of a SQLite file: MLflow's own limit, which it forgets while it opens one."""


@contextlib.contextmanager
def alone(root: Path) -> Iterator[None]:
    """Let other trackers wait that use the same SQLite file, or the same server from this repository."""
    path = _database(root)
    folder = path.parent if path else root
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        lock(descriptor, wait=True)
        yield
    finally:
        os.close(descriptor)


def connect(root: Path) -> tuple[MlflowClient, str]:
    """A client and the experiment's id; by default in a SQLite file in the repository's root."""
    path = _database(root)
    if path is None:
        return _open(tracking_uri(), None)
    _check_place(path)
    if not path.exists():
        make(path)
    query = dict(make_url(tracking_uri()).query) or {"timeout": str(BUSY_SECONDS)}
    return _open(_address(path, query), artifacts(path))


def repository(root: Path) -> str:
    """What tells this working copy from others that use the same store with the same parameters.

    A word in a file, and that file's number on the disk: a copy of the folder is another repository.
    """
    path = root / ".pgan" / "repository"
    path.parent.mkdir(exist_ok=True)
    with contextlib.suppress(FileExistsError), path.open("x", encoding="utf-8") as file:
        file.write(secrets.token_hex(4))
    return f"{path.read_text(encoding='utf-8')}-{path.stat().st_ino}"


def _database(root: Path) -> Path | None:
    """The SQLite file, seen from the root: DVC may run the stage in a folder that it deletes. None for a server."""
    if not tracking_uri().startswith(SQLITE):
        return None
    name = make_url(tracking_uri()).database
    return root / name if name and name != ":memory:" else None


def _address(path: Path, query: dict[str, Any]) -> str:
    """Of a SQLite file, whatever characters are in its path."""
    return URL.create(DRIVER, database=str(path), query=query).render_as_string(hide_password=False)


def _check_place(path: Path) -> None:
    """Raise OSError where no database can be, for which MLflow would take two minutes."""
    place = path if path.exists() else path.parent
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not os.access(place, os.R_OK | os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))


def artifacts(path: Path) -> str:
    """Where the artifacts of a SQLite file lie: beside it. As a URI, because MLflow puts a path with ' into bad SQL."""
    return (path.parent / "mlartifacts").as_uri()


def make(path: Path) -> None:
    """Make the tables, which MLflow does in forty steps: it never mends a file in which it was killed between two."""
    part = path.with_name(f"{path.name}.part")
    for left in (part, path.with_name(f"{part.name}-journal")):
        left.unlink(missing_ok=True)
    SqlAlchemyStore(_address(part, {}), artifacts(path))
    os.replace(part, path)


def _open(uri: str, artifacts: str | None) -> tuple[MlflowClient, str]:
    client, name = MlflowClient(uri), os.environ.get(NAME, EXPERIMENT)
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return client, str(client.create_experiment(name, artifacts))
        except MlflowException:  # another repository's tracker may have made it at this moment
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage == LifecycleStage.DELETED:
        raise DeletedExperiment(name, str(found.experiment_id))
    return client, str(found.experiment_id)
