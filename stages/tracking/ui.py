"""`make ui`: MLflow's web page of the runs in this repository's store, reachable from this machine only."""

import os
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer

from pgan.errors import InputError
from pgan.process import begin, user_errors

HOST = "127.0.0.1"
PORT = "5000"


@user_errors
def ui(
    port: Annotated[str, typer.Option(help=f"Where the server listens on {HOST}.")] = PORT,
) -> None:
    """Start MLflow's server. It replaces this process."""
    check_port(port)
    from stages.tracking.store import artifacts, make
    from stages.tracking.tracker import settle

    store = Path("mlflow.db").absolute()
    if not store.exists():  # in some paths, MLflow would fail half-way
        settle()
        make(store)
    typer.echo(f"http://{HOST}:{port}/#/experiments?workflowType=machine_learning")
    sys.stdout.flush()
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.execv(sys.executable, command(port, artifacts(store)))


def command(port: str, artifacts: str) -> list[str]:
    """The server's command line. The store's path is relative, as the full path may have any characters."""
    server = [sys.executable, "-m", "mlflow", "ui", "--host", HOST, "--port", port]
    return [*server, "--backend-store-uri", "sqlite:///mlflow.db", "--default-artifact-root", artifacts]


def check_port(text: str) -> None:
    """Raise InputError if no server can listen on this port."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 2**16):
        raise InputError(f"PORT: {text!r} is no port; choose one from 1024 to 65535: `make ui PORT=5001`")
    advice = f"choose another: `make ui PORT={5001 if text != '5001' else 5002}`"
    with socket.socket() as one:
        one.settimeout(1)
        if one.connect_ex((HOST, int(text))) == 0:
            raise InputError(f"PORT: {text} is taken by another program (on macOS perhaps AirPlay); {advice}")
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
        try:
            one.bind((HOST, int(text)))
        except OSError as error:
            raise InputError(f"PORT: {text}: {error.strerror}; {advice}") from None


def main() -> None:
    """The command."""
    begin()
    typer.run(ui)


if __name__ == "__main__":
    main()
