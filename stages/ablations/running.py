"""Running experiments on DVC's queue until all of them have ended."""

import time

import typer

from pgan.errors import RunError
from stages.ablations.experiments import Experiments, Known, State
from stages.ablations.rows import Cell

POLL_SECONDS = 3.0
MOST_STARTS = 3
"""Starts of DVC's workers. If they end early each time, something is wrong with them."""


def run(experiments: Experiments, wanted: dict[str, Cell], jobs: int) -> list[str]:
    """Run all experiments that are not done yet, and return the names of failed ones.

    An interruption stops the running experiments, and keeps the finished ones.
    """
    if not experiments.has_workers():  # what seems to run was killed together with its worker
        experiments.interrupt(list(wanted))
    known = experiments.known()
    others = [name for name in known if _is(known, name, State.QUEUED) and name not in wanted]
    if others:
        typer.echo(f"DVC has one queue: {', '.join(others)} in it will be run as well", err=True)
    try:
        for name, cell in wanted.items():
            if _is(known, name, State.FAILED):
                experiments.forget(name)
            if name not in known or _is(known, name, State.FAILED):
                experiments.enqueue(name, cell.parameters)
                typer.echo(f"queued {name}")
        return _follow(experiments, wanted, jobs)
    except (KeyboardInterrupt, SystemExit):
        typer.echo("stopping; finished runs are kept, and the same command continues", err=True)
        experiments.stop(list(wanted))
        raise


def _follow(experiments: Experiments, wanted: dict[str, Cell], jobs: int) -> list[str]:
    """Wait until all have ended, with a progress bar."""
    from tqdm import tqdm

    starts = 0
    with tqdm(total=len(wanted), unit="run", bar_format="{desc} |{bar:20}| {n_fmt}/{total_fmt} {elapsed}") as bar:
        while True:
            known = experiments.known()
            waiting = [name for name in wanted if _is(known, name, State.QUEUED) or _is(known, name, State.RUNNING)]
            running = [name for name in waiting if _is(known, name, State.RUNNING)]
            bar.set_description_str(", ".join(running) or "waiting", refresh=False)
            bar.n = len(wanted) - len(waiting)
            bar.refresh()
            if not waiting:
                return [name for name in wanted if not _is(known, name, State.DONE)]
            if not experiments.has_workers():
                if starts == MOST_STARTS:
                    advice = "see `dvc queue status`, and `dvc queue logs NAME`"
                    raise RunError(f"DVC's workers end before the work is done; {advice}")
                experiments.start(jobs)
                starts += 1
            time.sleep(POLL_SECONDS)


def _is(known: dict[str, Known], name: str, state: State) -> bool:
    return name in known and known[name].state is state
