"""The two ways in which a command ends when something is wrong: the user's input (2), or a failure on the way (1)."""

import reprlib
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any, NoReturn, TextIO

SEPARATOR = "\n       "
"""Between the problems of one error, each of which has a line of its own."""
LONGEST = 800
"""Characters of a line. A message quotes what a user wrote, and that may be a million characters."""
MOST_LINES = 20
"""Problems that are shown; nobody reads on."""
NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "bad_alloc", "ALLOC_FAILED")
"""What the allocators of CPU, CUDA, MPS, C++ and cuBLAS say."""


class PganError(Exception):
    """An error whose message is one clear line for the user: what was wrong, where, and what to do."""

    exit_code = 1


class InputError(PganError):
    """The user's input is wrong: a parameter, a path, a file. Exit code 2."""

    exit_code = 2


class RunError(PganError):
    """The input was right, but the work could not be done: disk full, diverged training. Exit code 1."""

    exit_code = 1


def fail(error: BaseException) -> NoReturn:
    """Print the one line that a user needs to read, without a traceback, and exit with the error's code.

    An error that nobody foresaw is re-raised: hiding its traceback would help nobody.
    """
    import os
    import sys

    if isinstance(error, PganError):
        print(f"error: {readable(str(error))}", file=sys.stderr)
        sys.exit(error.exit_code)
    if isinstance(error, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    if isinstance(error, BrokenPipeError):  # `pgan … | head`: the reader has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what Python still holds back for it goes nowhere
        sys.exit(128 + 13)  # as SIGPIPE ends others
    if isinstance(error, OSError):  # disk full, no permission, no such file: the system's words are clear enough
        where = f": {error.filename}" if error.filename else ""
        print(f"error: {readable(f'{error.strerror or error}{where}')}", file=sys.stderr)
        sys.exit(1)
    if out_of_memory(error):
        print("error: out of memory; lower the batch, or the size of what is asked for", file=sys.stderr)
        sys.exit(1)
    raise error


class Unbreakable:
    """A stream that falls silent where it cannot be written to: a closed terminal must not end a week's training."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, if that is possible."""
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, if that is possible."""
        with suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def protect_stderr() -> None:
    """Let messages and progress bars be lost where nobody can read them."""
    import sys

    sys.stderr = Unbreakable(sys.stderr)


def exit_on_signals() -> None:
    """Let SIGTERM and SIGHUP end the process like Ctrl-C does, through everything that cleans up; 128 + the number."""
    import signal

    def leave(number: int, _: Any) -> NoReturn:
        raise SystemExit(128 + number)

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores SIGHUP
            signal.signal(number, leave)


def readable(message: str) -> str:
    """A message as a terminal can show it: lines that are printable, of bearable length and number.

    Messages quote names and values from files, which may hold line breaks, control characters or megabytes.
    """
    lines = [_line(part) for part in message.split(SEPARATOR, MOST_LINES)]
    if len(lines) > MOST_LINES:
        lines[-1] = f"… and {message.count(SEPARATOR) + 1 - MOST_LINES} more"
    return SEPARATOR.join(lines)


def _line(text: str) -> str:
    if len(text) > LONGEST:
        text = f"{text[: LONGEST * 3 // 4]} … {text[-LONGEST // 4 :]}"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shown(value: Any) -> str:
    """A value from a file, in a message: its beginning, as Python writes it, however large or nested it is."""
    return _values.repr(value)


_values = reprlib.Repr()
_values.maxlevel, _values.maxstring, _values.maxother = 2, 100, 100


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says so; torch's allocators have no common exception."""
    if isinstance(error, RuntimeError):
        return any(sign in str(error) for sign in NO_MEMORY)
    return isinstance(error, MemoryError)


def user_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a Typer command so that what a user can cause ends in one line and an exit code, never in a traceback."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except (PganError, OSError, KeyboardInterrupt, MemoryError, RuntimeError) as error:
            fail(error)

    return run
