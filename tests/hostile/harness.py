"""Running a command on a hostile input where it can do no harm, and judging how it ended."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOST_MEMORY = 2**31
MOST_SECONDS = 10
LONGEST_LINE = 1000

Prepare = Callable[[Path], list[str]]
"""Makes an input hostile in a copy of the world, and gives the command's arguments."""


@dataclass(frozen=True)
class Case:
    """A hostile input for one command."""

    command: str
    name: str
    prepare: Prepare

    @property
    def id(self) -> str:
        """For pytest."""
        return f"{self.command}-{self.name}"


@dataclass
class Ending:
    """How a command ended."""

    code: int
    wall: float
    cpu: float
    memory: int
    stderr: str
    stdout: str


class Server:
    """The process that runs the commands."""

    def __init__(self) -> None:
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("server.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert self._line() == "ready\n"

    def run(self, folder: Path, arguments: list[str], memory: int = MOST_MEMORY) -> Ending:
        """A command in a folder."""
        assert self.process.stdin is not None
        request = {"arguments": [str(argument) for argument in arguments], "folder": str(folder), "memory": memory}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._line())
        texts = [Path(f"{folder}.{name}").read_bytes().decode("utf-8", "replace") for name in ("stderr", "stdout")]
        return Ending(**answer, stderr=texts[0], stdout=texts[1])

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(30)

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


@contextmanager
def sandbox(world: Path, place: Path) -> Iterator[Path]:
    """A copy of the world, gone when the block ends."""
    folder = place / "box"
    shutil.copytree(world, folder, symlinks=True)
    try:
        yield folder
    finally:
        for path in folder.rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o700)
        shutil.rmtree(folder)


def judge(ending: Ending) -> list[str]:
    """What is wrong with how a command on a hostile input ended; nothing, if all is well."""
    wrong = []
    if ending.code == 0:
        wrong.append("it was accepted")
    elif ending.code == -14:
        wrong.append("it did not end")
    elif ending.code not in (1, 2):
        wrong.append(f"exit code {ending.code}")
    if "Traceback" in ending.stderr or "Traceback" in ending.stdout:
        wrong.append("a traceback")
    if "out of memory" in ending.stderr:
        wrong.append("memory ran out")
    if ending.memory > MOST_MEMORY:
        wrong.append(f"{ending.memory / 2**30:.1f} GiB of memory")
    if ending.cpu > MOST_SECONDS:
        wrong.append(f"{ending.cpu:.0f} s")
    return wrong + wrong_with_message(ending.stderr)


def wrong_with_message(text: str) -> list[str]:
    """A message is one line that begins with `error:`, those of further problems below it, or click's own."""
    lines = [line for line in text.split("\n") if line.strip()]
    if any(len(line) > LONGEST_LINE for line in lines if "\r" not in line):
        return ["a line without end"]
    if any(line.startswith(("Usage:", "│ ")) for line in lines):
        return []
    last = [line for line in lines if not line.startswith("       ")]
    said = [line for line in last if line.startswith("error: ")]
    if len(said) != 1 or last[-1] != said[0]:
        return ["no clear last line"]
    return []


def tree(folder: Path) -> dict[str, str]:
    """All that is in a folder, by name, with a digest of its content."""
    return {str(path.relative_to(folder)): _digest(path) for path in sorted(folder.rglob("*"))}


def _digest(path: Path) -> str:
    if path.is_symlink():
        return f"link to {os.readlink(path)}"
    if not path.is_file():
        return "folder" if path.is_dir() else "special"
    if path.stat().st_size > 2**26:
        return f"{path.stat().st_size} bytes"
    return hashlib.sha256(path.read_bytes()).hexdigest()
