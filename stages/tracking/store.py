"""MLflow's tracking store: one tracker at a time opens it, and a new one appears complete or not at all."""

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
"""Another name for the same store. With it, MLflow creates no folders of a wrong name if a path contains %20 or #."""
BUSY_SECONDS = 20
"""How long to wait for another writer of a SQLite file. It is MLflow's limit, which MLflow ignores on opening."""


@contextlib.contextmanager
def alone(root: Path) -> Iterator[None]:
    """Keep out other trackers that use the same SQLite file, or the same server from this repository."""
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
    """A client and the id of the experiment; the default store is a SQLite file in the repository's root."""
    path = _database(root)
    if path is None:
        return _open(tracking_uri(), None)
    _check_place(path)
    if not path.exists():
        make(path)
    query = dict(make_url(tracking_uri()).query) or {"timeout": str(BUSY_SECONDS)}
    return _open(_address(path, query), artifacts(path))


def repository(root: Path) -> str:
    """A tag that distinguishes this working copy from others with the same store and parameters.

    It is a random word in a file, and the inode of that file: a copy of the folder counts as another repository.
    """
    path = root / ".pgan" / "repository"
    path.parent.mkdir(exist_ok=True)
    with contextlib.suppress(FileExistsError), path.open("x", encoding="utf-8") as file:
        file.write(secrets.token_hex(4))
    return f"{path.read_text(encoding='utf-8')}-{path.stat().st_ino}"


def _database(root: Path) -> Path | None:
    """The SQLite file, relative to the root, as DVC may run the stage in a temporary copy. None for a server."""
    if not tracking_uri().startswith(SQLITE):
        return None
    name = make_url(tracking_uri()).database
    return root / name if name and name != ":memory:" else None


def _address(path: Path, query: dict[str, Any]) -> str:
    """The URI of a SQLite file, whose path may have any characters."""
    return URL.create(DRIVER, database=str(path), query=query).render_as_string(hide_password=False)


def _check_place(path: Path) -> None:
    """Raise OSError if no database can be there. MLflow would try for two minutes."""
    place = path if path.exists() else path.parent
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not os.access(place, os.R_OK | os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))


def artifacts(path: Path) -> str:
    """The folder of artifacts, beside a SQLite file. As a URI, because MLflow does not escape a path with ' in SQL."""
    return (path.parent / "mlartifacts").as_uri()


def make(path: Path) -> None:
    """Create the store under another name first: MLflow takes forty steps, and never repairs a half-made file."""
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
