"""Other stores than the default file: a server with passwords that passes artifacts on, and PostgreSQL.

Both run on this machine, and are skipped, with the reason, where their programs are missing.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from miniature import Pipeline
from mlflow import MlflowClient
from mlflow import artifacts as artifact_store
from mlruns import answers

PASSWORD = "a long/pass@word"
SECONDS = 180


def has(module: str) -> bool:
    """Whether a package is installed."""
    return importlib.util.find_spec(module) is not None


def free_port() -> int:
    """One that nobody uses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextlib.contextmanager
def mlflow_server(folder: Path, *options: str, **environment: str) -> Iterator[str]:
    """`mlflow server` in a folder; its address."""
    port, log = free_port(), folder / "server.log"
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1", *options],
            cwd=folder,
            env=os.environ | quiet | environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    address, end = f"http://127.0.0.1:{port}", time.monotonic() + SECONDS
    try:
        while not answers(f"{address}/health"):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        yield address
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def assert_everything_is_there(client: MlflowClient) -> None:
    """What the miniature leaves in any store."""
    experiment = client.get_experiment_by_name("pgan")
    assert experiment is not None
    (parent,) = client.search_runs([experiment.experiment_id], "tags.`pgan.stage` = 'experiment'")
    assert parent.info.status == "FINISHED"
    assert len(client.get_metric_history(parent.info.run_id, "quality/frechet")) == 3
    assert len(parent.inputs.dataset_inputs) == 2
    names = {file.path for file in client.list_artifacts(parent.info.run_id, "pictures")}
    assert {"pictures/samples.png", "pictures/report.html"} <= names
    order = [{"field_name": "metrics.quality/frechet", "ascending": True}]
    models = client.search_logged_models([experiment.experiment_id], order_by=order)
    values = [metric.value for model in models for metric in model.metrics if metric.key == "quality/frechet"]
    assert len(values) == 3
    assert values == sorted(values)


@pytest.mark.slow
def test_a_server_with_passwords_and_an_artifact_proxy(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has("flask_wtf"):
        pytest.skip("mlflow server --app-name basic-auth needs Flask-WTF: pip install 'mlflow[auth]'")
    folder = tmp_path / "server"
    folder.mkdir()
    config = folder / "auth.ini"
    config.write_text(
        "[mlflow]\ndefault_permission = READ\n"
        f"database_uri = sqlite:///{folder}/auth.db\nadmin_username = admin\nadmin_password = {PASSWORD}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    options = ("--app-name", "basic-auth", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db")
    proxy = ("--serve-artifacts", "--artifacts-destination", str(folder / "artifacts"))
    secrets = {"MLFLOW_AUTH_CONFIG_PATH": str(config), "MLFLOW_FLASK_SERVER_SECRET_KEY": "secret"}
    with mlflow_server(folder, *options, *proxy, **secrets) as address:
        store = {"MLFLOW_TRACKING_URI": address}
        refused = pipeline.run("python", "-m", "stages.tracking.report", check=False, **store)
        assert refused.returncode == 1
        assert "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD" in refused.stdout
        user = {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": PASSWORD}
        output = pipeline.run("python", "-m", "stages.tracking.report", **store, **user).stdout
        assert "warning" not in output
        for name, value in (store | user).items():
            monkeypatch.setenv(name, value)
        assert_everything_is_there(MlflowClient(address))
        done = pipeline.run("python", "-m", "stages.register", "--alias", "champion", **store, **user).stdout
        assert "models:/pgan-generator@champion" in done
        here = artifact_store.download_artifacts("models:/pgan-generator@champion", dst_path=str(tmp_path / "model"))
        assert (Path(here) / "data/generator.safetensors").is_file()
    assert (folder / "artifacts").is_dir()  # the server wrote them, the client never saw the folder
    assert not (pipeline.path / "mlartifacts").exists()


def postgres_programs() -> Path | None:
    """The folder of PostgreSQL's programs; Debian keeps them out of the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    if found:
        return found[0].parent
    known = shutil.which("initdb")
    return Path(known).parent if known else None


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A database server of the test's own; the address of an empty database."""
    programs = postgres_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    user: dict[str, Any] = {}
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        user = {"user": "postgres", "group": "postgres"}
        shutil.chown(folder, "postgres", "postgres")
    data, port = folder / "data", free_port()
    quiet: dict[str, Any] = {"check": True, "stdout": subprocess.DEVNULL, "cwd": folder} | user
    subprocess.run([programs / "initdb", "-D", data, "-U", "pgan", "-A", "trust"], **quiet)
    control = [programs / "pg_ctl", "-D", data, "-w"]
    listen = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
    subprocess.run([*control, "-l", folder / "log", "-o", listen, "start"], **quiet)
    try:
        subprocess.run([programs / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "pgan", "runs"], **quiet)
        yield f"postgresql://pgan@127.0.0.1:{port}/runs"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **quiet)


@pytest.mark.slow
def test_a_postgresql_store(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    if not has("psycopg"):
        pytest.skip("psycopg is not installed: pip install 'psycopg[binary]'")
    with tempfile.TemporaryDirectory() as name, postgres(Path(name)) as database:
        output = pipeline.run("python", "-m", "stages.tracking.report", MLFLOW_TRACKING_URI=database).stdout
        assert "warning" not in output
        monkeypatch.setenv("MLFLOW_TRACKING_URI", database)
        monkeypatch.chdir(pipeline.path)
        assert_everything_is_there(MlflowClient(database))
        again = pipeline.run("python", "-m", "stages.tracking.report", MLFLOW_TRACKING_URI=database).stdout
        assert "warning" not in again
        assert_everything_is_there(MlflowClient(database))
        registered = pipeline.run("python", "-m", "stages.register", MLFLOW_TRACKING_URI=database).stdout
        assert "pgan-generator, version 1" in registered
