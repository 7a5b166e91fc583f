"""A plan as text."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from pgan.errors import readable
from pgan.planning.plan import Plan
from pgan.planning.quantities import duration, size
from pgan.planning.stages import Cost

HEADINGS = ("stage", "steps", "time", "host memory", "GPU memory", "disk")


def lines(plan: Plan, now: datetime) -> Iterator[str]:
    """A table with a row for each stage, the total, the time of its end, and what will not fit."""
    has_gpu = any(cost.device for cost in plan.costs)
    rows = [HEADINGS, *(_row(cost, plan) for cost in plan.costs)]
    rows.append(("all", "", duration(plan.seconds), "", "", size(plan.disk)))
    if not has_gpu:
        rows = [(*row[:4], row[5]) for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        first, *others = (
            cell.ljust(width) if not n else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield readable("  ".join([first, *others]).rstrip())
    yield ""
    if any(not cost.is_measured for cost in plan.costs):
        yield "~ estimated from a smaller phase, not measured"
    if plan.snapshots:
        yield f"while a phase trains, snapshots take up to {size(plan.snapshots)} more of the disk"
    yield f"begun now, it ends about {now + timedelta(seconds=plan.seconds):%Y-%m-%d %H:%M}"
    for warning in plan.warnings:
        yield readable(f"warning: {warning}")


def _row(cost: Cost, plan: Plan) -> tuple[str, ...]:
    time = "done" if cost.stage in plan.done else ("" if cost.is_measured else "~ ") + duration(cost.seconds)
    steps = f"{cost.steps:,}" if cost.steps else ""
    return (cost.stage, steps, time, *(size(n) if n else "" for n in (cost.host, cost.device, cost.disk)))
