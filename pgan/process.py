"""How the process of a command begins and ends: UTF-8, signals, exit codes, and streams that always work.

No stage depends on this module, because nothing here reaches an output.
"""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any, NoReturn, TextIO

from pgan.errors import PganError, out_of_memory, readable, redacted

SPINS = "3000"
"""Times that a waiting thread of libgomp looks before it sleeps; by default 300000 (benchmarks/spinning.py)."""


def begin() -> None:
    """Prepare the process: any text can be printed in any locale, and signals end it cleanly. Call this first."""
    use_utf8()
    bound_spinning()
    protect_streams()
    exit_on_signals()


def use_utf8() -> None:
    """Restart Python in UTF-8 mode, as the same process, where the locale cannot name every file.

    Folder names become classes.  In Latin-1 their letters would change, and in ASCII they would be lost.  What goes to
    the terminal keeps the terminal's encoding.
    """
    if sys.getfilesystemencoding() == "utf-8" or not (sys.executable and sys.orig_argv):
        return
    os.environ["PYTHONUTF8"] = "1"  # for processes that this one starts
    encoding = getattr(sys.stdout, "encoding", None)
    if encoding:
        os.environ.setdefault("PYTHONIOENCODING", f"{encoding}:backslashreplace")
    with suppress(OSError):
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def bound_spinning() -> None:
    """Let OpenMP's threads sleep soon when they wait for each other, unless the user has said how they wait.

    By default libgomp, which torch brings on Linux, lets them spin for milliseconds. Beside another program, a spinning
    thread holds the core that the thread needs for which it waits, and training falls to a fraction of its speed.
    libgomp reads the variable when torch is loaded, so this comes before. Results do not depend on it.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)


def protect_streams() -> None:
    """Let standard output and error print everything but passwords. A closed standard error loses its messages."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a file name may be any bytes: failing to show it is no error
            with suppress(OSError):  # of a stream that stands for another
                stream.reconfigure(errors="backslashreplace")
    if sys.stdout is not None:
        sys.stdout = Discreet(sys.stdout)
    if sys.stderr is not None:
        sys.stderr = Unbreakable(sys.stderr)


def exit_on_signals() -> None:
    """Let SIGTERM and SIGHUP end the process as Ctrl-C does, with all cleanup. The exit code is 128 + the number."""

    def leave(number: int, _: Any) -> NoReturn:
        raise SystemExit(128 + number)

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores SIGHUP
            signal.signal(number, leave)


# --- exit codes


def user_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a Typer command: an error that a user can cause ends in one line and an exit code, never in a traceback."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except (PganError, OSError, KeyboardInterrupt, MemoryError, RuntimeError) as error:
            fail(error)

    return run


def fail(error: BaseException) -> NoReturn:
    """Print the one line that a user needs to read, without a traceback, and exit with the error's code.

    An unexpected error is raised again, because its traceback helps to find the cause.
    """
    if isinstance(error, PganError):
        print(f"error: {readable(str(error))}", file=sys.stderr)
        sys.exit(error.exit_code)
    if isinstance(error, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    if isinstance(error, BrokenPipeError):  # `pgan … | head`: the reader has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # discards what Python has not written yet
        sys.exit(128 + 13)  # as SIGPIPE ends other programs
    if isinstance(error, OSError):  # disk full, no permission, no such file: the system's words are clear enough
        where = f": {error.filename}" if error.filename else ""
        print(f"error: {readable(f'{error.strerror or error}{where}')}", file=sys.stderr)
        sys.exit(1)
    if out_of_memory(error):
        print("error: out of memory; lower the batch, or the size of what is asked for", file=sys.stderr)
        sys.exit(1)
    raise error


# --- streams


class Discreet:
    """A stream that hides passwords in URLs, whoever prints them: a traceback or a library's warning, too."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the text without its passwords."""
        self._stream.write(redacted(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Unbreakable(Discreet):
    """A stream that ignores write errors: a closed terminal must not end a week's training."""

    def write(self, text: str) -> int:
        """Write if possible."""
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        """Flush if possible."""
        with suppress(OSError):
            self._stream.flush()
