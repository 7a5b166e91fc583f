"""DVC experiments by name: queue, watch and stop them.

Changes of the queue go through DVC's command line.  Looking at it goes through DVC's Python package, which needs no
process for each look.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import psutil

from pgan.config import read_yaml
from pgan.errors import InputError, RunError
from pgan.experiment import check_experiment
from pgan.untrusted.strict_yaml import parse
from stages.ablations.overrides import overrides
from stages.ablations.rows import Parameters
from stages.tracking.stage import PARAMS, identity, resolved

PATIENCE_SECONDS = 60
"""How long an interrupted experiment may take to save its state, and DVC to notice."""


class State(Enum):
    """How far an experiment is."""

    QUEUED = "queued"
    RUNNING = "running"
    FAILED = "failed"
    DONE = "done"


@dataclass(frozen=True)
class Known:
    """An experiment that DVC knows."""

    state: State
    commit: str
    """The commit of its results if it is done, and otherwise of what was queued."""


class Experiments:
    """The experiments of this repository that start from its present commit."""

    def __init__(self) -> None:
        check_path(Path.cwd())
        try:
            from dvc.repo import Repo

            self._repo = Repo(".")
            self._queue = self._repo.experiments.celery_queue
            self._baseline = git("rev-parse", "HEAD")
        except Exception as error:  # DVC has a class for each
            what = "experiments need a repository of git and DVC with a commit to begin at"
            raise InputError(f"{what} ({error}); run `git init`, `dvc init`, `git add` and `git commit`") from None

    def known(self) -> dict[str, Known]:
        """All experiments, by name. If one failed before it was done, it counts as done."""
        found = {}
        for state, entries in (
            (State.FAILED, (entry for entry, result in self._queue.iter_done() if result is None)),
            (State.QUEUED, self._queue.iter_queued()),
            (State.RUNNING, self._queue.iter_active()),
        ):
            for entry in entries:
                if entry.baseline_rev == self._baseline:
                    found[entry.name] = Known(state, entry.stash_rev)
        for name, commit in self._done():
            found[name] = Known(State.DONE, commit)
        return found

    def _done(self) -> Iterator[tuple[str, str]]:
        """(name, commit) of all that have results. DVC keeps each as a git reference under its first commit."""
        folder = f"refs/exps/{self._baseline[:2]}/{self._baseline[2:]}/"
        for line in git("for-each-ref", "--format=%(objectname) %(refname)", folder).splitlines():
            commit, reference = line.split(" ", 1)
            yield reference.removeprefix(folder), commit

    def enqueue(self, name: str, parameters: Parameters) -> None:
        """Queue an experiment. Raises RunError where DVC refuses, or would run it with other parameters than these."""
        changes = overrides(read_yaml(PARAMS), resolved(PARAMS), parameters)
        dvc("exp", "run", "--queue", "--name", name, *(part for change in changes for part in ("-S", change)))
        stashed = parse(git("show", f"{self.known()[name].commit}:./{PARAMS}"))
        if identity(check_experiment(stashed, PARAMS).model_dump(mode="json", by_alias=True)) != identity(parameters):
            self.forget(name)
            what = f"DVC cannot make its parameters of those in {PARAMS}"
            raise RunError(f"{name}: {what}; write a preset there first, such as `pgan preset digits`")

    def forget(self, name: str) -> None:
        """Remove a failed or queued one from the queue."""
        dvc("queue", "remove", name)

    def start(self, jobs: int) -> None:
        """Start this number of workers, which take experiments from the queue."""
        dvc("queue", "start", "--jobs", str(jobs))

    def has_workers(self) -> bool:
        """Whether any worker lives. DVC itself asks the workers, and takes a late answer for none."""
        return any(map(_is_worker, Path(self._queue.wdir).glob("dvc-exp-worker-*.pid")))

    def stop(self, names: list[str]) -> None:
        """Start no more experiments, interrupt these so that they save their state, and wait for the workers to end."""
        dvc("queue", "stop")
        self.interrupt(names)
        for _ in range(PATIENCE_SECONDS):
            if not self.has_workers():
                return
            time.sleep(1)

    def interrupt(self, names: list[str]) -> None:
        """Interrupt the running ones of these, as Ctrl-C would. One whose process is gone becomes a failed one.

        `dvc queue kill` would interrupt the worker, too, which then leaves locks and copies of the repository behind.
        """
        interrupted = set()
        for _ in range(PATIENCE_SECONDS):
            known = self.known()
            running = [name for name in names if name in known and known[name].state is State.RUNNING]
            if not running:
                return
            if not self.has_workers():
                with contextlib.suppress(RunError):  # it has just ended
                    dvc("queue", "kill", *running)
            for name in running:
                if name not in interrupted and self._interrupt(known[name].commit):
                    interrupted.add(name)
            time.sleep(1)

    def _interrupt(self, queued: str) -> bool:
        """Send SIGINT to the processes of an experiment. False if there are none."""
        try:
            process = psutil.Process(self._queue.proc[queued].pid)
            group = os.getpgid(process.pid)
            for each in [*process.children(recursive=True), process]:
                if os.getpgid(each.pid) == group:  # a tracker is in a group of its own, and keeps running
                    each.send_signal(signal.SIGINT)
        except (KeyError, psutil.NoSuchProcess, ProcessLookupError):
            return False
        return True

    def last_words(self, name: str) -> str:
        """The line of a failed experiment's log that gives the reason, if one does."""
        done = subprocess.run([*_DVC, "queue", "logs", name], capture_output=True, check=False, **_TEXT)
        lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith(("error:", "ERROR:"))]
        return (errors or lines or ["no log"])[0]


# --- commands


def tracked_by_git_or_dvc(path: str) -> None:
    """Raise InputError for a path that would be missing in a copy of the repository: the queue runs in copies."""
    if Path(path).is_absolute():
        return
    if not git("ls-files", "--", path, f"{path}.dvc"):
        advice = f"`dvc add {path}` and commit {path}.dvc, or name it by an absolute path"
        raise InputError(f"{path}: unknown to git and DVC, so that no queued experiment would find it; {advice}")


_DVC = [sys.executable, "-m", "dvc"]
_TEXT: dict[str, Any] = {"encoding": "utf-8", "errors": "replace"}
"""How the output of other programs is read, in any locale."""


def dvc(*arguments: str) -> None:
    """Run `dvc …`, out of reach of this terminal's Ctrl-C. Raises RunError with DVC's reason if it fails."""
    with tempfile.TemporaryFile("w+", **_TEXT) as said:  # no pipe: workers that it starts would keep it open
        done = subprocess.run(
            [*_DVC, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
            check=False,
        )
        said.seek(0)
        lines = said.read().splitlines()
    if done.returncode:
        reasons = [line for line in lines if line.startswith("ERROR")] or lines[-1:]
        raise RunError(f"dvc {' '.join(arguments[:2])}: {' '.join(reasons) or 'failed'}")


def _is_worker(file: Path) -> bool:
    """Whether the process whose number is in this file is alive, and a worker of DVC's."""
    try:
        return "queue-worker" in psutil.Process(int(file.read_text(encoding="utf-8"))).cmdline()
    except (OSError, ValueError, psutil.Error):
        return False


def check_path(root: Path) -> None:
    """Raise InputError for a path that breaks DVC's copies of the repository: it goes into a URL unescaped."""
    odd = [character for character in str(root) if character in "#?" or not character.isascii()]
    if odd:
        raise InputError(
            f"{root}: DVC's experiments do not work in a path with {odd[0]!r}; rename the folder, or clone the "
            "repository into another; `dvc repro` works here, too"
        )


def check_committed() -> None:
    """Raise InputError if the code has changed since the commit, as results are looked up by the commit."""
    changed = git("status", "--porcelain", "--untracked-files=no", "--", "pgan", "stages", "dvc.yaml")
    if changed:
        first = changed.splitlines()[0].split(maxsplit=1)[-1]
        raise InputError(
            f"{first}: changed since the last commit; commit it, or an older result would be taken for its own"
        )


def git(*arguments: str) -> str:
    """The output of `git …`. Raises RunError if it fails, and InputError if git is not installed."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False, **_TEXT)
    except FileNotFoundError:
        raise InputError("git is not installed; experiments need it") from None
    if done.returncode:
        raise RunError(f"git {arguments[0]}: {done.stderr.strip() or 'failed'}")
    return done.stdout.strip()
