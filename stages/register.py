"""`python -m stages.register`: the best generator of a run becomes a version in MLflow's model registry.

This is no stage, because it makes no file.
"""

from typing import Annotated

import typer

from pgan.process import begin, user_errors
from stages.tracking.stage import PARAMS, identity, resolved, root
from stages.tracking.troubles import in_one_line

NAME = "pgan-generator"


@user_errors
def register(
    phase: Annotated[str | None, typer.Option("--phase", help="Its generator.", show_default="the best one")] = None,
    metric: Annotated[
        str | None,
        typer.Option("--metric", help="A key of metrics.json; says which is the best.", show_default="frechet_target"),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="The registered model.")] = NAME,
    alias: Annotated[
        str | None,
        typer.Option("--alias", help="What this version is called from now on, such as champion.", show_default=False),
    ] = None,
) -> None:
    """Register the generator of this params.yaml's run that is the best by a metric, with a model card.

    Programs load it by its alias, models:/NAME@ALIAS, and get the next one when the alias moves on.

    Example: python -m stages.register --alias champion
    """
    parameters = resolved(PARAMS)
    with in_one_line():
        lines = _register(parameters, phase, metric, name, alias)
    for line in lines:
        typer.echo(line)


def _register(
    parameters: dict[str, object], phase: str | None, metric: str | None, name: str, alias: str | None
) -> list[str]:
    """What to print."""
    from stages.tracking import registry
    from stages.tracking.runs import find
    from stages.tracking.store import connect, repository
    from stages.tracking.tracker import settle

    settle()
    client, experiment = connect(root())
    run = find(client, experiment, identity(parameters), repository(root()), "experiment")
    found = registry.candidates(client, experiment, run.info.run_id) if run else []
    chosen, by = registry.choose(found, phase, metric)
    version = registry.register(client, chosen, name, registry.card(chosen, by, parameters))
    lines = [f"{name}, version {version}: the generator of {chosen.phase}", f"load it as  models:/{name}/{version}"]
    if alias:
        client.set_registered_model_alias(name, alias, version)
        lines.append(f"or as       models:/{name}@{alias}")
    return lines


if __name__ == "__main__":
    begin()
    typer.run(register)
