"""The EMA generator of a phase as one of MLflow's logged models, linked to the metrics of its evaluation.

MLflow's `pyfunc` format with a loader module: the model holds weights as safetensors and the code that builds the
generator, and no pickle.  See `pgan_generator` for its input and output.
"""

import shutil
import tempfile
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Dataset, LoggedModel, LoggedModelOutput, LoggedModelStatus, Metric

import pgan
from pgan.untrusted.inputs import read_json
from stages.tracking.folders import TRAIN, images

LOADER = "pgan_generator"
KIND = "generator"
"""MLflow's `model_type`, by which models can be searched."""
CODE = (
    "__init__.py",
    "config.py",
    "errors.py",
    "extras.py",
    "randomness.py",
    "interchange/__init__.py",
    "interchange/description.py",
    "interchange/generator_file.py",
    "interchange/tensors.py",
    "networks/__init__.py",
    "networks/architectures.py",
    "networks/config.py",
    "networks/fixed.py",
    "networks/layers.py",
    "networks/layout.py",
    "networks/network.py",
    "networks/sampling.py",
    "networks/*/*.py",
    "sampling/__init__.py",
    "sampling/draw.py",
    "untrusted/__init__.py",
    "untrusted/inputs.py",
    "untrusted/recognise.py",
    "untrusted/strict_yaml.py",
    "untrusted/weights.py",
)
"""What of `pgan` a model needs: the files that its loader imports, and no other."""
PACKAGES = ("numpy", "pandas", "pillow", "pydantic", "pyyaml", "safetensors", "torch", "tqdm")
"""What these files import, each at the version that is installed here."""


def name_of(phase: str) -> str:
    """Of a phase's logged model."""
    return f"generator-{phase}"


class Models:
    """The logged models of one run."""

    def __init__(self, client: MlflowClient, experiment: str, run: str) -> None:
        self._client, self._experiment, self._run = client, experiment, run

    def add(self, phase: str, dataset: Dataset | None, held: list[Metric]) -> None:
        """Log the generator of a phase that is evaluated, and its metrics, unless the run has it.

        Args:
            dataset: what the metrics compare with.
            held: the run's own points of the evaluation: with other times, MLflow would log them twice.
        """
        found = self.of(phase)
        for model in found:
            if model.status != LoggedModelStatus.READY:  # an interruption left it unfinished
                self._client.delete_logged_model(model.model_id)
        whole = [model for model in found if model.status == LoggedModelStatus.READY]
        model_id = whole[0].model_id if whole else self._log(phase)
        points = [_linked(point, model_id, dataset) for point in held]
        self._client.log_batch(self._run, metrics=points)

    def of(self, phase: str) -> list[LoggedModel]:
        """Models of a phase."""
        return self._search(f"source_run_id = '{self._run}' AND name = '{name_of(phase)}'")

    def delete(self) -> None:
        """Delete all models of the run: it is replaced."""
        for model in self._search(f"source_run_id = '{self._run}'"):
            self._client.delete_logged_model(model.model_id)

    def _search(self, query: str) -> list[LoggedModel]:
        return list(self._client.search_logged_models([self._experiment], query))

    def _log(self, phase: str) -> str:
        """Its id. MLflow shows the model once everything is there."""
        from mlflow.models import Model

        with tempfile.TemporaryDirectory() as folder:
            weights = Path(folder) / "generator.safetensors"
            params = write_weights(TRAIN / phase / "checkpoint.pt", weights) | _summary(phase)
            created = self._client.create_logged_model(
                self._experiment, name_of(phase), self._run, params=params, model_type=KIND
            )
            model_id = str(created.model_id)
            about = Model(
                artifact_path=created.artifact_location, run_id=self._run, model_uuid=model_id, model_id=model_id
            )
            save(weights, Path(folder) / "model", about)
            self._client.log_model_artifacts(model_id, str(Path(folder) / "model"))
        self._client.log_outputs(self._run, [LoggedModelOutput(model_id, step=images(phase))])
        self._client.finalize_logged_model(model_id, LoggedModelStatus.READY)
        return model_id


def write_weights(checkpoint: Path, out: Path) -> dict[str, str]:
    """Write a checkpoint's EMA generator as safetensors, and return what it is.

    Raises:
        InputError: it is no checkpoint, or a damaged one.
    """
    from pgan.interchange.description import Description
    from pgan.interchange.generator_file import open_generator
    from pgan.interchange.tensors import to_safetensors

    generator, _ = open_generator(checkpoint)
    out.write_bytes(to_safetensors(generator, Description(generator.config, generator.resolution)))
    return {
        "architecture": generator.config.architecture,
        "resolution": str(generator.resolution),
        "channels": str(generator.channels),
        "latent_size": str(generator.latent_size),
        "classes": str(generator.classes),
    }


def save(weights: Path, out: Path, about: Any = None) -> None:
    """Write a generator in MLflow's format into a new folder.

    Args:
        weights: safetensors that `write_weights` wrote.
        about: MLflow's `Model`, where it has an id already.
    """
    import pandas as pd
    from mlflow import pyfunc

    from pgan.interchange.tensors import from_safetensors

    networks = from_safetensors(weights).config
    labels = {"label": [0, 1 % networks.classes]} if networks.classes else {}
    with tempfile.TemporaryDirectory() as folder:
        pyfunc.save_model(
            str(out),
            loader_module=LOADER,
            data_path=str(weights),
            code_paths=[str(path) for path in write_code(Path(folder))],
            signature=_signature(),
            input_example=pd.DataFrame({"seed": [0, 1]} | labels),
            pip_requirements=requirements(),
            mlflow_model=about,
        )


def write_code(folder: Path) -> list[Path]:
    """The loader, and in one file the part of `pgan` that it needs: a server takes each file of a model by itself."""
    here, room = Path(__file__).parent, Path(pgan.__file__).parent
    archive = folder / "pgan.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted({path for pattern in CODE for path in room.glob(pattern)}):
            file.writestr(zipfile.ZipInfo(f"pgan/{path.relative_to(room).as_posix()}"), path.read_bytes())
    return [Path(shutil.copy(here / f"{LOADER}.py", folder)), archive]


def requirements() -> list[str]:
    """For pip. A build of torch for one kind of device, such as 2.9.0+cpu, is the plain version elsewhere."""
    return [f"{name}=={version(name).partition('+')[0]}" for name in PACKAGES]


def _signature() -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types.schema import Array, ColSpec, DataType, Schema

    inputs: list[Any] = [
        ColSpec(DataType.long, "seed", required=False),
        ColSpec(Array(DataType.double), "latent", required=False),
        ColSpec(DataType.long, "label", required=False),
        ColSpec(DataType.double, "truncation", required=False),
    ]
    return ModelSignature(Schema(inputs), Schema([ColSpec(DataType.binary, "png")]))


def _summary(phase: str) -> dict[str, str]:
    """What the phase says of itself."""
    content = read_json(TRAIN / phase / "summary.json")
    names = ("phase", "kind", "total_kimg", "generator_parameters")
    return {name: str(content[name]) for name in names if name in content}


def _linked(point: Metric, model_id: str, dataset: Dataset | None) -> Metric:
    """A point of a run that also belongs to a model, and to a dataset."""
    about = (dataset.name, dataset.digest) if dataset else (None, None)
    return Metric(point.key, point.value, point.timestamp, point.step, model_id, *about)
