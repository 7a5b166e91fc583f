"""Ctrl-C and SIGTERM as a request that the loop answers between two steps, so that no state is ever half updated."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(Exception):
    """The phase was asked to stop, and its snapshot is written."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal.Signals(signal_number).name)
        self.exit_code = 128 + signal_number


class StopRequest:
    """Which signal has come, if any."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def set(self, number: int, frame: FrameType | None) -> None:
        """A signal handler. A second signal of the same kind ends the process at once, as without a handler."""
        self.signal = number
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Catch SIGINT and SIGTERM inside the block; outside the main thread, where none can be caught, do nothing."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, request.set) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
