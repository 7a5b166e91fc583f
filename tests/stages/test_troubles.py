"""What is said about a failure of MLflow's: what to do where it lasts, that it is logged later where it may pass."""

import http.server
import shutil
import socket
import sqlite3
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from workplace import locked, serving

from pgan.errors import RunError
from stages.ablations.rows import conditions
from stages.tracking import report, tracker
from stages.tracking.runs import Runs
from stages.tracking.stage import Stage
from stages.tracking.store import connect, make, repository
from stages.tracking.troubles import LONGEST, DeletedExperiment, advice, brief

URI = "MLFLOW_TRACKING_URI"
LATER = "`python -m stages.tracking.report` logs them later"


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """None of this machine's, and quick to give up."""
    for name in (URI, "MLFLOW_EXPERIMENT_NAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_ALLOW_FILE_STORE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in tracker.SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with MLflow's tables, to copy: making them takes seconds."""
    path = tmp_path_factory.mktemp("store") / "my gan's (v2) #1 100%" / "mlflow.db"
    path.parent.mkdir()
    make(path)
    return path


@pytest.fixture
def root(store: Path, tmp_path: Path) -> Path:
    """A repository with such a database."""
    shutil.copy(store, tmp_path)
    return tmp_path


def failure(work: Callable[[], Any]) -> Exception:
    """The exception that it ends with."""
    try:
        work()
    except Exception as error:
        return error
    raise AssertionError("it did not fail")


def failure_of(uri: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Exception:
    """How a tracker fails with a store."""
    monkeypatch.setenv(URI, uri)
    return failure(lambda: connect(folder))


@contextmanager
def server(status: int, body: str) -> Iterator[str]:
    """One that has a single answer; its address."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with serving(Answer) as address:
        yield address


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, "You are not authenticated.", "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"),
        (401, '{"error_code": "UNAUTHENTICATED", "message": "no"}', "MLFLOW_TRACKING_TOKEN"),
        (403, "Permission denied", "this user may not write there"),
        (403, '{"error_code": "PERMISSION_DENIED", "message": "no"}', "this user may not write there"),
        (404, "<html>no such page</html>", "no MLflow server answers there"),
        (200, "<html>log in</html>", "no MLflow server answers there"),
        (503, "overloaded", ""),
        (500, '{"error_code": "INTERNAL_ERROR", "message": "oh"}', ""),
    ],
)
def test_what_a_server_answers(
    status: int, body: str, expected: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with server(status, body) as address:
        error = failure_of(f"http://me:secret123@{address}", monkeypatch, tmp_path)
    assert_advice(error, expected)
    assert "secret123" not in brief(error)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("./mlruns", "unset MLFLOW_TRACKING_URI, or set it to sqlite:///mlflow.db"),
        ("file:///nowhere/mlruns", "unset MLFLOW_TRACKING_URI, or set it to sqlite:///mlflow.db"),
        ("127.0.0.1:5000", "http://"),
        ("localhost:5000", "MLflow knows no store 'localhost': MLFLOW_TRACKING_URI begins with http://"),
        ("s3://bucket/runs", "MLflow knows no store 's3'"),
        ("mysql+nothing://me:secret123@host/db", "MLflow knows no store 'mysql+nothing'"),
        ("mssql+pyodbc://me:secret123@host/db", "pip install pyodbc"),
        ("http://me:secret123/x@127.0.0.1:9", "is no address: write @ : / ? # in a password as %40"),
        ("http://[::1", "is no address"),
        ("sqlite://mlflow.db", "sqlite:///mlflow.db"),
        ("http://127.0.0.1:9", ""),
        ("http://me:secret123@127.0.0.1:9", ""),
    ],
)
def test_what_an_address_says(uri: str, expected: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    error = failure_of(uri, monkeypatch, tmp_path)
    assert_advice(error, expected)
    assert "secret123" not in brief(error)


def assert_advice(error: Exception, expected: str) -> None:
    """That advice holds these words; "" stands for none."""
    found = advice(error)
    assert (expected in found) if expected else (found == ""), (found, brief(error))


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "no such host"),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), ""),
        (ssl.SSLCertVerificationError(1, "self-signed certificate"), "MLFLOW_TRACKING_SERVER_CERT_PATH"),
        (ConnectionRefusedError(111, "Connection refused"), ""),
        (TimeoutError("timed out"), ""),
    ],
)
def test_what_lies_between_here_and_the_server(reason: Exception, expected: str) -> None:
    def work() -> None:
        try:
            try:
                raise reason
            except Exception as error:
                raise requests.exceptions.ConnectionError(error) from error
        except Exception as error:
            raise MlflowException(f"API request failed with exception {error}")  # noqa: B904 (as MLflow does)

    assert_advice(failure(work), expected)


@pytest.mark.parametrize("package", ["psycopg2", "pymysql", "boto3"])
def test_a_driver_that_is_missing(package: str) -> None:
    def work() -> None:
        raise MlflowException("cannot connect") from ModuleNotFoundError(f"No module named '{package}'", name=package)

    assert_advice(failure(work), "pip install")


def test_an_experiment_that_was_deleted_comes_back_by_the_command(root: Path) -> None:
    client, number = connect(root)
    client.delete_experiment(number)
    error = failure(lambda: connect(root))
    assert_advice(error, f"`{URI}=sqlite:///mlflow.db mlflow experiments restore -x {number}`")
    assert_advice(error, "MLFLOW_EXPERIMENT_NAME")
    client.restore_experiment(number)
    assert connect(root)[1] == number


def test_another_experiment_takes_the_place_of_a_deleted_one(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client, number = connect(root)
    client.delete_experiment(number)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "pgan-2")
    assert connect(root)[1] != number


def test_databases_that_are_none_or_another_version_s(root: Path) -> None:
    database = root / "mlflow.db"
    with sqlite3.connect(database) as connection:
        connection.execute("update alembic_version set version_num = '451aebb31d03'")
    error = failure(lambda: MlflowClient(f"sqlite:///{database}?timeout=1"))
    assert_advice(error, "`mlflow db upgrade sqlite:///mlflow.db`")
    database.write_text("no database" * 1000, encoding="utf-8")
    assert_advice(failure(lambda: MlflowClient(f"sqlite:///{database}?timeout=2")), "move it away")


def test_a_database_that_is_locked_passes(tmp_path: Path) -> None:
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'mlflow.db'}?timeout=0")
    with locked(tmp_path / "mlflow.db"):
        error = failure(lambda: sqlalchemy.inspect(engine).get_table_names())
    assert "database is locked" in brief(error)
    assert_advice(error, "")


def test_a_place_that_cannot_be_a_database_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").mkdir()
    assert_advice(failure(lambda: connect(tmp_path)), "name another place in MLFLOW_TRACKING_URI")


@pytest.mark.parametrize("name", ["my gan's (v2) #1 100%", "a?b=c&d", "my%20gans", 'ü$x`y"z;', "[a]*{b}\\", "a:b@c"])
def test_a_store_in_any_path(name: str, store: Path, tmp_path: Path) -> None:
    root = tmp_path / name
    root.mkdir()
    shutil.copy(store, root)
    client, number = connect(root)
    run = client.create_run(number)
    (tmp_path / "file").write_text("x", encoding="utf-8")
    client.log_artifact(run.info.run_id, str(tmp_path / "file"))
    assert repository(root) == repository(root)
    assert {path.name for path in root.iterdir()} == {"mlflow.db", "mlartifacts", ".pgan"}
    assert len(list((root / "mlartifacts").rglob("file"))) == 1
    assert {path.name for path in tmp_path.iterdir()} == {name, "file"}, "a folder of a wrong name"
    assert list(store.parents[1].iterdir()) == [store.parent], "a folder of a wrong name"


def test_a_long_message_ends_with_what_it_came_from() -> None:
    error = RuntimeError("x" * 1000)
    error.__cause__ = ConnectionRefusedError(111, "Connection refused")
    assert brief(error).endswith("… ConnectionRefusedError: [Errno 111] Connection refused")
    assert len(brief(error)) < 2 * LONGEST


def test_what_libraries_make_of_a_password_is_not_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URI, "http://me:pa55/wo:rd@host/x")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter22")
    words = brief(ValueError("Failed to parse: 'me:pa55', host http://me:pa55/wo:rd@host, or hunter22; pa55/wo:rd"))
    assert words == "ValueError: Failed to parse: '***', host http://***@host, or ***; ***"


def test_what_is_logged_holds_no_password(root: Path) -> None:
    parameters = {"prepare": {"source": "digits"}, "features": {"url": "https://me:secret123@host/x?token=abc"}}
    runs = Runs(parameters, root)
    logged = runs.client.get_run(runs.parent).data
    assert logged.params["features.url"] == "https://***@host/x?token=***"
    assert "secret123" not in (root / "mlflow.db").read_bytes().decode("latin-1")


def test_a_table_of_an_ablation_holds_no_password() -> None:
    assert conditions([], [("features.inception.url", "https://me:secret123@host/x")]).endswith("https://***@host/x")


def test_without_the_program_git_a_run_has_no_commit(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(root))
    runs = Runs({"prepare": {"source": "digits"}}, root)
    assert "mlflow.source.git.commit" not in runs.client.get_run(runs.parent).data.tags


class Ended:
    """A stage that has ended."""

    status = "FINISHED"

    def wait(self, _: float) -> bool:
        """At once."""
        return True


@pytest.mark.parametrize("lasts", [True, False])
def test_the_tracker_says_which_of_both(
    lasts: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any) -> None:
        raise DeletedExperiment("pgan", "7") if lasts else TimeoutError("http://me:secret123@host does not answer")

    monkeypatch.setattr("stages.tracking.runs.Runs", fail)
    tracker.track(Stage("init"), {}, Path(), Ended())  # type: ignore[arg-type]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: init: MLflow tracking failed (")
    assert ("mlflow experiments restore -x 7" in line) == lasts
    assert (LATER in line) != lasts
    assert "python -m stages.tracking.report" in line
    assert "secret123" not in line


def test_what_lasts_is_said_at_once_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A training lasts for days: whoever looks in the first minute can still mend it."""
    said = []

    class Working(Ended):
        status = ""

    stage = Working()

    def fail(*_: Any) -> None:
        said.append(capsys.readouterr().err)
        stage.status = "FINISHED" if len(said) == 4 else ""
        raise DeletedExperiment("pgan", "7")

    monkeypatch.setattr("stages.tracking.runs.Runs", fail)
    tracker.track(Stage("init"), {}, Path(), stage)  # type: ignore[arg-type]
    assert ["restore -x 7" in words for words in said] == [False, True, False, False]


@pytest.mark.parametrize("lasts", [True, False])
def test_the_report_does_not_say_that_all_is_well(
    lasts: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = DeletedExperiment("pgan", "7") if lasts else TimeoutError("no answer")
    monkeypatch.setattr(report, "complete", lambda _: error)
    monkeypatch.setattr(report, "resolved", lambda _: {"phases": {}})
    monkeypatch.setattr(report.subprocess, "run", lambda *_, **__: type("Done", (), {"returncode": 0}))
    code = 0
    try:
        report.main()
    except SystemExit as end:
        code = end.code
    told = capsys.readouterr()
    assert code == (RunError.exit_code if lasts else 0)
    assert "make ui" not in told.out
    assert "data/render/samples.png" in told.out
    assert ("mlflow experiments restore -x 7" in told.err) == lasts
    assert ("logs them later" in told.err) != lasts
