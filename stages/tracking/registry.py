"""MLflow's model registry: a version for a phase's generator, with a card that says what it is and how good."""

from dataclasses import dataclass
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelStatus
from mlflow.exceptions import MlflowException

from pgan.data.pyramid import read_meta
from pgan.errors import InputError
from pgan.metric_table import Better, values
from stages.tracking.folders import PYRAMID
from stages.tracking.markdown import table
from stages.tracking.models import KIND
from stages.tracking.names import of_evaluation

PREFERRED = ("frechet_target", "frechet", "kid", "swd")
"""Metrics by which the best phase is found. The first compares all phases at one size."""


@dataclass(frozen=True)
class Candidate:
    """A logged model, and its metrics."""

    model: LoggedModel
    metrics: dict[str, float]
    """By their names in MLflow."""

    @property
    def phase(self) -> str:
        """Whose generator it is."""
        return str(self.model.params.get("phase", self.model.name))


def candidates(client: MlflowClient, experiment: str, run: str) -> list[Candidate]:
    """The models of a run that are whole."""
    found = client.search_logged_models([experiment], f"source_run_id = '{run}' AND model_type = '{KIND}'")
    whole = [model for model in found if model.status == LoggedModelStatus.READY]
    return [Candidate(model, {each.key: each.value for each in model.metrics or []}) for model in whole]


def choose(found: list[Candidate], phase: str | None, metric: str | None) -> tuple[Candidate, str]:
    """The best one, or that of a phase, and the metric by which it is the best.

    Raises:
        InputError: there is none, or no such metric.
    """
    if not found:
        raise InputError(
            "MLflow has no model of these parameters; run `dvc repro`, or `python -m stages.tracking.report`"
        )
    directions = {value.name: value.better for value in values().values() if value.better}
    known = [name for name in directions if any(of_evaluation(name) in each.metrics for each in found)]
    chosen = metric or next((name for name in (*PREFERRED, *known) if name in known), "")
    if metric and metric not in known:
        raise InputError(f"--metric {metric}: not measured, or neither high nor low is better; choose {_listed(known)}")
    names = [each.phase for each in found]
    if phase is not None and phase not in names:
        raise InputError(f"--phase {phase}: MLflow has no model of it; choose {_listed(names)}")
    rivals = [each for each in found if phase in (None, each.phase)]
    return _best(rivals, of_evaluation(chosen), directions.get(chosen)), chosen


def _best(rivals: list[Candidate], name: str, better: Better | None) -> Candidate:
    """The last one where none is measured."""
    measured = [each for each in rivals if name in each.metrics]
    if not measured:
        return rivals[-1]
    return (max if better == "higher" else min)(measured, key=lambda each: each.metrics[name])


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "none: no metric is measured"


def register(client: MlflowClient, candidate: Candidate, name: str, description: str) -> str:
    """The number of the version; a model that has one keeps it, with a new card."""
    try:
        client.create_registered_model(name, description="Generators of `pgan`: seeds, or latents, in; PNG files out.")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    source = f"models:/{candidate.model.model_id}"
    for version in client.search_model_versions(f"name = '{name}'"):
        if version.model_id == candidate.model.model_id or version.source == source:
            client.update_model_version(name, version.version, description)
            return str(version.version)
    tags = {"phase": candidate.phase}
    created = client.create_model_version(
        name, source, candidate.model.source_run_id, tags, description=description, model_id=candidate.model.model_id
    )
    return str(created.version)


def card(candidate: Candidate, metric: str, parameters: dict[str, Any]) -> str:
    """A model card in Markdown."""
    parts = [
        f"EMA generator of the phase `{candidate.phase}`"
        + (f", chosen by `{metric}`." if of_evaluation(metric) in candidate.metrics else "."),
        "## Generator\n\n" + table(["", ""], [[name, f"`{text}`"] for name, text in candidate.model.params.items()]),
        _measured(candidate),
        _data(parameters),
        "## Use it\n\n"
        "    import mlflow, pandas as pd\n"
        f'    model = mlflow.pyfunc.load_model("models:/{candidate.model.model_id}")\n'
        '    model.predict(pd.DataFrame({"seed": [0, 1]}))["png"]  # bytes of PNG files\n\n'
        "Columns: `seed`, or `latent` with `latent_size` numbers; `label` and `truncation` where wanted. "
        f"It was made by the run `{candidate.model.source_run_id}`, whose parameters and data it depends on.",
    ]
    return "\n\n".join(part for part in parts if part)


def _measured(candidate: Candidate) -> str:
    known = [value for value in values().values() if of_evaluation(value.name) in candidate.metrics]
    if not known:
        return ""
    rows = [
        [f"`{value.name}`", f"{candidate.metrics[of_evaluation(value.name)]:.4g}", value.better or ""]
        for value in known
    ]
    return "## Quality\n\n" + table(["metric", "value", "better"], rows)


def _data(parameters: dict[str, Any]) -> str:
    """Of the images that it was trained on, and what a picture of it must say."""
    try:
        meta = read_meta(PYRAMID)
    except InputError:
        return ""
    lines = [f"## Data\n\n{meta.count} images of the source `{parameters['prepare']['source']}`"]
    if meta.classes:
        lines.append(f"{len(meta.classes)} classes")
    credits = "\n\n".join(f"Credit: {text}" for text in meta.credits)
    return ", ".join(lines) + "." + (f"\n\n{credits}" if credits else "")
