"""`python -m stages.ablations`: the rows of an ablation as DVC experiments, and the table of their results.

This is no stage: it runs the whole graph once for each row and seed, on DVC's own queue, and reads the results.
"""

from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from pgan.errors import InputError, RunError
from pgan.files import check_place, whole_folder
from pgan.process import user_errors
from pgan.untrusted.strict_yaml import parse
from stages.ablations.experiments import Experiments, Known, State, check_committed, tracked_by_git_or_dvc
from stages.ablations.rows import Ablation, Cell, Choice, cells, conditions, read_ablation
from stages.ablations.running import run
from stages.tracking.stage import identity


@user_errors
def ablate(
    ablation: Annotated[str, typer.Argument(help="`table1`, or a YAML file of the same form.")],
    rows: Annotated[str | None, typer.Option(help="Which rows, as in a,b,e; by default all.")] = None,
    seeds: Annotated[int, typer.Option(help="Runs of each row, with seeds 0, 1, …")] = 3,
    budget_kimg: Annotated[
        float | None,
        typer.Option(help="Shorten all phases so that `total_kimg` of the file, which rows may exceed, becomes this."),
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Other images: a preset, a parameter file, or a folder, zip or tar.")
    ] = None,
    override: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE, a parameter for all rows; may be given again.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Experiments at a time.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Folder of the table; by default data/ablations/NAME.")] = None,
    table: Annotated[bool, typer.Option("--table", help="Run nothing: the table of what is done so far.")] = False,
) -> None:
    """Run every row of an ablation as a DVC experiment, and print the table of the results.

    Finished runs are not run again, and interrupted ones continue from their last snapshots: repeat the same command.
    """
    if jobs < 1:
        raise InputError(f"--jobs: must be 1 or more, found {jobs}")
    name, content = read_ablation(ablation)
    choice = Choice(rows.split(",") if rows is not None else None, seeds, budget_kimg, data, _pairs(override or []))
    folder = out or Path("data/ablations") / name
    check_place(folder)
    wanted = {experiment_name(name, cell): cell for cell in cells(name, content, choice)}
    experiments = Experiments()
    failed = []
    if not table:
        check_committed()
        for path in {cell.parameters["prepare"]["path"] for cell in wanted.values()}:
            tracked_by_git_or_dvc(path)
        failed = run(experiments, wanted, jobs)
    if not report(content, choice, wanted, experiments.known(), folder) and table:
        raise InputError(
            f"{name}: none of these {len(wanted)} runs is done since the last commit; leave out --table to run them: "
            "what DVC's cache has of them is not computed again"
        )
    if failed:
        first = f"{failed[0]}: {experiments.last_words(failed[0])}"
        raise RunError(f"{len(failed)} of {len(wanted)} experiments failed; the same command tries again; {first}")


def experiment_name(ablation: str, cell: Cell) -> str:
    """DVC's name for a run: the row, the seed, and a digest of all parameters, which its MLflow run has as a tag."""
    return f"{ablation.replace('_', '-')}-{cell.row}-s{cell.seed}-{identity(cell.parameters)[:6]}"


def report(ablation: Ablation, choice: Choice, wanted: dict[str, Cell], known: dict[str, Known], folder: Path) -> bool:
    """Write the table of finished runs as Markdown, CSV, LaTeX and a picture, and print it. False if there are none."""
    from stages.ablations import plot, table
    from stages.ablations.results import read_results

    done = {name: cell for name, cell in wanted.items() if name in known and known[name].state is State.DONE}
    results = read_results({name: (cell, known[name].commit) for name, cell in done.items()})
    if not results:
        return False
    phases = {cell.row: len(cell.parameters["phases"]) for cell in done.values()}
    made = table.make_table(ablation, results, phases, conditions(done.values(), choice.overrides))
    with whole_folder(folder) as part:
        (part / "table.md").write_text(table.markdown(made), encoding="utf-8")
        (part / "table.csv").write_text(table.comma_separated(made), encoding="utf-8")
        (part / "table.tex").write_text(table.latex(made), encoding="utf-8")
        plot.draw(made, part / "table.png")
    typer.echo(table.markdown(made))
    typer.echo(f"{folder}: table.md, table.csv, table.tex, table.png")
    return True


def _pairs(settings: list[str]) -> tuple[tuple[str, Any], ...]:
    """KEY=VALUE, the value as YAML."""
    pairs = []
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not (key and equals):
            raise InputError(f"--set: expected KEY=VALUE such as training.drift=0, found {setting!r}")
        try:
            pairs.append((key, parse(value)))
        except yaml.YAMLError:
            raise InputError(f"--set: {key}: {value!r} is no value in YAML") from None
    return tuple(pairs)
