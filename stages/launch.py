"""A stage's command, run in this process or by the launcher in $PGAN_LAUNCHER: `torchrun --nproc-per-node 8`, `srun …`.

The number of processes belongs to the machine, and changes at most the last digits of the outputs.  That is why no
stage in dvc.yaml depends on this module, just as none depends on stages/runner.py.
"""

import ctypes
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pgan.errors import InputError, RunError
from pgan.training.interrupt import STOPS

VARIABLE = "PGAN_LAUNCHER"
TORCHRUN = ("torchrun", "torch.distributed.run")
"""As a program, and as `python -m` names it. `env …` may come before it."""
PR_SET_PDEATHSIG = 1
"""From <sys/prctl.h>."""
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None  # looked up before any process is forked


def launch(command: Callable[..., None], *arguments: str, **options: Path) -> None:
    """Call a command of `pgan`, or have the launcher start it, if there is one.

    Raises:
        InputError: there is no such launcher.
        RunError: the launcher was killed.
        SystemExit: with 128 + the number of a signal that came, or with 2 or 1 as the launcher failed.
    """
    if words := launcher():
        _supervise(launched(words, command, *arguments, **options))
    else:
        command(*arguments, **options)


def launcher() -> list[str]:
    """The words that $PGAN_LAUNCHER puts before a command; none where it is not set.

    torchrun gets two more options: one because the program is no Python file, and a mark where its own options end.
    Without the mark, it would take --log for one of them.
    """
    try:
        words = shlex.split(os.environ.get(VARIABLE, ""))
    except ValueError as error:
        raise InputError(f"{VARIABLE}: {error}") from None
    if any(Path(word).name in TORCHRUN for word in words):
        return [word for word in words if word != "--no-python"] + ["--no-python", "--"]
    return words


def launched(words: list[str], command: Callable[..., None], *arguments: str, **options: Path) -> list[str]:
    """The call of a command of `pgan` as a command line: `torchrun … python -m pgan train grow_8 --out …`."""
    named = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    return [*words, sys.executable, "-m", "pgan", command.__name__, *arguments, *named]


def _supervise(command: list[str]) -> None:
    """Run a command, pass on the first signal, and exit as the command does.

    It gets a session of its own, so that Ctrl-C reaches it through this process only.  A second Ctrl-C would make
    torchrun leave its processes behind.
    """
    sys.stdout.flush()
    try:
        process = subprocess.Popen(command, start_new_session=True, preexec_fn=_die_with_the_stage)
    except OSError as error:
        raise InputError(f"{VARIABLE}: {command[0]}: {error.strerror}") from None
    with _signals_passed_to(process) as received:
        code = process.wait()
    if received:
        raise SystemExit(128 + received[0])
    if code < 0:
        raise RunError(f"{VARIABLE}: {command[0]} was killed ({signal.Signals(-code).name})")
    if code:
        raise SystemExit(code if code == 2 else 1)


def _die_with_the_stage() -> None:
    """In the launcher's process: ask for SIGTERM when the stage dies, even by SIGKILL. Only Linux offers this."""
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@contextmanager
def _signals_passed_to(process: "subprocess.Popen[bytes]") -> Iterator[list[int]]:
    """The signals received inside the block. Only the first is passed on: launchers wait a while, and then kill."""
    received: list[int] = []

    def pass_on(number: int, _: object) -> None:
        received.append(number)
        if len(received) == 1:
            process.send_signal(number)

    caught = [number for number in STOPS if signal.getsignal(number) is not signal.SIG_IGN]  # nohup ignores SIGHUP
    before = {number: signal.signal(number, pass_on) for number in caught}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
