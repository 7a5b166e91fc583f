"""Ctrl-C and SIGTERM as a request that the loop answers between two steps, so that no state is ever half updated."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

PATIENCE_SECONDS = 4.0
"""How long a step may go on after a signal. Whoever sends one often follows it by SIGKILL."""
AGAIN_SECONDS = 1.0
"""A second signal sooner than this is the same request: terminal and launcher may both send it."""


class Interrupted(Exception):
    """The phase was asked to stop, and its snapshot is written."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal.Signals(signal_number).name)
        self.exit_code = 128 + signal_number


class StopRequest:
    """Which signal has come, if any."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self.answered = False
        """Whether the loop has seen it."""
        self._came = 0.0

    def set(self, number: int, frame: FrameType | None) -> None:
        """A signal handler. A second signal ends the process at once, as without a handler."""
        if self.signal is None:
            self.signal, self._came = number, time.monotonic()
        elif time.monotonic() - self._came > AGAIN_SECONDS:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def seen(self) -> bool:
        """Whether a signal has come; from now on it counts as answered."""
        self.answered = self.signal is not None
        return self.answered

    def obey(self) -> None:
        """Raise Interrupted if a signal has come."""
        if self.signal is not None:
            raise Interrupted(self.signal)


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Catch SIGINT and SIGTERM inside the block; outside the main thread, where none can be caught, do nothing.

    A step that does not end within `PATIENCE_SECONDS` after the signal is given up, and the process with it: what was
    trained since the last snapshot, in general that one step, is trained again.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, request.set) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with _watched(request):
            yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _watched(request: StopRequest) -> Iterator[None]:
    """A thread that is told of a signal by the system itself: Python's handlers wait for a long kernel to end."""
    listening, telling = os.pipe()
    os.set_blocking(telling, False)
    before = signal.set_wakeup_fd(telling, warn_on_full_buffer=False)
    watchdog = threading.Thread(target=_watch, args=(listening, request), daemon=True)
    watchdog.start()
    try:
        yield
    finally:
        request.answered = True
        signal.set_wakeup_fd(before)
        os.close(telling)  # ends the thread, if it has not been told anything
        watchdog.join()
        os.close(listening)


def _watch(pipe: int, request: StopRequest) -> None:
    told = os.read(pipe, 1)
    while told and told[0] not in (signal.SIGINT, signal.SIGTERM):
        told = os.read(pipe, 1)
    if not told:
        return
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        if request.answered:
            return
        time.sleep(0.02)
    name = signal.Signals(told[0]).name
    print(f"\nstopped ({name}) within a long step; the same command goes on from the last snapshot", file=sys.stderr)
    sys.stderr.flush()
    os._exit(128 + told[0])
