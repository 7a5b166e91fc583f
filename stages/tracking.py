"""MLflow as a sink: each stage starts a tracker, a process of its own that logs while the stage works.

A process rather than a thread, so that importing MLflow takes no time from the stage, a server that hangs can be left
behind, and the run of a stage that was killed outright does not go on for ever: the tracker sees the pipe close.

Files are the truth.  Whatever goes wrong here becomes one warning, and the run is completed from the files when
`render`, the last stage, runs, or by `python -m stages.report`.
"""

import csv
import json
import logging
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from stages.runner import Stage

POLL_SECONDS = 2.0
RETRY_SECONDS = 60.0
"""How long after a failure the tracker tries again, while its stage still works."""
PATIENCE_SECONDS = {"FINISHED": 300.0, "FAILED": 20.0, "KILLED": 20.0}
"""How long a stage that has ended waits for MLflow to take what came out."""
SETTINGS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""An absent server should cost seconds, not MLflow's usual minutes. Who sets these variables is obeyed."""


class Tracker:
    """A tracker of one stage, as a context around the stage's work."""

    def __init__(self, stage: Stage, parameters: dict[str, Any], root: Path) -> None:
        self._stage = stage
        self._job = json.dumps({"stage": _plain(stage), "parameters": parameters, "root": str(root)})

    def __enter__(self) -> "Tracker":
        if self._stage.live is not None:
            self._stage.live.unlink(missing_ok=True)  # an earlier run's
        self._process = subprocess.Popen(
            [sys.executable, "-m", "stages.tracking"],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is the stage's business
        )
        self._say(self._job)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        status = _status(error)
        self._say(status)
        try:
            self._process.wait(PATIENCE_SECONDS[status])
        except subprocess.TimeoutExpired:
            _warn(self._stage, "no answer in time")
        finally:
            self._process.kill()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:  # it has died, and said why
            pass


class Ending:
    """How the stage ended, once it has: its last word on a pipe, or none where it was killed."""

    def __init__(self, pipe: Any) -> None:
        self.status = ""
        self._known = threading.Event()
        self._pipe = pipe
        threading.Thread(target=self._listen, daemon=True).start()

    def wait(self, seconds: float) -> bool:
        """Whether it is known after at most so long."""
        return self._known.wait(seconds)

    def _listen(self) -> None:
        self.status = self._pipe.readline().strip() or "KILLED"
        self._known.set()


def track(stage: Stage, parameters: dict[str, Any], root: Path, ending: Ending) -> None:
    """Log a stage until it ends; when MLflow fails, say so once, and try again while there is time."""
    warned = False
    while True:
        try:
            return _track(stage, parameters, root, ending)
        except Exception as error:  # MLflow may fail in any way
            if not warned:
                _warn(stage, brief(error))
            warned = True
        if ending.wait(RETRY_SECONDS):
            return None


def _track(stage: Stage, parameters: dict[str, Any], root: Path, ending: Ending) -> None:
    from stages.runs import Runs

    runs = Runs(parameters, root)
    child = runs.child(stage)
    for rows in follow(stage.live, ending):
        child.log_curves(rows)
    runs.end(child, stage, ending.status)


def follow(path: Path | None, ending: Ending) -> Iterator[list[dict[str, float]]]:
    """New rows of a growing CSV file, until the ending is known, then the rest."""
    seen = 0
    while True:
        last = ending.wait(POLL_SECONDS)
        rows = list(read_rows(path)) if path is not None and path.is_file() else []
        if rows[seen:]:
            yield rows[seen:]
        seen = len(rows)
        if last:
            return


def read_rows(path: Path) -> Iterator[dict[str, float]]:
    """The complete rows of a CSV file of numbers."""
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(line for line in file if line.endswith("\n")):
            yield {key: float(value) for key, value in row.items()}


def _status(error: BaseException | None) -> str:
    """MLflow's word for how a stage ended."""
    if error is None:
        return "FINISHED"
    code = error.code if isinstance(error, SystemExit) else 1
    if code in (None, 0):
        return "FINISHED"
    return "KILLED" if isinstance(error, KeyboardInterrupt) or code in (130, 143) else "FAILED"


def _plain(stage: Stage) -> dict[str, str | None]:
    return {key: None if value is None else str(value) for key, value in vars(stage).items()}


def _warn(stage: Stage, reason: str) -> None:
    later = "the files are whole; `python -m stages.report` logs them later"
    print(f"warning: {stage.address}: MLflow tracking failed ({reason}); {later}", file=sys.stderr, flush=True)


def settle() -> None:
    """Make MLflow quick to give up, and quiet: what matters comes as an exception."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    logging.disable()
    warnings.simplefilter("ignore")


def brief(error: Exception) -> str:
    """An error of MLflow's, which may be pages of HTML, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def main() -> None:
    """The tracker: the job comes as the first line of standard input, the ending as the second."""
    settle()
    if hasattr(os, "nice"):
        os.nice(19)  # two training threads that wait for each other come to a crawl when a third wants a core
    job = json.loads(sys.stdin.readline())
    name, phase, out, live = (job["stage"][key] for key in ("name", "phase", "out", "live"))
    stage = Stage(name, phase, Path(out), Path(live) if live else None)
    track(stage, job["parameters"], Path(job["root"]), Ending(sys.stdin))


if __name__ == "__main__":
    main()
