"""MLflow as a sink: each stage starts a tracker, a process of its own that logs while the stage works.

It is a process rather than a thread for three reasons.  Importing MLflow takes no time from the stage.  The stage need
not wait for a server that hangs.  And when a stage is killed, its tracker sees the pipe close and ends the run.

Files are the truth.  Whatever goes wrong here becomes one warning.  `render`, the last stage, or
`python -m stages.tracking.report` then completes the run from the files.
"""

import contextlib
import itertools
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, TextIO

from pgan.locks import lock
from pgan.process import protect_streams
from stages.tracking.live import follow
from stages.tracking.stage import Stage, identity
from stages.tracking.troubles import advice, brief

POLL_SECONDS = 2.0
RETRY_SECONDS = 60.0
"""The longest pause between two attempts while the stage works. The first pauses are shorter."""
BAD_ATTEMPTS = 3
"""Failures before a warning: a server that restarts, or another writer of the database, is not worth one."""
PATIENCE_SECONDS = {"FINISHED": 300.0, "FAILED": 20.0, "KILLED": 1.0}
"""How long a stage that has ended waits for its tracker. After an interruption it must be gone soon."""
LIFE_SECONDS = {"FINISHED": 300, "FAILED": 120, "KILLED": 120}
"""How long the tracker may outlive its stage, even if a server hangs."""
SETTINGS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""A missing server should cost seconds, not MLflow's usual minutes. Variables that the user sets take precedence."""


class Tracker:
    """A tracker of one stage, as a context around the stage's work."""

    def __init__(self, stage: Stage, parameters: dict[str, Any], root: Path) -> None:
        self._stage, self._parameters, self._root = stage, parameters, root
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Tracker":
        if self._stage.live is not None:
            self._stage.live.unlink(missing_ok=True)  # from an earlier run
        if self._stage.pictures is not None:
            shutil.rmtree(self._stage.pictures, ignore_errors=True)
        try:
            self._start()
        except OSError as error:  # no process can start, or the disk is full
            _warn(self._stage, brief(error), "")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._process is None:
            return
        status = _status(error)
        self._send(status)
        try:
            code = self._process.wait(PATIENCE_SECONDS[status])
        except subprocess.TimeoutExpired:  # it keeps running on its own
            if status == "FINISHED":
                _warn(self._stage, "no answer in time", "")
            return
        if code:
            _warn(self._stage, f"its process ended with {code}", "")

    def _start(self) -> None:
        with open_lock(self._root, f"{identity(self._parameters)}-{self._stage.address}") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "stages.tracking.tracker"],
                stdin=subprocess.PIPE,
                bufsize=0,
                pass_fds=[file.fileno()],
                start_new_session=True,  # Ctrl-C is for the stage only
            )
            job = {"stage": _plain(self._stage), "parameters": self._parameters, "root": str(self._root)}
            self._send(json.dumps(job | {"lock": file.fileno()}))

    def _send(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the tracker has died; its exit code shows it
            self._process.stdin.write(f"{line}\n".encode())


def open_lock(root: Path, run: str) -> TextIO:
    """The lock file of a run, locked unless an earlier tracker of the run still holds it.

    A stage may start again while the tracker of its last execution is still at work.  Each stage therefore locks the
    file and passes it to its tracker.  So the stage that started first holds the lock first, however long its tracker
    takes to start, and the lock is free as soon as that tracker has ended.
    """
    folder = root / ".pgan" / "tracking"
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / f"{run}.lock").open("w", encoding="utf-8")
    lock(file.fileno())
    return file


class Ending:
    """How the stage ended, once it has. The stage writes it to a pipe; a stage that was killed writes nothing."""

    def __init__(self, pipe: BinaryIO) -> None:
        self.status = ""
        self._known = threading.Event()
        self._pipe = pipe
        threading.Thread(target=self._listen, daemon=True).start()

    def wait(self, seconds: float) -> bool:
        """Wait, and return whether the stage has ended."""
        return self._known.wait(seconds)

    def _listen(self) -> None:
        self.status = self._pipe.readline().decode().strip() or "KILLED"
        signal.alarm(LIFE_SECONDS[self.status])  # from the system, so that it works whatever MLflow does
        self._known.set()
        os.read(self._pipe.fileno(), 1)  # until the stage is gone
        _close_output()


def track(stage: Stage, parameters: dict[str, Any], root: Path, ending: Ending) -> None:
    """Log a stage until it ends. If MLflow keeps failing, warn once, and try again while there is time."""
    warned = False
    for attempt in itertools.count(1):
        try:
            return _track(stage, parameters, root, ending)
        except Exception as error:  # MLflow may fail in any way
            reason, remedy, last = brief(error), advice(error), bool(ending.status)
        if not warned and (remedy or last or attempt >= BAD_ATTEMPTS):
            _warn(stage, reason, remedy)
            warned = True
        if last:
            return None
        ending.wait(min(2.0**attempt, RETRY_SECONDS))
    return None


def _track(stage: Stage, parameters: dict[str, Any], root: Path, ending: Ending) -> None:
    from stages.tracking.runs import Runs

    runs = Runs(parameters, root)
    child = runs.child(stage)

    def ended() -> bool:
        if stage.name == "train":
            child.log_machine()
        return ending.wait(POLL_SECONDS)

    for rows in follow(stage.live, ended):
        child.log_curves(rows)
        child.log_live_pictures()
    runs.end(child, stage, ending.status)


def _status(error: BaseException | None) -> str:
    """MLflow's status for how a stage ended."""
    if error is None:
        return "FINISHED"
    code = error.code if isinstance(error, SystemExit) else 1
    if code in (None, 0):
        return "FINISHED"
    return "KILLED" if isinstance(error, KeyboardInterrupt) or code in (130, 143) else "FAILED"


def _plain(stage: Stage) -> dict[str, str | None]:
    return {key: None if value is None else str(value) for key, value in vars(stage).items()}


def _warn(stage: Stage, reason: str, remedy: str) -> None:
    """Warn that tracking failed, with a remedy if it will not recover on its own."""
    later = "the files are whole; `python -m stages.tracking.report` logs them later"
    if remedy:
        later = f"{remedy}; the files are whole, and after that `python -m stages.tracking.report` logs them"
    print(f"warning: {stage.address}: MLflow tracking failed ({reason}); {later}", file=sys.stderr, flush=True)


def _close_output() -> None:
    """Close the terminal or pipe: what reads it should see it end with the stage."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nothing, number)


def settle() -> None:
    """Make MLflow give up soon, and print nothing: what matters comes as an exception."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    logging.disable()
    warnings.simplefilter("ignore")


def main() -> None:
    """The tracker's process: the first line of standard input is the job, the second says how the stage ended."""
    protect_streams()
    pipe = os.fdopen(0, "rb", closefd=False)  # not sys.stdin, for which a thread still waits at the end
    line = pipe.readline()
    if not line:  # the stage was stopped before it could send the job
        return
    settle()
    if hasattr(os, "nice"):
        os.nice(19)  # training slows down a lot when a third process competes with its two threads
    job = json.loads(line)
    described = job["stage"]
    name, phase = described["name"], described["phase"]
    live, pictures = (Path(path) if (path := described[key]) else None for key in ("live", "pictures"))
    stage = Stage(name, phase, Path(described["out"]), live, pictures)
    ending = Ending(pipe)
    is_first = lock(job["lock"])
    if not is_first:
        lock(job["lock"], wait=True)
    if is_first or ending.status in ("", "FINISHED"):  # otherwise the earlier tracker has marked the run
        track(stage, job["parameters"], Path(job["root"]), ending)


if __name__ == "__main__":
    main()
