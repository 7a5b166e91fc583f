"""What a failure of MLflow's means: its words in one line, and what to do about one that does not pass by itself."""

import errno
import os
import socket
import sqlite3
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from pgan.errors import redacted

URI = "MLFLOW_TRACKING_URI"
NAME = "MLFLOW_EXPERIMENT_NAME"
DEFAULT = "sqlite:///mlflow.db"
LONGEST = 200
"""Characters of MLflow's words, which may be pages of HTML."""
UNKNOWN_HOST = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
"""Not EAI_AGAIN, which a machine without a network says."""
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
"""Modules that stores and artifacts may need, and who brings them."""


class DeletedExperiment(Exception):
    """The experiment is in MLflow's bin: it takes no runs, and no other may have its name."""

    def __init__(self, name: str, number: str) -> None:
        super().__init__(f"the experiment '{name}' was deleted")
        self.number = number


def brief(error: BaseException) -> str:
    """An error of MLflow's in one line, without what is secret; of a long one the beginning, and what it came from."""
    words = _line(error)
    if len(words) <= LONGEST:
        return words
    *_, origin = _chain(error)
    return f"{words[:LONGEST]} …" + (f" {_line(origin)[:LONGEST]}" if origin is not error else "")


def _line(error: BaseException) -> str:
    return redacted(" ".join(f"{type(error).__name__}: {error}".split()), *_secrets())


def advice(error: BaseException) -> str:
    """What to do about a failure that lasts until somebody does it; "" for one that may pass by itself.

    By the types and codes of the error and of those that it came from; by words only where MLflow has no more to say.
    """
    causes = list(_chain(error))
    for judge in (_of_the_address, _of_the_server, _of_the_network, _of_the_database, _of_the_disk):
        for cause in causes:
            found = judge(cause)
            if found:
                return found
    return ""


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came from, outermost first; libraries also hide one in another's arguments."""
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
    """The variable names no store that there can be."""
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
    """Of the store that MLflow's variable names, or else the default one."""
    return os.environ.get(URI) or DEFAULT


def _is_address() -> bool:
    try:
        return urlsplit(tracking_uri()).port != 0
    except ValueError:
        return False


def _code(error: BaseException) -> str:
    """MLflow's own, which a server's answer has, too."""
    return str(getattr(error, "error_code", ""))


def _folders_allowed() -> bool:
    return os.environ.get("MLFLOW_ALLOW_FILE_STORE", "").lower() in ("true", "1")


def _of_the_server(error: BaseException) -> str:
    """What a server answers, whoever asks and however often."""
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
    """Between here and the server."""
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
    """A store that is not, or no longer, what this version of MLflow makes."""
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
    """Places that cannot be written, as far as a name says which."""
    if isinstance(error, OSError) and error.errno in BAD_PLACE and error.filename is not None:
        return f"give yourself the right to write to {error.filename}, or name another place in {URI}"
    return ""


# --- secrets


def _secrets() -> list[str]:
    """What must not be said, wherever a library says it: of the tracking URI all that may be a password."""
    uri = os.environ.get(URI, "")
    rest = uri.partition("://")[2]
    secrets = [os.environ.get(f"MLFLOW_TRACKING_{name}", "") for name in ("PASSWORD", "TOKEN")]
    user = rest.rpartition("@")[0]
    if ":" in user:
        secrets += [user.partition(":")[2], user]
    if not _is_address():  # a slash in the password: libraries take what is before it for host and port
        secrets.append(rest.partition("/")[0])
    return [secret for secret in secrets if secret]
