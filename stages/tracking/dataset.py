"""The pyramid as MLflow's datasets: what a run was trained on, and what its metrics compare with."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag

from pgan.data.pyramid import LABELS, META, Meta, level_name, read_meta
from pgan.errors import InputError, redacted
from stages.tracking.folders import PYRAMID

CONTEXT = "mlflow.data.context"
"""The tag in which MLflow keeps what a dataset was used for (`mlflow.utils.mlflow_tags.MLFLOW_DATASET_CONTEXT`)."""
EMBEDDED = ("digits", "avatars")
"""Sources that come with the code."""
MOST_CLASSES = 1000
"""In a profile."""


@dataclass(frozen=True)
class Datasets:
    """Of one experiment."""

    training: Dataset
    evaluation: Dataset
    """The same real images as metrics compare with them: in one feature space, at one target size.

    Values of a metric may be compared where name and digest of this dataset are equal.
    """

    def log(self, client: MlflowClient, run: str, *contexts: str) -> None:
        """Log them as inputs of a run in these contexts: `training`, `evaluation`. MLflow adds each once."""
        inputs = [DatasetInput(getattr(self, context), [InputTag(CONTEXT, context)]) for context in contexts]
        client.log_inputs(run, inputs)


def describe(parameters: dict[str, Any], folder: Path = PYRAMID) -> Datasets | None:
    """What `prepare` made; None where there is no pyramid yet."""
    try:
        meta = read_meta(folder)
    except InputError:
        return None
    prepare = parameters["prepare"]
    name = str(prepare["source"] if prepare["source"] in EMBEDDED else Path(prepare["path"]).name)
    made = _digest((folder / META).read_text(encoding="utf-8"), prepare, parameters.get("seed"))
    measured = [parameters.get(key) for key in ("features", "evaluate")] + [parameters["training"].get("mirror")]
    shared = {"source_type": "code" if prepare["source"] in EMBEDDED else "local", "source": _source(prepare)}
    profile = json.dumps(_profile(meta), ensure_ascii=False)
    return Datasets(
        Dataset(name, made, schema=_schema(meta), profile=profile, **shared),
        Dataset(f"{name}-evaluation", _digest(made, measured), schema=_schema(meta), profile=profile, **shared),
    )


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _source(prepare: dict[str, Any]) -> str:
    """In MLflow's form for local files, or for what code makes."""
    if prepare["source"] in EMBEDDED:
        return json.dumps({"tags": {"mlflow.source.type": "LOCAL", "mlflow.source.name": f"pgan: {prepare['source']}"}})
    return json.dumps({"uri": redacted(str(prepare["path"]))})


def _profile(meta: Meta) -> dict[str, Any]:
    """Counts, for people."""
    counts = dict(zip(meta.classes, meta.class_counts, strict=False))
    return {
        "num_rows": meta.count,
        "channels": meta.channels,
        "resolutions": meta.levels,
        "classes": len(meta.classes),
        "class_counts": dict(list(counts.items())[:MOST_CLASSES]),
        "skipped": len(meta.skipped),
        "source_sha256": meta.source_digest,
    }


def _schema(meta: Meta) -> str:
    """The arrays, in MLflow's form for tensors."""
    levels = [(level_name(r), "uint8", [-1, meta.channels, r, r]) for r in meta.levels]
    columns = [*levels, (LABELS, "int64", [-1])]
    tensors = [
        {"name": name, "type": "tensor", "tensor-spec": {"dtype": dtype, "shape": shape}}
        for name, dtype, shape in columns
    ]
    return json.dumps({"mlflow_tensorspec": {"features": json.dumps(tensors), "targets": None}})
