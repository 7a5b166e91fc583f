"""What every command does first: it sees to its streams, to the signals that end it, and to UTF-8.

No stage depends on this module, because nothing here reaches an output.
"""

import os
import signal
import sys
from contextlib import suppress
from typing import Any, NoReturn, TextIO

from pgan.errors import redacted


def begin() -> None:
    """Let the process say anything, in any locale, to anybody or nobody, and end in order when it is told to."""
    use_utf8()
    protect_streams()
    exit_on_signals()


def use_utf8() -> None:
    """Start Python anew, as the same process, where the locale cannot name every file; its terminal stays as it is.

    Else a folder's name, which becomes a class, would be other letters in Latin-1, and none in ASCII.
    """
    if sys.getfilesystemencoding() == "utf-8" or not (sys.executable and sys.orig_argv):
        return
    os.environ["PYTHONUTF8"] = "1"  # for processes that this one starts
    encoding = getattr(sys.stdout, "encoding", None)
    if encoding:
        os.environ.setdefault("PYTHONIOENCODING", f"{encoding}:backslashreplace")
    with suppress(OSError):
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def protect_streams() -> None:
    """Let standard output and error say anything but passwords, and messages be lost where nobody can read them."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name may be any bytes; that it cannot be shown is no failure
            with suppress(OSError):  # of a stream that stands for another
                stream.reconfigure(errors="backslashreplace")
    if sys.stdout is not None:
        sys.stdout = Discreet(sys.stdout)
    if sys.stderr is not None:
        sys.stderr = Unbreakable(sys.stderr)


def exit_on_signals() -> None:
    """Let SIGTERM and SIGHUP end the process like Ctrl-C does, through everything that cleans up; 128 + the number."""

    def leave(number: int, _: Any) -> NoReturn:
        raise SystemExit(128 + number)

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores SIGHUP
            signal.signal(number, leave)


class Discreet:
    """A stream to which passwords in URLs do not come, whoever writes: a traceback or a library's warning, too."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write what may be read."""
        self._stream.write(redacted(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """The same for several."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Unbreakable(Discreet):
    """One that falls silent where it cannot be written to: a closed terminal must not end a week's training."""

    def write(self, text: str) -> int:
        """Write, if that is possible."""
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, if that is possible."""
        with suppress(OSError):
            self._stream.flush()
