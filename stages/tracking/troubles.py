"""MLflow's failures: each in one line, with what to do if it will not pass on its own."""

import contextlib
import errno
import os
import socket
import sqlite3
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from pgan.errors import InputError, RunError, redacted

URI = "MLFLOW_TRACKING_URI"
NAME = "MLFLOW_EXPERIMENT_NAME"
DEFAULT = "sqlite:///mlflow.db"
LONGEST = 200
"""Characters of an MLflow error that are shown. It may be pages of HTML."""
UNKNOWN_HOST = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
"""Without EAI_AGAIN, the error of a machine without a network."""
NO_DATABASE = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
NO_ACCESS = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH)
BAD_PLACE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EISDIR, errno.ENOTDIR)
PACKAGES = {
    "mlflow": "mlflow",
    "psycopg": "'psycopg[binary]'",
    "psycopg2": "psycopg2-binary",
    "MySQLdb": "mysqlclient",
    "pymysql": "pymysql",
    "pyodbc": "pyodbc",
    "boto3": "boto3",
    "google": "google-cloud-storage",
    "azure": "azure-storage-blob azure-identity",
    "databricks": "databricks-sdk",
}
"""Modules that stores and artifacts may need, and the packages that have them."""


class DeletedExperiment(Exception):
    """The experiment is deleted: MLflow adds no runs to it, and allows no other of the same name."""

    def __init__(self, name: str, number: str) -> None:
        super().__init__(f"the experiment '{name}' was deleted")
        self.number = number


def brief(error: BaseException) -> str:
    """An MLflow error in one line, without secrets. A long one is cut, and its first cause is added."""
    words = _line(error)
    if len(words) <= LONGEST:
        return words
    *_, origin = _chain(error)
    return f"{words[:LONGEST]} …" + (f" {_line(origin)[:LONGEST]}" if origin is not error else "")


def _line(error: BaseException) -> str:
    return redacted(" ".join(f"{type(error).__name__}: {error}".split()), *_secrets())


def advice(error: BaseException) -> str:
    """What to do about a failure that will not pass on its own; "" for one that may.

    Judged by the types and codes of the error and its causes, and by its text only where MLflow gives no more.
    """
    causes = list(_chain(error))
    for explain in (_of_the_address, _of_the_server, _of_the_network, _of_the_database, _of_the_disk):
        for cause in causes:
            found = explain(cause)
            if found:
                return found
    return ""


@contextlib.contextmanager
def in_one_line() -> Iterator[None]:
    """Around what a user asks of MLflow.

    Raises:
        RunError: MLflow failed; with what to do, where something is to be done. An InputError goes through.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # MLflow may fail in any way
        remedy = advice(error)
        raise RunError(f"MLflow failed ({brief(error)})" + (f"; {remedy}" if remedy else "")) from None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and its causes, outermost first. Libraries also put a cause into an error's arguments."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        error = waiting.pop(0)
        if error is not None and id(error) not in seen:
            seen.add(id(error))
            yield error
            inner = [part for part in (*error.args, getattr(error, "reason", None)) if isinstance(part, BaseException)]
            waiting += [*inner, error.__cause__, error.__context__, getattr(error, "orig", None)]


# --- kinds


def _of_the_address(error: BaseException) -> str:
    """No store can have this address."""
    name = type(error).__name__
    if isinstance(error, ImportError) and error.name:
        module = error.name.partition(".")[0]
        return f"{module} is missing: `pip install {PACKAGES.get(module, module)}`"
    if name == "ArgumentError":
        return f"{URI} is no address of a database: a file is written as {DEFAULT}, or with four slashes and its path"
    if not _is_address() or name == "InvalidUrlException":
        return (
            f"{URI} is no address: write @ : / ? # in a password as %40 %3A %2F %3F %23, or give it in "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD instead"
        )
    scheme = urlsplit(tracking_uri()).scheme
    if _code(error) == "INVALID_PARAMETER_VALUE" and scheme in ("", "file") and not _folders_allowed():
        return (
            f"MLflow no longer writes to a folder such as ./mlruns: unset {URI}, or set it to {DEFAULT}, or to the "
            "address of a server, with http:// (`mlflow migrate-filestore` takes old runs along)"
        )
    if name in ("UnsupportedModelRegistryStoreURIException", "NoSuchModuleError"):
        return f"MLflow knows no store '{scheme}': {URI} begins with http://, https://, sqlite:///, postgresql:// or mysql://"
    return ""


def tracking_uri() -> str:
    """The store in MLflow's variable, or the default one."""
    return os.environ.get(URI) or DEFAULT


def _is_address() -> bool:
    try:
        return urlsplit(tracking_uri()).port != 0
    except ValueError:
        return False


def _code(error: BaseException) -> str:
    """MLflow's error code, which a server's answer has, too."""
    return str(getattr(error, "error_code", ""))


def _folders_allowed() -> bool:
    return os.environ.get("MLFLOW_ALLOW_FILE_STORE", "").lower() in ("true", "1")


def _of_the_server(error: BaseException) -> str:
    """Answers of a server that another attempt would not change."""
    if isinstance(error, DeletedExperiment):
        here = "" if os.environ.get(URI) else f"{URI}={DEFAULT} "
        return f"`{here}mlflow experiments restore -x {error.number}` brings it back, or name another in {NAME}"
    code = _code(error)
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status == 401 or code in ("UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED"):
        return "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, to what it accepts"
    if status == 403 or code == "PERMISSION_DENIED":
        return (
            f"this user may not write there: ask for the right to it, name another experiment in {NAME}, or "
            "another user in MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        )
    if "credential configuration failed" in str(error):
        return "log in to Databricks: `databricks auth login`, or set DATABRICKS_HOST and DATABRICKS_TOKEN"
    if code == "ENDPOINT_NOT_FOUND" or "was not in a valid JSON format" in str(error):
        return f"no MLflow server answers there: look at host, port and path in {URI}"
    return ""


def _of_the_network(error: BaseException) -> str:
    """Failures between this machine and the server."""
    if isinstance(error, socket.gaierror) and error.errno in UNKNOWN_HOST:
        return f"no such host: look at {URI}, and at this machine's network"
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            "its certificate is not trusted here: give the authority's file in MLFLOW_TRACKING_SERVER_CERT_PATH, or, "
            "if you trust the network, MLFLOW_TRACKING_INSECURE_TLS=true"
        )
    if isinstance(error, ssl.SSLError) and error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST"):
        return f"the server does not speak TLS: write http:// instead of https:// in {URI}"
    return ""


def _of_the_database(error: BaseException) -> str:
    """A store that this version of MLflow cannot use."""
    uri = f'"${URI}"' if os.environ.get(URI) else DEFAULT
    name, words = type(error).__name__, str(error)
    if "out-of-date database schema" in words:
        return (
            f"another version of MLflow made it: copy it, then run `mlflow db upgrade {uri}`; if that fails, a newer "
            "one did: `pip install --upgrade mlflow`"
        )
    if name in ("CommandError", "ResolutionError") and type(error).__module__.startswith("alembic"):
        return "a newer version of MLflow made it: `pip install --upgrade mlflow`"
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None) or 0
        if code & 0xFF in NO_DATABASE:
            return "the file is no database, or a broken one: move it away"
        if code & 0xFF in NO_ACCESS:
            return f"the file cannot be written: give yourself the right to it, or name another place in {URI}"
    if "password authentication failed" in words or "Access denied for user" in words:
        return f"the database refuses the user: look at user and password in {URI}"
    return ""


def _of_the_disk(error: BaseException) -> str:
    """Files and folders that cannot be written."""
    if isinstance(error, OSError) and error.errno in BAD_PLACE and error.filename is not None:
        return f"give yourself the right to write to {error.filename}, or name another place in {URI}"
    return ""


# --- secrets


def _secrets() -> list[str]:
    """Texts that must not be printed: everything in the tracking URI and its variables that may be a password."""
    uri = os.environ.get(URI, "")
    rest = uri.partition("://")[2]
    secrets = [os.environ.get(f"MLFLOW_TRACKING_{name}", "") for name in ("PASSWORD", "TOKEN")]
    user = rest.rpartition("@")[0]
    if ":" in user:
        secrets += [user.partition(":")[2], user]
    if not _is_address():  # a slash in the password: libraries take what is before it for host and port
        secrets.append(rest.partition("/")[0])
    return [secret for secret in secrets if secret]
