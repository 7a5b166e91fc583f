"""The two ways in which a command ends when something is wrong: the user's input (2), or a failure on the way (1)."""

from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn


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
    import sys

    if isinstance(error, PganError):
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    if isinstance(error, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    if isinstance(error, OSError):  # disk full, no permission, no such file: the system's words are clear enough
        where = f": {error.filename}" if error.filename else ""
        print(f"error: {error.strerror or error}{where}", file=sys.stderr)
        sys.exit(1)
    raise error


def exit_on_sigterm() -> None:
    """Let SIGTERM end the process like Ctrl-C does, through everything that cleans up; exit code 143."""
    import signal

    def leave(number: int, _: Any) -> NoReturn:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)


def user_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a Typer command so that what a user can cause ends in one line and an exit code, never in a traceback."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except (PganError, OSError, KeyboardInterrupt) as error:
            fail(error)

    return run
