"""Asking a zygote (zygote.py) to run a module; and, as a program, `python -m MODULE …`, which does no more than ask.

It imports little, because it is started for every stage of a graph.
"""

import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from io import RawIOBase
from pathlib import Path

BEFORE = "ZYGOTE_BEFORE"
"""Environment variable: Python code that `python` runs before the module."""
MOST_FILES = 64
"""That one message to the zygote carries."""


def ask(
    address: str,
    folder: str,
    environment: dict[str, str],
    arguments: Sequence[str],
    before: str,
    executable: str,
    files: dict[int, int],
) -> RawIOBase:
    """Start `python -m …` in a folder.

    `before` is code that runs first, and `executable` is what the module starts further Pythons with. `files` maps
    the numbers that open files get there to the numbers that they have here.

    Returns a stream of two lines: the number of the process, and its exit code once it has ended.
    """
    job = {"folder": folder, "environment": environment, "arguments": arguments, "before": before}
    job |= {"executable": executable, "files": list(files)}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        socket.send_fds(connection, [b"\n"], list(files.values()))
        connection.sendall(json.dumps(job).encode() + b"\n")
        return connection.makefile("rb", buffering=0)


def inherited() -> dict[int, int]:
    """All files that this process was started with."""
    numbers = [int(name) for name in os.listdir("/dev/fd")]
    return {number: number for number in numbers if _is_open(number) and (number < 3 or os.get_inheritable(number))}


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:  # the one that listed the others
        return False
    return True


def let_go(files: dict[int, int]) -> None:
    """Close what the module has now: a lock or a pipe is free once the last process has closed it."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in files:
        os.dup2(nothing, number) if number < 3 else os.close(number)


def hand_on_signals(process: int) -> None:
    """Send the module what is sent to this process. SIGKILL ends it too: the zygote sees that nobody waits for it."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda number, _: os.kill(process, number))


def main() -> None:
    """End as the module ends: with its exit code, or 128 + the number of the signal that killed it."""
    address, option, *arguments = sys.argv[1:]
    assert option == "-m", "the real Python runs all else"
    environment, files = dict(os.environ), inherited()
    executable = str(Path(address).with_name("python"))
    answer = ask(address, os.getcwd(), environment, arguments, environment.get(BEFORE, ""), executable, files)
    let_go(files)
    hand_on_signals(int(answer.readline()))
    code = int(answer.readline())
    sys.exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
