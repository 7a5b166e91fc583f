"""`pgan` commands in processes of their own that start at once: forked from one that has imported everything already.

Used as a module it is that process: for each line of JSON on standard input it forks a child, tells the child's number,
waits, and tells how it ended.
"""

import contextlib
import importlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Child:
    """A command that runs."""

    process: int
    """Its number, for signals."""
    output: Path
    """What it prints."""
    zygote: "Zygote"

    def send(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process, number)

    def wait(self) -> int:
        """Its exit code, or minus the number of the signal that killed it."""
        return int(self.zygote.answer())

    def end(self) -> tuple[int, str]:
        """The same, and what it has printed."""
        return self.wait(), self.output.read_text()


class Zygote:
    """The process that has imported everything."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def start(self, folder: Path, *arguments: str, before: str = "") -> Child:
        """Start `pgan …` in a folder; `before` is Python code that the child runs first, to put a fault in."""
        output = folder.parent / f"{folder.name}.output"
        job = {"folder": str(folder), "arguments": arguments, "before": before, "output": str(output)}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        return Child(int(self.answer()), output, self)

    def answer(self) -> str:
        """The next line that the process tells."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the zygote has died"
        return line

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)


def _command(job: dict[str, Any]) -> None:
    """In the child: become the command."""
    handle = os.open(job["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number in (1, 2):
        os.dup2(handle, number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
    os.chdir(job["folder"])
    sys.argv = ["pgan", *job["arguments"]]
    exec(job["before"], {})

    from pgan.cli import main

    main()


def _serve() -> None:
    os.environ["TORCH_CPP_LOG_LEVEL"] = "ERROR"  # as pgan.training.parallel does it, before torch is imported
    for module in ("torch._dynamo", "pgan.cli", "pgan.training.identity", "pgan.training.loop"):
        importlib.import_module(module)  # the first is what Adam imports when it is first used
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                _command(json.loads(line))
                code = 0
            except SystemExit as stop:
                code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    _serve()
