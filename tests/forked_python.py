"""Asking a zygote (zygote.py) to run a module; and, as a program, `python -m MODULE …`, which does no more than ask.

It imports little, because it is started for every stage of a graph.
"""

import json
import os
import socket
import sys
from collections.abc import Sequence
from typing import TextIO

BEFORE = "ZYGOTE_BEFORE"
"""Environment variable: Python code that `python` runs before the module."""


def ask(
    address: str, folder: str, environment: dict[str, str], arguments: Sequence[str], before: str, streams: list[int]
) -> TextIO:
    """Start `python -m …` in a folder; its number comes as the first line of the answer, its exit code as the second.

    `before` is code that it runs first; `streams` are standard input, output and error.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        socket.send_fds(connection, [b"\n"], streams)
        job = {"folder": folder, "environment": environment, "arguments": arguments, "before": before}
        connection.sendall(json.dumps(job).encode() + b"\n")
        return connection.makefile()


def main() -> None:
    """End as the module ends: with its exit code, or 128 + the number of the signal that killed it."""
    address, option, *arguments = sys.argv[1:]
    assert option == "-m", "this `python` runs modules only"
    environment = dict(os.environ)
    answer = ask(address, os.getcwd(), environment, arguments, environment.get(BEFORE, ""), [0, 1, 2])
    answer.readline()
    code = int(answer.readline())
    sys.exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
