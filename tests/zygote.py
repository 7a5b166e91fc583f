"""Python processes that start at once: forked from one that has imported everything already.

Run as a program it is that process: for each connection to its socket it forks a keeper, which forks the command, tells
its number, waits, and tells how it ended.
"""

import contextlib
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from forked_python import __file__ as forked_python
from forked_python import ask

IMPORTED = (
    "torch._dynamo",  # what Adam imports when it is first used
    "sklearn.datasets",
    "matplotlib.figure",
    "pgan.cli",
    "pgan.experiment",
    "pgan.metrics.evaluation",
    "pgan.prepare.build",
    "pgan.rendering.curves",
    "pgan.rendering.metrics",
    "pgan.rendering.pictures",
    "pgan.training.run",
    "dvc.cli",
    "dvc.repo",
)
"""Not `stages`: that is imported from the folder in which a process runs, as `python -m` does."""


@dataclass
class Child:
    """A command that runs."""

    process: int
    """Its number, for signals."""
    output: Path
    """What it prints."""
    answer: TextIO
    """Ends with how it ended."""

    def send(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process, number)

    def wait(self) -> int:
        """Its exit code, or minus the number of the signal that killed it."""
        with self.answer:
            return int(self.answer.readline())

    def end(self) -> tuple[int, str]:
        """The same, and what it has printed."""
        return self.wait(), self.output.read_text()


class Zygote:
    """The process that has imported everything."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="zygote"))
        """Holds a `python` that runs modules in forks, to be put first into PATH."""
        self._address = str(self.folder / "socket")
        python = shlex.join([sys.executable, "-IS", forked_python, self._address])
        (self.folder / "python").write_text(f'#!/bin/sh\nexec {python} "$@"\n')
        (self.folder / "python").chmod(0o755)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self._address)
            listener.listen()
            command = [sys.executable, __file__, str(listener.fileno())]
            environment = os.environ | {"PYTHONUTF8": "1"}  # else a command would start itself anew, without the fork
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, pass_fds=[listener.fileno()], env=environment
            )

    def start(self, folder: Path, *arguments: str, before: str = "") -> Child:
        """Start `pgan …` in a folder; `before` is Python code that the child runs first, to put a fault in."""
        output = folder.parent / f"{folder.name}.output"
        with output.open("wb") as file, open(os.devnull) as nothing:
            streams = [nothing.fileno(), file.fileno(), file.fileno()]
            answer = ask(self._address, str(folder), dict(os.environ), ["pgan", *arguments], before, streams)
        number = answer.readline()
        assert number, "the zygote has died"
        return Child(int(number), output, answer)

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=60)
        shutil.rmtree(self.folder)


# --- in the process that has imported everything


def _serve(listener: socket.socket) -> None:
    """Fork a keeper for each connection, until standard input ends."""
    os.environ["TORCH_CPP_LOG_LEVEL"] = "ERROR"  # as pgan.training.parallel does it, before torch is imported
    for module in IMPORTED:
        importlib.import_module(module)
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


def _keep(connection: socket.socket) -> None:
    """In a keeper: start the command, and tell its number and how it ended."""
    _, streams, _, _ = socket.recv_fds(connection, 1, 3)
    with connection.makefile("rw") as lines:
        job = json.loads(lines.readline())
        child = os.fork()
        if child == 0:
            lines.close()
            connection.close()
            _run(job, streams)
        for stream in streams:
            os.close(stream)
        print(child, file=lines, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), file=lines)


def _run(job: dict[str, Any], streams: list[int]) -> None:
    """In the child: become the command. Never returns."""
    code = 1
    try:
        _become(job, streams)
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


def _become(job: dict[str, Any], streams: list[int]) -> None:
    """Take its streams, folder and environment, and run the module as `python -m` does."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environment"])
    sys.path[0] = job["folder"]
    module, *arguments = job["arguments"]
    sys.argv = [module, *arguments]
    exec(job["before"], {})
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
