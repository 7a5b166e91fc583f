"""A stage's command, run here or by the launcher that $PGAN_LAUNCHER names: `torchrun --nproc-per-node 8`, `srun …`.

How many processes work belongs to the machine, and reaches no more of the outputs than their last digits.  That is why
dvc.yaml names this module, like stages/runner.py, among no stage's dependencies.
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
"""By itself or after `env …`, and as `python -m` has it."""
PR_SET_PDEATHSIG = 1
"""From <sys/prctl.h>."""
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None  # found before any process is forked


def launch(command: Callable[..., None], *arguments: str, **options: Path) -> None:
    """Call a command of `pgan`; where there is a launcher, it starts `python -m pgan COMMAND …` instead.

    Raises:
        InputError: there is no such launcher.
        RunError: the launcher was killed.
        SystemExit: with 128 + the number of a signal that came, or with what the launcher ended with.
    """
    launcher = _launcher()
    if not launcher:
        return command(*arguments, **options)
    named = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    return _supervise([*launcher, sys.executable, "-m", "pgan", command.__name__, *arguments, *named])


def _launcher() -> list[str]:
    """The words before the command.

    torchrun is told that the program is no Python file, and where its own options end: it would take --log for one.
    """
    try:
        words = shlex.split(os.environ.get(VARIABLE, ""))
    except ValueError as error:
        raise InputError(f"{VARIABLE}: {error}") from None
    if any(Path(word).name in TORCHRUN for word in words):
        return [word for word in words if word != "--no-python"] + ["--no-python", "--"]
    return words


def _supervise(command: list[str]) -> None:
    """Run a command, hand it the first signal that comes, and end as it ends.

    In a session of its own: Ctrl-C reaches it through us alone.  Twice, and torchrun would leave its processes behind.
    """
    sys.stdout.flush()
    try:
        process = subprocess.Popen(command, start_new_session=True, preexec_fn=_die_with_the_stage)
    except OSError as error:
        raise InputError(f"{VARIABLE}: {command[0]}: {error.strerror}") from None
    with _handed_on(process) as came:
        code = process.wait()
    if came:
        raise SystemExit(128 + came[0])
    if code < 0:
        raise RunError(f"{VARIABLE}: {command[0]} was killed ({signal.Signals(-code).name})")
    if code:
        raise SystemExit(code if code == 2 else 1)


def _die_with_the_stage() -> None:
    """In the launcher's process: be sent SIGTERM when the stage dies, were it by SIGKILL. Linux alone can do it."""
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@contextmanager
def _handed_on(process: "subprocess.Popen[bytes]") -> Iterator[list[int]]:
    """The signals that have come inside the block. The first is sent on; launchers are patient, and then kill."""
    came: list[int] = []

    def hand_on(number: int, _: object) -> None:
        came.append(number)
        if len(came) == 1:
            process.send_signal(number)

    heard = [number for number in STOPS if signal.getsignal(number) is not signal.SIG_IGN]  # nohup ignores SIGHUP
    before = {number: signal.signal(number, hand_on) for number in heard}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
