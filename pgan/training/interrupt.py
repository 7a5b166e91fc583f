"""Ctrl-C, SIGTERM and SIGHUP as a request that the loop answers between two steps: no state is ever half updated."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPS = [signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if name in signal.Signals.__members__]
"""Ctrl-C, `kill`, and a terminal that is closed."""
LAUNCHER_DIED = STOPS[-1]
"""The signal that a dead launcher counts as: it can pass on none."""
PATIENCE_SECONDS = 4.0
"""How long a step may still run after a signal. SIGKILL often follows it."""
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
        self.is_saving = False
        """Whether the loop is at something that must not be given up, however long it takes."""
        self.over = False
        """Whether the block has ended."""
        self._came = 0.0

    def set(self, number: int, frame: FrameType | None) -> None:
        """A signal handler. A second signal ends the process at once, as without a handler."""
        if self.signal is None:
            self.signal, self._came = number, time.monotonic()
        elif time.monotonic() - self._came > AGAIN_SECONDS:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Around what must not be given up."""
        self.is_saving = True
        try:
            yield
        finally:
            self.is_saving = False

    def obey(self, number: int | None) -> None:
        """Raise Interrupted if it has been decided to stop for a signal."""
        if number:
            raise Interrupted(number)


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Catch the signals inside the block, unless they are ignored; outside the main thread none can be caught.

    If a step does not end within `PATIENCE_SECONDS` after the signal, the process ends. The next one trains again what
    came after the last snapshot, usually that one step.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    heard = [number for number in STOPS if signal.getsignal(number) is not signal.SIG_IGN]  # nohup ignores SIGHUP
    before = {number: signal.signal(number, request.set) for number in heard}
    try:
        with _watched(request):
            yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _watched(request: StopRequest) -> Iterator[None]:
    """A thread that the system itself wakes at a signal: Python's handlers wait for a long kernel to end."""
    listening, telling = os.pipe()
    os.set_blocking(telling, False)
    before = signal.set_wakeup_fd(telling, warn_on_full_buffer=False)
    watchdog = threading.Thread(target=_watch, args=(listening, request), daemon=True)
    watchdog.start()
    try:
        yield
    finally:
        request.over = True
        signal.set_wakeup_fd(before)
        os.close(telling)  # ends the thread, if no signal came
        watchdog.join()
        os.close(listening)


def _watch(pipe: int, request: StopRequest) -> None:
    told = os.read(pipe, 1)
    while told and told[0] not in STOPS:
        told = os.read(pipe, 1)
    if not told:
        return
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        if request.over:
            return
        if request.is_saving:
            end = time.monotonic() + PATIENCE_SECONDS
        time.sleep(0.02)
    name = signal.Signals(told[0]).name
    print(f"\nstopped ({name}) within a long step; the same command continues from the last snapshot", file=sys.stderr)
    print("(or from the beginning, where there is none yet)", file=sys.stderr, flush=True)
    os._exit(128 + told[0])
