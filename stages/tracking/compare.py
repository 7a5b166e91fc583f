"""`python -m stages.tracking.compare`: what differs between runs, and which of MLflow's pages compare them."""

import json
from typing import Annotated, Any
from urllib.parse import quote, urlsplit, urlunsplit

import typer

from pgan.errors import InputError, readable
from pgan.process import begin, user_errors
from stages.tracking.names import of_evaluation
from stages.tracking.stage import root
from stages.tracking.troubles import in_one_line, tracking_uri

MOST_RUNS = 10
QUALITY = tuple(of_evaluation(name) for name in ("frechet", "frechet_target", "kid", "swd", "precision", "recall"))
"""What the chart shows, as far as it is measured."""
LOCAL = "http://127.0.0.1:5000"
"""Where `make ui` listens."""


@user_errors
def compare(
    runs: Annotated[
        list[str] | None, typer.Argument(help="Names or ids of MLflow's runs.", show_default="the two newest")
    ] = None,
    server: Annotated[
        str | None, typer.Option("--server", help="Address of MLflow's pages.", show_default="that of the store")
    ] = None,
) -> None:
    """Print the parameters that differ between runs, their metrics, and the addresses of the pages that compare them.

    Example: python -m stages.tracking.compare digits-1f2e3d longer
    """
    with in_one_line():
        lines = _lines(runs or [], server)
    for line in lines:
        typer.echo(readable(line))


def _lines(wanted: list[str], server: str | None) -> list[str]:
    from stages.tracking.store import connect
    from stages.tracking.tracker import settle

    settle()
    client, experiment = connect(root())
    found = client.search_runs([experiment], "tags.`pgan.stage` = 'experiment'", max_results=1000)
    chosen = choose(list(found), wanted)
    differing = different([run.data.params for run in chosen])
    measured = [name for name in QUALITY if any(name in run.data.metrics for run in chosen)]
    metrics = {name: [_number(run.data.metrics.get(name)) for run in chosen] for name in measured}
    table = _table([run.info.run_name for run in chosen], differing | metrics)
    pages = addresses(server or _server(), experiment, [run.info.run_id for run in chosen], measured)
    return [*table, "", *(f"{what:12}{address}" for what, address in pages.items())]


def choose(found: list[Any], wanted: list[str]) -> list[Any]:
    """Runs by name, id, or the beginning of an id; the two newest where none is named.

    Args:
        found: the newest first.

    Raises:
        InputError: there is no such run, or only one.
    """
    chosen = [_one(found, text) for text in dict.fromkeys(wanted)] if wanted else found[:2]
    if len(chosen) < 2:
        raise InputError(f"MLflow has {len(found)} runs of this experiment, and a comparison needs two; train another")
    if len(chosen) > MOST_RUNS:
        raise InputError(f"{len(chosen)} runs; compare at most {MOST_RUNS} at a time")
    return chosen


def _one(found: list[Any], text: str) -> Any:
    """The newest of that name."""
    for run in found:
        if text == run.info.run_name or (len(text) >= 6 and run.info.run_id.startswith(text)):
            return run
    names = ", ".join(dict.fromkeys(run.info.run_name for run in found[:MOST_RUNS]))
    raise InputError(f"{text}: MLflow has no run of that name; the newest are {names or 'none'}")


def different(params: list[dict[str, str]]) -> dict[str, list[str]]:
    """The parameters that are not the same in all runs, in the order of the file; – where a run has none."""
    keys = dict.fromkeys(key for each in params for key in each)
    values = {key: [each.get(key, "–") for each in params] for key in keys}
    return {key: row for key, row in values.items() if len(set(row)) > 1}


def addresses(server: str, experiment: str, runs: list[str], metrics: list[str]) -> dict[str, str]:
    """MLflow's pages: parameters and metrics side by side, and quality against images."""
    ids, experiments = _json(runs), _json([experiment])
    pages = {"side by side": f"{server}/#/compare-runs?runs={ids}&experiments={experiments}"}
    if metrics:
        shown = f"&metric={_json(metrics[0])}&plot_metric_keys={_json(metrics[:1])}&x_axis=step"
        pages["quality"] = f"{server}/#/metric?runs={ids}&experiments={experiments}{shown}"
    return pages


def _json(value: Any) -> str:
    return quote(json.dumps(value, separators=(",", ":")))


def _server() -> str:
    """Without a password."""
    parts = urlsplit(tracking_uri())
    if parts.scheme not in ("http", "https"):
        return LOCAL
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _table(names: list[str], rows: dict[str, list[str]]) -> list[str]:
    """Aligned columns."""
    cells = [["", *names], *([key, *values] for key, values in rows.items())]
    widths = [max(len(row[column]) for row in cells) for column in range(len(names) + 1)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in cells]


if __name__ == "__main__":
    begin()
    typer.run(compare)
