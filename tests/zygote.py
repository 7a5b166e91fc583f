"""Python processes that start at once: forked from one that has imported everything already.

Run as a program it is that process: for each connection to its socket it forks a keeper, which forks the command, sends
its number, waits, and sends its exit code.
"""

import contextlib
import copy
import fcntl
import functools
import gc
import importlib
import json
import os
import runpy
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from io import RawIOBase
from pathlib import Path
from typing import Any, TextIO

from forked_python import BEFORE, MOST_FILES, ask
from forked_python import __file__ as forked_python

IMPORTED = (
    "torch._dynamo",  # what Adam imports when it is first used
    "sklearn.datasets",
    "matplotlib.figure",
    "pandas",
    "requests",
    "pgan.cli",
    "pgan.experiment",
    "pgan.metrics.evaluation",
    "pgan.prepare.build",
    "pgan.rendering.curves",
    "pgan.rendering.metrics",
    "pgan.rendering.pictures",
    "pgan.training.run",
    "dvc.cli.parser",
    "dvc.repo.experiments",
    "dvc.repo.index",
    "dvc.repo.open_repo",
    "dvc_data.hashfile.status",
    "dvc_data.hashfile.db.local",
    "networkx",
    "pygit2",
    "ruamel.yaml",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_workspace_store",
    "sqlalchemy.dialects.sqlite",
    "alembic.command",
)
"""Not `stages`: that is imported from the folder in which a process runs, as `python -m` does."""


class Child:
    """A command that runs."""

    def __init__(self, answer: RawIOBase, output: Path | None = None) -> None:
        number = answer.readline()
        assert number, "the zygote has died"
        self.pid = int(number)
        self.output = output
        """What it prints."""
        self.returncode: int | None = None
        """Once that is known, its exit code, or minus the number of the signal that killed it."""
        self._answer = answer

    def send(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def poll(self) -> int | None:
        """Its return code, or None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its return code, once it has ended."""
        if self.returncode is None:
            if not select.select([self._answer], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("a forked command", timeout or 0)
            with self._answer:
                self.returncode = int(self._answer.readline())
        return self.returncode

    def end(self) -> tuple[int, str]:
        """Its return code, and what it has printed."""
        assert self.output is not None
        return self.wait(), self.output.read_text()


class PipedChild(Child):
    """A command that prints to a pipe, to be used like a `subprocess.Popen`."""

    def __init__(self, answer: RawIOBase, stdout: TextIO) -> None:
        super().__init__(answer)
        self.stdout = stdout
        """What it prints, standard error too."""

    send_signal = Child.send

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send(signal.SIGKILL)

    def communicate(self, timeout: float = 600) -> tuple[str, None]:
        """What it prints until all who can print have ended; after that, `returncode` is known."""
        end, text = time.monotonic() + timeout, []
        reader = threading.Thread(target=lambda: text.append(self.stdout.read()), daemon=True)
        reader.start()
        reader.join(timeout)
        if not text:
            raise subprocess.TimeoutExpired("a forked command", timeout)
        self.stdout.close()
        self.wait(max(0.0, end - time.monotonic()))
        return text[0], None


class Zygote:
    """The process that has imported everything."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="zygote"))
        """Holds a `python` and a `dvc` that run modules in forks, to be put first into PATH."""
        self._address = str(self.folder / "socket")
        fork, real = shlex.join([sys.executable, "-IS", forked_python, self._address]), shlex.quote(sys.executable)
        self._script("python", f'[ "$1" = -m ] && exec {fork} "$@"; exec {real} "$@"')
        self._script("dvc", f'exec {fork} -m dvc "$@"')
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self._address)
            listener.listen()
            command = [sys.executable, __file__, str(listener.fileno())]
            settings = {"PYTHONUTF8": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}
            # without the first a command would start itself again, without the fork; the second would start a thread
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, pass_fds=[listener.fileno()], env=os.environ | settings
            )
        self.pid = self._process.pid
        """Of the process from which all others are forked."""

    def start(self, folder: Path, *arguments: str, before: str = "") -> Child:
        """Start `pgan …` in a folder; `before` is Python code that the child runs first, to put a fault in."""
        output = folder.parent / f"{folder.name}.output"
        with output.open("wb") as file, open(os.devnull) as nothing:
            files = {0: nothing.fileno(), 1: file.fileno(), 2: file.fileno()}
            command = ["pgan", *arguments]
            answer = ask(self._address, str(folder), dict(os.environ), command, before, sys.executable, files)
        return Child(answer, output)

    def start_module(self, folder: Path, environment: dict[str, str], *arguments: str) -> PipedChild:
        """Start `python -m …` in a folder and an environment, of which $ZYGOTE_BEFORE is code that it runs first."""
        readable, writable = os.pipe()
        with open(writable, "wb") as pipe, open(os.devnull) as nothing:
            files = {0: nothing.fileno(), 1: pipe.fileno(), 2: pipe.fileno()}
            before, python = environment.get(BEFORE, ""), str(self.folder / "python")
            answer = ask(self._address, str(folder), environment, arguments, before, python, files)
        return PipedChild(answer, open(readable, encoding="utf-8", errors="replace"))

    def _script(self, name: str, text: str) -> None:
        """Write a program of its folder."""
        (self.folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.folder / name).chmod(0o755)

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=60)
        shutil.rmtree(self.folder)


# --- in the process that has imported everything


def _serve(listener: socket.socket) -> None:
    """Fork a keeper for each connection, until standard input ends."""
    os.environ["TORCH_CPP_LOG_LEVEL"] = "ERROR"  # as pgan.training.parallel does it, before torch is imported
    _parse_yaml_once()
    for module in IMPORTED:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # else each child's first collection would copy all that has been imported
    os.nice = lambda _: 0  # beside other tests, a process that yields to all others might never end
    sys.stdout.reconfigure(line_buffering=True)  # what it printed before it was killed
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers leave nothing to be waited for
    while listener in select.select([listener, sys.stdin], [], [])[0]:
        connection, _ = listener.accept()
        with connection:
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                listener.close()
                try:
                    _keep(connection)
                finally:  # also where nobody listens any more
                    os._exit(0)
    os._exit(0)  # at once: taking torch to pieces lasts seconds


def _parse_yaml_once() -> None:
    """DVC parses params.yaml for each stage: give it a memory of what a text holds, and half of its time is saved."""
    from dvc.utils.serialize import _yaml

    parse = functools.cache(_yaml.parse_yaml)
    _yaml.parse_yaml = lambda text, path, typ="safe": copy.deepcopy(parse(text, path, typ))


def _keep(connection: socket.socket) -> None:
    """In a keeper: start the command, and send its number and how it ended."""
    _, received, _, _ = socket.recv_fds(connection, 1, MOST_FILES)
    with connection.makefile("rw") as lines:
        job = json.loads(lines.readline())
        child = os.fork()
        if child == 0:
            lines.close()
            connection.close()
            _run(job, received)
        for number in received:
            os.close(number)
        print(child, file=lines, flush=True)
        threading.Thread(target=_end_with, args=(connection, child), daemon=True).start()
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), file=lines)


def _end_with(connection: socket.socket, child: int) -> None:
    """Kill the command when whoever asked for it has gone."""
    connection.recv(1)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)


def _run(job: dict[str, Any], received: list[int]) -> None:
    """In the child: become the command. Never returns."""
    code = 1
    try:
        _become(job, received)
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _become(job: dict[str, Any], received: list[int]) -> None:
    """Take its files, folder and environment, and run the module as `python -m` does, in a session of its own."""
    os.setsid()
    _take(job["files"], received)
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environment"])
    sys.path[:1] = [job["folder"], *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    sys.executable = job["executable"]
    module, *arguments = job["arguments"]
    sys.argv, sys.orig_argv = [module, *arguments], ["python", "-m", module, *arguments]
    exec(job["before"], {})
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _take(numbers: list[int], received: list[int]) -> None:
    """Give files the numbers that they had where they come from; first out of each other's way."""
    apart = [fcntl.fcntl(file, fcntl.F_DUPFD, 4 * MOST_FILES) for file in received]
    for file in received:
        os.close(file)
    for number, file in zip(numbers, apart, strict=True):
        os.dup2(file, number)
        os.close(file)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
